"""Which cells may share a process: seeds of the same, of a method that takes many at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bench import registry
from bench.datasets import get_task
from bench.plan.cell import Cell
from bench.plan.graph import Plan

_DRAWN = ("similarity", "pairs")
"""Kinds of task whose inputs differ from seed to seed."""


def others(first: Cell, keys: Iterable[str], plan: Plan) -> list[Cell]:
    """Of the cells of these keys, those that differ from the first in their seed alone.

    Returns:
        By ascending seed; none where the method has no `fit_many`, see `bench.tasks.Method`.
    """
    many = registry.get(first.method).cls.fit_many is not None
    if not many or get_task(first.task).kind in _DRAWN:
        return []
    cells = (plan.cells[key] for key in keys)
    same = [c for c in cells if dataclasses.replace(c, seed=first.seed) == first]
    return sorted(same, key=lambda cell: cell.seed)
