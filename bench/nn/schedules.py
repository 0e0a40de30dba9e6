"""How a value changes in the course of training."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def cosine(
    base: float, final: float, epochs: int, steps: int, *, warmup: float = 0, start: float = 0.0
) -> npt.NDArray[np.float64]:
    """A value for each step: linear from `start` to `base`, then half a cosine towards `final`.

    Args:
        base: After the warm-up.
        final: Where the cosine would be one step after the last.
        epochs: Epochs of training.
        steps: Steps of an epoch.
        warmup: Epochs, or parts of one, fewer than `epochs`.
        start: Value at the start of the warm-up.

    Returns:
        float64, (epochs · steps,).
    """
    rise = np.linspace(start, base, round(warmup * steps))
    count = epochs * steps - len(rise)
    fall = final + 0.5 * (base - final) * (1 + np.cos(math.pi * np.arange(count) / count))
    return np.concatenate([rise, fall])
