"""Gaussian mean shift in which every point has a bandwidth of its own.

Comaniciu, Ramesh, Meer, "The variable bandwidth mean shift and data-driven scale selection", ICCV
2001; Anand, Mittal, Tuzel, Meer, "Semi-supervised kernel mean shift clustering", TPAMI 2014.
"""

from __future__ import annotations

import numpy as np

from bench.nn.clustering.distances import squared_distances
from bench.tasks import Floats, Ints

_FLOOR = 1e-8
"""Of a squared bandwidth: a point whose neighbours are its equals still has one."""
_TOLERANCE = 1e-10
"""A place that moves less has arrived."""
_MOVES = 10_000
"""Of a place at most."""
_MERGED = 1e-9
"""Squared distance below which two places are one mode."""


def bandwidths(points: Floats, neighbour: int) -> Floats:
    """The distance of each point to its so many-th neighbour, (N,); itself is none.

    Args:
        points: (N, D), N >= 2.
        neighbour: 1..N-1; what is beyond is taken for the last.
    """
    squared = squared_distances(points, points)
    np.fill_diagonal(squared, -1.0)
    place = min(max(neighbour, 1), len(points) - 1)
    found: Floats = np.sqrt(np.maximum(np.partition(squared, place, axis=1)[:, place], _FLOOR))
    return found


def mean_shift(points: Floats, widths: Floats) -> Ints:
    """The mode that each point climbs to.

    The mean that a place y moves to has weights h_i^-(D + 2) exp(-|y - x_i|^2 / (2 h_i^2)). They
    are compared by their logarithms: with 25 dimensions such powers leave the range of floats.

    Args:
        points: float64, (N, D), finite.
        widths: h, (N,), above 0.

    Returns:
        int64, (N,): modes in the order of their first points, from 0.
    """
    places = points.copy()
    offset = -(points.shape[1] + 2) * np.log(widths)
    half = 1 / (2 * widths**2)
    moving = np.arange(len(points))
    for _ in range(_MOVES):
        weights = offset - squared_distances(places[moving], points) * half
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        moved = (weights @ points) / weights.sum(axis=1, keepdims=True)
        steps = np.linalg.norm(moved - places[moving], axis=1)
        places[moving] = moved
        moving = moving[steps >= _TOLERANCE]
        if not len(moving):
            break
    modes: Ints = np.full(len(points), -1, np.int64)
    count = 0
    for i in range(len(points)):
        if modes[i] < 0:
            near = np.square(places - places[i]).sum(axis=1) < _MERGED
            modes[near & (modes < 0)] = count
            count += 1
    return modes


def largest(modes: Ints, points: Floats, most: int) -> Ints:
    """At most so many clusters: points of smaller ones go to the nearest mean of the others.

    Args:
        modes: Integers from 0, (N,), each used.
        points: (N, D).
        most: Clusters that are left, >= 1; of equally large ones the first.

    Returns:
        int64, (N,), in 0..most-1.
    """
    sizes = np.bincount(modes)
    kept = np.sort(np.argsort(-sizes, kind="stable")[:most])
    means = np.stack([points[modes == mode].mean(axis=0) for mode in kept])
    found = squared_distances(points, means).argmin(axis=1)
    place = np.searchsorted(kept, modes)
    stays = np.isin(modes, kept)
    return np.where(stays, np.minimum(place, len(kept) - 1), found).astype(np.int64)
