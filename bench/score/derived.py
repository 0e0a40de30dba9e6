"""What a table shows of a seed's cells: a mean, and numbers that no single cell has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.score.metric_names import GAIN, NEAR, WITHIN

Scores = Mapping[str, float]
"""Metric -> value, of one cell."""


def value(metric: str, cells: Sequence[Scores], tasks: int) -> float | None:
    """One seed's value.

    Args:
        metric: The mean over the tasks is taken of it. `WITHIN` is how many of the tasks have an
            ADif of `NEAR` at most (CCN, section 5.1.2: 10 of 20). `GAIN` is the accuracy less that
            of another method on the same tasks (CCN, tables 10 and 12: "Gain").
        cells: Of each task the method's cell, with its probe's where it has one; for `GAIN`
            those of the other method behind them, as many.
        tasks: How many.

    Returns:
        None while the number of one task is lacking.
    """
    if metric == GAIN:
        half = len(cells) // 2
        own, other = (value("accuracy", part, tasks) for part in (cells[:half], cells[half:]))
        return None if own is None or other is None else own - other
    counted = metric == WITHIN
    source = "ADif" if counted else metric
    have = [scores[source] for scores in cells if source in scores]
    if len(have) != tasks:
        return None
    return float(sum(one <= NEAR for one in have)) if counted else sum(have) / len(have)
