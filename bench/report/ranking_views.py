"""From records to figures that compare whole methods: ranks over tasks, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

from bench.plan.cell import Cell
from bench.plan.figure import Figure
from bench.plan.slot import Slot, by_label
from bench.report.ranking_types import CostView, Ranked, RanksView, Spent
from bench.score import statistics
from bench.score.metric_names import METRICS
from bench.score.ranking import ranking
from bench.shipped import MEASURING
from bench.store.states import Results, measured

_GIGABYTE = 1e9


def ranks(
    figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> RanksView:
    """Methods by their mean rank over tasks, on each by the mean over seeds; none of one alone."""
    methods = by_label(slots)
    values = {
        label: {slot.column: list(measured(slot, results)[0].values()) for slot in mine}
        for label, mine in methods.items()
    }
    scores = {
        label: {task: mean(found) for task, found in of.items() if found}
        for label, of in values.items()
    }
    made = ranking(scores, higher_is_better=METRICS[figure.metric].higher_is_better is True)
    return RanksView(
        **named,
        metric=figure.metric,
        methods=tuple(
            Ranked(
                label=label,
                method=methods[label][0].entry.method,
                rank=rank,
                n=tuple(len(values[label][task]) for task in made.tasks),
                planned=max(len(slot.cells) for slot in methods[label]),
            )
            for label, rank in (made.ranks.items() if len(made.ranks) > 1 else ())
        ),
        tasks=len(made.tasks),
        asked=len({slot.column for slot in slots}),
        p=made.p,
        difference=made.difference,
        left_out=tuple(label for label in methods if label not in made.ranks),
    )


def costs(
    _figure: Figure,
    slots: Sequence[Slot],
    results: Results,
    named: dict[str, Any],
    *,
    scale: float,
    y_label: str,
) -> CostView:
    """What each method reaches and costs, of those that were measured on every task.

    Args:
        slots: Of every method on every task.
        results: Of the whole plan.
        named: The view's names, caption and preset.
        scale: What a value is multiplied by.
        y_label: What it is then.
    """
    spent = {label: _spent(mine, results, scale) for label, mine in by_label(slots).items()}
    return CostView(
        **named,
        y_label=y_label,
        methods=tuple(one for one in spent.values() if one),
        tasks=len({slot.column for slot in slots}),
        left_out=tuple(label for label, one in spent.items() if not one),
    )


def _spent(slots: Sequence[Slot], results: Results, scale: float) -> Spent | None:
    """Means over tasks and seeds; None where a task has no value or no cell whose time is whole."""
    values = [measured(slot, results)[0] for slot in slots]
    shared = set.intersection(*(set(of) for of in values))
    if not shared:
        return None
    keys = [key for slot in slots for seed in shared for key in slot.cells[seed]]
    # A probe's time is not the method's, of whose network it is.
    own = (key for key in keys if results.plan.cells[key].method not in MEASURING)
    timed = (key for key in own if not results.records[key].resumed)
    known = [key for key in timed if results.records[key].cell_seconds > 0]
    if not known:
        return None
    reached = statistics.summarise([scale * mean(of[seed] for of in values) for seed in shared])
    seconds = [results.records[key].cell_seconds for key in known]
    needed = [_needed(results.plan.cells[key], results) for key in known]
    whole = all(second is not None for of in needed for second in of.values())
    of_records = [results.records[key] for key in known]
    return Spent(
        label=slots[0].entry.label,
        method=slots[0].entry.method,
        mean=reached.mean or 0.0,
        std=reached.std,
        seconds=mean(seconds),
        with_needs=mean(seconds) + mean(sum(s or 0.0 for s in of.values()) for of in needed)
        if whole
        else None,
        gigabytes=mean((r.peak_device_memory or r.peak_memory) / _GIGABYTE for r in of_records),
        n=(reached.n,),
        planned=max(len(slot.cells) for slot in slots),
    )


def _needed(cell: Cell, results: Results) -> dict[str, float | None]:
    """Key -> seconds of each cell that a cell needs, of theirs too; None where not known whole."""
    found: dict[str, float | None] = {}
    for _, key in cell.needs:
        record = results.records.get(key)
        found[key] = record.cell_seconds if record and not record.resumed else None
        found |= _needed(results.plan.cells[key], results)
    return found
