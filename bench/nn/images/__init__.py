"""Images as tensors, and what is done to a whole batch of them."""
