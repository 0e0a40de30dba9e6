"""Speed and memory, side by side with a naive form or a library in the same run."""
