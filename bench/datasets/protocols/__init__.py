"""The tasks that come with the harness, a module for each protocol."""

# The order of registration is the order of `tasks()`.
from bench.datasets.protocols import adapt, clustering, discovery, held_out  # noqa: F401, I001
from bench.datasets.protocols import imagenet_transfer, noisy_pairs, office31_adapt  # noqa: F401
from bench.datasets.protocols import alphabets, represent, pair_queries, transfer  # noqa: F401
from bench.datasets.protocols import unseen_classes  # noqa: F401
