"""Which pairs a similarity network calls similar, as constrained clusterings are given them.

The matrix R of n images: R[i, j] is what the network says of the ordered pair (i, j). It is not
symmetric, as the network is not, and its diagonal need not be true ("Learning to cluster in order
to transfer across domains and tasks", section 5.1: predictions for both orders of a pair and for
self-pairs, in random order).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.tasks import Bools, Floats, Ints

NAME = "similar"
"""Of the tensor that holds the matrix, uint8 (n, ceil(n / 8))."""


def packed(similar: Bools) -> dict[str, Tensor]:
    """The matrix R, bool (n, n), at a bit a pair: `numpy.packbits` of its rows."""
    return {NAME: torch.from_numpy(np.packbits(similar, axis=1))}


def similar(tensors: Mapping[str, Tensor], n: int) -> Bools:
    """The matrix R of n images, bool (n, n), out of what `packed` gave.

    Raises:
        ValueError: it is that of another number of images, or there is none.
    """
    bits = tensors.get(NAME)
    width = math.ceil(n / 8)
    if bits is None or bits.dtype != torch.uint8 or bits.shape != (n, width):
        found = "none" if bits is None else f"{bits.dtype} {tuple(bits.shape)}"
        raise ValueError(f"tensor '{NAME}': {n} rows of {width} bytes are wanted, not {found}")
    return np.unpackbits(bits.numpy(), axis=1, count=n).astype(bool)


def groups(points: npt.NDArray[np.floating]) -> Ints:
    """Points that are equal in all coordinates have one number: int64, (N,), in 0..groups-1.

    Raises:
        ValueError: `points` is no matrix, or holds NaN or infinite values.
    """
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"points have shape {points.shape}, not (N, D) with N and D above 0")
    if not np.isfinite(points).all():
        raise ValueError("points hold NaN or infinite values")
    numbers: Ints = np.unique(points, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return numbers


def ordered_pairs(same: Ints, draw: np.random.Generator) -> Ints:
    """All ordered pairs (i, j) of different points in random order, int64, (P, 2).

    Args:
        same: `groups` of the points: two of one group, such as i and i, make no pair, as no metric
            could move them apart.
        draw: Shuffles.
    """
    i, j = np.nonzero(same[:, None] != same)
    return np.stack([i, j], axis=1)[draw.permutation(len(i))]


def signed(similar: Bools) -> Floats:
    """Q = (R' + R'^T) / 2 with R' = 2 R - 1, float64 (n, n), symmetric: 1, 0 and -1."""
    half = similar.astype(np.float64) - 0.5
    return half + half.T


def upper(similar: Bools) -> Bools:
    """A symmetric R, bool (n, n): what R says of (i, j), i < j, counts for both orders.

    For methods that know no order; a point is similar to itself.
    """
    above = np.triu(similar, 1)
    return above | above.T | np.eye(len(similar), dtype=bool)
