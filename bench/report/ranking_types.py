"""What figures that compare whole methods are drawn from: their ranks, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ranked:
    """One method's place."""

    label: str
    method: str
    """Decides the colour."""
    rank: float
    """Mean over tasks, 1 the best."""
    n: tuple[int, ...]
    """Seeds behind its value on each task."""
    planned: int


@dataclass(frozen=True)
class RanksView:
    """Methods by mean rank over tasks, the best first."""

    experiment: str
    name: str
    caption: str
    preset: str
    metric: str
    methods: tuple[Ranked, ...]
    tasks: int
    """Over so many."""
    asked: int
    """Of so many."""
    p: float | None
    difference: float | None
    """See `bench.score.ranking.Ranking`, as for p."""
    left_out: tuple[str, ...] = ()
    """Labels of methods that lack more than half of the tasks."""


@dataclass(frozen=True)
class Spent:
    """What one method reaches and costs, means over tasks and seeds."""

    label: str
    method: str
    """Decides the colour."""
    mean: float
    """The metric, percent where it is a fraction."""
    std: float | None
    """Sample standard deviation (ddof 1) over seeds."""
    seconds: float
    """Of its cell on each task, CPU seconds on a CPU, else wall seconds."""
    with_needs: float | None
    """The same with all cells that it needs, each counted whole; None where one of them was
    resumed, whose time is that of its last start alone."""
    gigabytes: float
    """Largest memory of a cell, its mean, GB: of the GPU where it ran on one."""
    n: tuple[int, ...]
    planned: int


@dataclass(frozen=True)
class CostView:
    """A metric against time and memory."""

    experiment: str
    name: str
    caption: str
    preset: str
    y_label: str
    methods: tuple[Spent, ...]
    tasks: int
    left_out: tuple[str, ...] = ()
    """Labels of methods that were not measured on every task."""
