"""Features of clean images from a frozen network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.nn.images.tensors import to_tensor
from bench.nn.networks.base import Network


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; training mode comes back if it was on."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)


def extract(
    network: nn.Module,
    images: npt.NDArray[np.uint8],
    batch: int = 1000,
    of: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Features of images, in their order, on the network's device a batch at a time.

    Args:
        network: Any network of `bench.nn.networks`; any module at all where `of` is given.
        images: uint8, (N, height, width, channels).
        batch: Images at a time.
        of: What is extracted from a float32 NCHW batch; `network.features` by default.

    Returns:
        float32, (N, D), on the CPU.

    Raises:
        ValueError: a feature is NaN or infinite.
    """
    device = next(network.parameters()).device
    function = of or cast(Network, network).features
    with evaluating(network):
        parts = [
            function(to_tensor(images[start : start + batch], device)).float().cpu()
            for start in range(0, len(images), batch)
        ]
    features = torch.cat(parts)
    if not torch.isfinite(features).all():
        raise ValueError("the network's features hold NaN or infinite values")
    return features
