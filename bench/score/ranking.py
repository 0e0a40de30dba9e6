"""Ranks of methods over tasks, on plain numbers (Demšar 2006, JMLR 7, pages 1 to 30)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LEVEL = 0.05
"""Of both tests."""


@dataclass(frozen=True)
class Ranking:
    """Methods by their mean rank over tasks."""

    ranks: Mapping[str, float]
    """Method -> mean rank in 1..methods, 1 the best, the best first; equal values share the mean of
    their ranks."""
    tasks: tuple[str, ...]
    """Those it is over: every one of these methods has a value there."""
    p: float | None
    """Of "all methods are alike": Friedman's test in Iman and Davenport's form. None with fewer
    than two tasks or methods."""
    difference: float | None
    """Nemenyi's critical difference: mean ranks that differ by more do so beyond chance. None
    likewise."""


def ranking(scores: Mapping[str, Mapping[str, float]], *, higher_is_better: bool = True) -> Ranking:
    """Rank methods on each task and average.

    A task counts where every method has a value. A method that lacks more than half of the tasks
    that any has is left out instead: it would take the others' tasks from them.

    Args:
        scores: Method -> task -> value.
        higher_is_better: False for an error or a distance.
    """
    from scipy import stats  # slow to import

    every = dict.fromkeys(task for values in scores.values() for task in values)
    names = [name for name, values in scores.items() if values and 2 * len(values) >= len(every)]
    tasks = tuple(task for task in every if all(task in scores[name] for name in names))
    n, k = len(tasks), len(names)
    if not n:
        return Ranking({}, (), None, None)
    values = np.array([[scores[name][task] for name in names] for task in tasks])
    ranks = stats.rankdata(-values if higher_is_better else values, axis=1)
    mean = dict(sorted(zip(names, ranks.mean(axis=0).tolist(), strict=True), key=lambda at: at[1]))
    if min(n, k) < 2:
        return Ranking(mean, tasks, None, None)
    # The square of the ranks' spread between methods by that within tasks, which knows of ties.
    within = ((ranks - (k + 1) / 2) ** 2).sum() / (k - 1)
    chi = n * n * ((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum() / within if within else 0.0
    rest = n * (k - 1) - chi
    f = (n - 1) * chi / rest if rest > 1e-9 else math.inf
    # Where all tasks rank alike F is infinite; that happens by chance once in k!^(n-1).
    p = max(float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))), math.factorial(k) ** (1.0 - n))
    q = stats.studentized_range.ppf(1 - LEVEL, k, math.inf) / math.sqrt(2)
    return Ranking(mean, tasks, p, float(q * math.sqrt(k * (k + 1) / (6 * n))))
