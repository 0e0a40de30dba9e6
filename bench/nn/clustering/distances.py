"""All squared Euclidean distances of two sets of points, for clusterings that hold the matrix."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", bound=np.floating)


def squared_distances(points: npt.NDArray[Float], others: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """(N, M), at least 0, of points (N, D) and (M, D)."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    found: npt.NDArray[Float] = np.maximum(squares - 2.0 * points @ others.T, 0.0)
    return found
