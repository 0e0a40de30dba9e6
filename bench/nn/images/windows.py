"""Windows of images as they are stored: their middle, and others at random places."""

from __future__ import annotations

import numpy as np
import torch

from bench.tasks import Images


def middle(images: Images, share: float) -> Images:
    """The middle of each image.

    Args:
        images: uint8, (N, height, width, channels).
        share: Of height and of width, above 0 and at most 1; 0.875 are 224 of 256 pixels.

    Returns:
        uint8, (N, h, w, channels), h and w rounded and at least 1.
    """
    sides = _sides(images, share)
    top, left = ((images.shape[1 + axis] - sides[axis]) // 2 for axis in (0, 1))
    return images[:, top : top + sides[0], left : left + sides[1]]


def random_windows(images: Images, share: float, generator: torch.Generator) -> Images:
    """A window of each image, of the size of `middle`, at a place that is drawn for it."""
    height, width = _sides(images, share)
    places = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(1, 2))
    free = torch.tensor(places.shape[1:3])  # places of the upper left corner
    draws = torch.rand(len(images), 2, generator=generator, dtype=torch.float64)
    top, left = (draws * free).long().numpy().T
    return np.moveaxis(places[np.arange(len(images)), top, left], 1, 3)


def _sides(images: Images, share: float) -> tuple[int, int]:
    height, width = (max(round(share * side), 1) for side in images.shape[1:3])
    return height, width
