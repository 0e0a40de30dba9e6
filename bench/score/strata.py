"""Precision and recall of pairs drawn apart, similar and dissimilar, as if all had been asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.tasks import Ints

LEVEL = 0.95
"""Of the intervals: so often at least they hold what all pairs would give."""


def prior(labels: Ints) -> float:
    """The share of similar pairs among all ordered pairs of two different images.

    Args:
        labels: int64, (N,), N >= 2.
    """
    sizes = np.bincount(labels).astype(np.int64)
    return float((sizes * (sizes - 1)).sum()) / (len(labels) * (len(labels) - 1))


def pair_scores(
    similar: npt.NDArray[np.bool_],
    scores: npt.NDArray[np.float64],
    prior: float,
    threshold: float = 0.5,
) -> dict[str, float]:
    """What `bench.score.metrics.pair_scores` would say of all pairs, with an interval each.

    A recall is of pairs of one kind and stays as drawn; a precision is made of both with the
    prior: p r / (p r + (1 - p)(1 - s)) of similar pairs, of recalls r and s.

    Args:
        similar: bool, (P,): whether the two truly share a class; some do, some do not.
        scores: float64, (P,): the predicted probability that they do.
        prior: Share of similar pairs among all, in 0..1.
        threshold: A score above it calls the pair similar.

    Returns:
        The precisions, recalls and F1 by their names in `METRICS`, and "NAME low" and "NAME high":
        Wilson's interval of a recall, and of a precision the values at both ends of both recalls'
        intervals, each then so wide that both hold together with probability `LEVEL`. A precision
        that is undefined is left out.

    Raises:
        ValueError: pairs of one kind are lacking.
    """
    called = scores > threshold
    kinds = {"similar": called[similar], "dissimilar": ~called[~similar]}
    if not all(kind.size for kind in kinds.values()):
        raise ValueError("pairs of one class and of two are needed")
    counts = [(int(right.sum()), right.size) for right in kinds.values()]
    r, s = (hits / of for hits, of in counts)
    found = {"similar recall": r, "dissimilar recall": s}
    for name, (hits, of) in zip(kinds, counts, strict=True):
        low, high = _interval(hits, of, LEVEL)
        found |= {f"{name} recall low": low, f"{name} recall high": high}
    together = 1 - (1 - LEVEL) / 2
    (r_low, r_high), (s_low, s_high) = (_interval(*count, together) for count in counts)
    for name, share, ends in (
        ("similar", prior, ((r, s), (r_low, s_low), (r_high, s_high))),
        ("dissimilar", 1 - prior, ((s, r), (s_low, r_low), (s_high, r_high))),
    ):
        values = [_precision(share, *one) for one in ends]
        for key, value in zip(("", " low", " high"), values, strict=True):
            if value is not None:
                found[f"{name} precision{key}"] = value
    found["similar F1"] = 2 * prior * r / (prior * (1 + r) + (1 - prior) * (1 - s))
    return found


def _interval(hits: int, of: int, level: float) -> tuple[float, float]:
    from scipy.stats import binomtest  # a second to import

    found = binomtest(hits, of).proportion_ci(level, method="wilson")
    # Rounding must not part the ends from a share of 0 or 1.
    return min(max(found.low, 0.0), hits / of), max(min(found.high, 1.0), hits / of)


def _precision(share: float, recall: float, other: float) -> float | None:
    """Of a kind that is this share of all pairs; None where no pair is called of that kind."""
    right, wrong = share * recall, (1 - share) * (1 - other)
    return right / (right + wrong) if right + wrong else None
