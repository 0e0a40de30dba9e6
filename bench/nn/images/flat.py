"""Images as points: their pixels in a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views

_IMAGES = 1000
"""Images that are resized at a time."""


def flattened(images: npt.NDArray[np.uint8], size: int = 0) -> npt.NDArray[np.float32]:
    """Images in 0..1 as rows, bright where they are bright.

    To invert or normalise them would move no distance but by a factor.

    Args:
        images: uint8, (N, height, width, channels).
        size: Height and width that they are resized to, in pixels, as networks are given them;
            0: their own.

    Returns:
        float32, (N, D).
    """
    pixels: npt.NDArray[np.float32]
    if not size:
        pixels = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
        return pixels
    views = Views(size, invert=False, mean=0.0, std=1.0)
    starts = range(0, len(images), _IMAGES)
    parts = [views.clean(to_tensor(images[i : i + _IMAGES], "cpu")) for i in starts]
    pixels = torch.cat(parts).flatten(1).numpy()
    return pixels
