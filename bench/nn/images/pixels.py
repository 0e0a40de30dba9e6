"""What is known of the pixels of many images."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def mean_and_deviation(images: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Mean and deviation of all pixels, in 0..1, to three digits; a deviation of 0 counts as 1."""
    # Counts of grey levels: the deviation of an array would take eight times its memory.
    blocks = (images[start : start + 1000] for start in range(0, len(images), 1000))
    counts = sum(np.bincount(block.reshape(-1), minlength=256) for block in blocks)
    levels = np.arange(256) / 255
    mean = float(np.average(levels, weights=counts))
    variance = float(np.average((levels - mean) ** 2, weights=counts))
    return round(mean, 3), round(math.sqrt(variance), 3) or 1.0
