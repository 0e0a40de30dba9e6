"""A kernel from relative distances: i and j are to be nearer than either of them and k.

Amid, Gionis, Ukkonen, "Semi-supervised kernel metric learning using relative comparisons", 2016:
for each triple (i, j | k), gamma d(i, j) <= d(i, k) and gamma d(i, j) <= d(j, k) in squared
distances, the kernel being the nearest to the first one by LogDet divergence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.nn.clustering.logdet import Distances, Gram
from bench.tasks import Bools, Ints

_BLOCK = 32
"""Triples, of three pairs each, whose updates enter the kernel together."""
_ALIKE = 1e-10
"""Of the product of two squared distances: what their pairs' independence must be above."""


def draw_triples(similar: Bools, same: Ints, count: int, draw: np.random.Generator) -> Ints:
    """Triples (i, j, k) with i and j called similar, i and k not, int64, (T, 3).

    Args:
        similar: (N, N): what is said of the ordered pairs (i, j) and (i, k).
        same: (N,): points of one number are equal, and no two of them are in one triple.
        count: Of triples, one for each image in turn and then again; images of which nothing is
            called similar, or everything, have none.
        draw: Draws j and k, each uniformly, and the order of the triples.
    """
    differ = same[:, None] != same
    near, far = similar & differ, ~similar & differ
    able = np.flatnonzero(near.any(axis=1) & far.any(axis=1))
    if not len(able):
        return np.zeros((0, 3), np.int64)
    i = np.resize(able, count)
    chosen = [
        (draw.choice(np.flatnonzero(near[a])), draw.choice(np.flatnonzero(far[a]))) for a in i
    ]
    triples: Ints = np.column_stack([i, np.array(chosen, np.int64).reshape(-1, 2)])
    # Two equal points j and k ask for what no kernel has.
    triples = triples[same[triples[:, 1]] != same[triples[:, 2]]]
    return triples[draw.permutation(len(triples))]


def learn(
    distances: Distances,
    triples: Ints,
    *,
    gamma: float,
    sweeps: int,
    said: Callable[[int, int], None] | None = None,
) -> list[int]:
    """Project on one triple after another until none is violated, or for so many sweeps.

    There is no slack: triples that contradict one another never end by themselves.

    Args:
        distances: Changed.
        triples: int64, (T, 3), in the order in which they are visited.
        gamma: Ratio of the squared distances, above 0.
        sweeps: At most.
        said: Told of each sweep, from 1, and of the violations in it; None: nobody is.

    Returns:
        The number of inequalities, of 2 T, that each sweep found violated.
    """
    violations: list[int] = []
    for sweep in range(sweeps):
        found = 0
        for start in range(0, len(triples), _BLOCK):
            i, j, k = triples[start : start + _BLOCK].T
            pairs = np.stack([[i, j], [i, k], [j, k]]).transpose(2, 0, 1).reshape(-1, 2)
            with distances.among(pairs) as gram:
                for t in range(len(i)):
                    found += project(gram, 3 * t, 3 * t + 1, gamma)
                    found += project(gram, 3 * t, 3 * t + 2, gamma)
        violations.append(found)
        if said:
            said(sweep + 1, found)
        if not found:
            break
    return violations


def project(gram: Gram, near: int, far: int, gamma: float) -> bool:
    """Make gamma d(near) equal d(far), where it is above it; say whether it was.

    With C = gamma c c^T - d d^T of both differences, K becomes (K^-1 - a C)^-1. The two eigenvalues
    of K^(1/2) C K^(1/2) that are not 0 turn into l / (1 - a l), whose sum is 0 for
    a = (l1 + l2) / (2 l1 l2); their sum is gamma p - q, their product -gamma (p q - r^2), of
    squared distances p and q and the inner product r. It is done in two updates of rank one.

    Args:
        gram: Of a block's differences.
        near: The difference of the pair that is to be the nearer.
        far: That of the other one. Where the two are one direction no kernel can do it, and
            where contradictions have drawn either to 0 no number can tell: nothing is changed.
        gamma: Ratio.
    """
    values = gram.values
    p, q, r = values.item(near, near), values.item(far, far), values.item(near, far)
    excess, independent = gamma * p - q, p * q - r * r
    if not min(p, q) > gram.rounding:
        return False
    if not excess > 0 or not independent > _ALIKE * p * q:
        return False
    a = -excess / (2 * gamma * independent)
    gram.change(near, a * gamma / (1 - a * gamma * p))
    gram.change(far, -a / (1 + a * values.item(far, far)))
    return True
