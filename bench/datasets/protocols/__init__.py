"""The tasks that come with the harness, a module for each protocol."""

from bench.datasets.protocols import (  # noqa: F401
    adapt,
    clustering,
    discovery,
    held_out,
    imagenet,
    noisy_pairs,
    office31,
    omniglot,
    represent,
    similarity,
    transfer,
    zero_shot,
)
