"""Information-theoretic metric learning: distances of pairs below or above bounds, with slack.

Davis, Kulis, Jain, Sra, Dhillon, "Information-theoretic metric learning", ICML 2007, algorithm 1.
The kernel versions for mean shift and K-means (Anand et al., 2014) make the same updates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.nn.clustering.logdet import Distances, Gram
from bench.tasks import Bools, Floats, Ints

_BLOCK = 96
"""Pairs whose updates enter the kernel together."""


@dataclass
class Bounds:
    """What each pair's distance is to be, and how far that has come."""

    pairs: Ints
    """int64, (P, 2), in the order in which they are visited; no pair of equal points."""
    similar: Bools
    """(P,): the squared distance is to be at most the target; otherwise at least."""
    targets: Floats
    """float64, (P,), above 0: xi, which gives way to what cannot be had."""
    duals: Floats
    """float64, (P,): lambda, from 0."""

    @classmethod
    def of(cls, pairs: Ints, similar: Bools, below: float, above: float) -> Bounds:
        """Similar pairs are to be `below` at most, the others `above` at least.

        Raises:
            ValueError: a bound is not a number above 0.
        """
        if not (0 < below < np.inf and 0 < above < np.inf):
            raise ValueError(f"bounds {below} and {above} must be numbers above 0")
        return cls(pairs, similar, np.where(similar, below, above), np.zeros(len(pairs)))


def learn(
    distances: Distances, bounds: Bounds, *, gamma: float, most: int, tolerance: float
) -> int:
    """Sweep over the pairs until their duals change little, or a sweep ends after enough updates.

    The authors' code tests both at the end of a sweep alone; its `most` = 100,000 is less than one
    sweep over all ordered pairs of 317 points or more, which therefore are visited once.

    Args:
        distances: Changed.
        bounds: Changed: targets and duals.
        gamma: How little targets give way, above 0.
        most: Pairs to visit, repetitions counted, before a sweep is the last.
        tolerance: Sum of the duals' changes over the sum of their Euclidean norms before and after.

    Returns:
        The number of sweeps.
    """
    if not len(bounds.pairs):
        return 0
    sweeps = 0
    while True:
        before = bounds.duals.copy()
        for start in range(0, len(bounds.pairs), _BLOCK):
            part = slice(start, start + _BLOCK)
            with distances.among(bounds.pairs[part]) as gram:
                _visit(gram, bounds, part, gamma)
        sweeps += 1
        norms = float(np.linalg.norm(before) + np.linalg.norm(bounds.duals))
        if norms == 0 or sweeps * len(bounds.pairs) > most:
            return sweeps
        if float(np.abs(before - bounds.duals).sum()) / norms < tolerance:
            return sweeps


def _visit(gram: Gram, bounds: Bounds, part: slice, gamma: float) -> None:
    """One update for each pair of a block that is beyond its target, or holds an earlier one's."""
    similar, values = bounds.similar[part].tolist(), gram.values
    targets, duals = bounds.targets[part].tolist(), bounds.duals[part].tolist()
    share = gamma / (gamma + 1)
    for c, (is_similar, target, dual) in enumerate(zip(similar, targets, duals, strict=True)):
        p = values.item(c, c)
        if not p > gram.rounding:
            continue
        sign = 1.0 if is_similar else -1.0
        step = min(dual, sign * share * (1 / p - 1 / target))
        if step == 0.0:
            continue
        duals[c] = dual - step
        targets[c] = gamma * target / (gamma + sign * step * target)
        gram.change(c, sign * step / (1 - sign * step * p))
    bounds.targets[part], bounds.duals[part] = targets, duals


def percentiles(squared: Floats, low: float, high: float) -> tuple[float, float]:
    """What is near and what is far among squared distances of different points.

    Args:
        squared: (P,), at least one.
        low: Percentile, in 0..100.
        high: The same.

    Returns:
        Both above 0: the nearer is at least a millionth of the farther.

    Raises:
        ValueError: all distances are 0, or not finite.
    """
    near, far = (float(x) for x in np.percentile(squared, (low, high)))
    if not 0 < far < np.inf:
        raise ValueError(f"the {high:g}th percentile of the squared distances is {far}")
    return max(near, 1e-6 * far), far
