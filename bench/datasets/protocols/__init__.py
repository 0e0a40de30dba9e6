"""The tasks that come with the harness, a module for each protocol."""

from bench.datasets.protocols import (  # noqa: F401
    adapt,
    clustering,
    discovery,
    noisy_pairs,
    omniglot,
    represent,
    similarity,
    transfer,
)
