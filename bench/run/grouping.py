"""Which cells may share a process: seeds of the same, of a method that takes many at once."""

from __future__ import annotations

from collections.abc import Iterable

from bench import registry
from bench.datasets import get_task
from bench.plan.cell import Cell, key_of
from bench.plan.graph import Plan
from bench.run.inputs import DRAWN


def groups(keys: Iterable[str], plan: Plan) -> dict[str, list[str]]:
    """Cells that differ in their seed alone, where the method has `fit_many`.

    Returns:
        Key of each such cell -> the keys of them all, itself among them, by ascending seed.
    """
    alike: dict[str, list[Cell]] = {}
    for key in keys:
        cell = plan.cells[key]
        many = registry.get(cell.method).cls.fit_many is not None
        if many and get_task(cell.task).kind not in DRAWN:
            alike.setdefault(key_of(cell.identity() | {"seed": 0}), []).append(cell)
    found: dict[str, list[str]] = {}
    for cells in alike.values():
        together = [cell.key for cell in sorted(cells, key=lambda cell: cell.seed)]
        found |= dict.fromkeys(together, together)
    return found
