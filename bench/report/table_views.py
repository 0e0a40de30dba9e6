"""From records to tables, and all views of a plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench.plan.experiment import Experiment, Table
from bench.plan.slot import Slot
from bench.report.figure_views import drawing
from bench.report.view_types import Drawing, Measured, TableView
from bench.score import statistics
from bench.store import provenance
from bench.store.states import Results, measured


def views(results: Results) -> tuple[list[TableView], list[Drawing]]:
    """Every table and figure of a plan that at least one slot of the plan fills."""
    slots: dict[tuple[str, str], list[Slot]] = {}
    for slot in results.plan.slots:
        slots.setdefault((slot.experiment, slot.name), []).append(slot)
    tables: list[TableView] = []
    figures: list[Drawing] = []
    for one in results.plan.experiments:
        for table in one.table:
            mine = slots.get((one.name, table.name))
            if mine:
                tables.append(_table(one, table, mine, results))
        for figure in one.figure:
            mine = slots.get((one.name, figure.name))
            if mine:
                figures.append(drawing(one, figure, mine, results))
    return tables, figures


def _table(one: Experiment, table: Table, slots: Sequence[Slot], results: Results) -> TableView:
    """A table's view, with the best of each column marked."""
    entries = [Measured(slot) if slot.entry.fact else _entry(slot, results) for slot in slots]
    best: set[int] = set()
    for head in {slot.head for slot in slots}:
        column = [i for i, slot in enumerate(slots) if slot.head == head and not slot.oracle]
        higher = slots[column[0]].higher_is_better if column and head[1] else None
        # The best of those that happen to have run is not the best of the column.
        if higher is not None and all(entries[i].whole for i in column):
            ranked = {str(i): entries[i].values for i in column}
            best |= {int(i) for i in statistics.best_rows(ranked, higher_is_better=higher)}
    return TableView(
        experiment=one.name,
        name=table.name,
        caption=table.caption,
        preset=results.plan.shown,
        entries=tuple(dataclasses.replace(e, best=i in best) for i, e in enumerate(entries)),
        columns=tuple(dict.fromkeys(c.label for c in table.column)),
        notes=(*one.notes, *table.notes, *_mixed(slots, results)),
        lacks=_lacks(slots, results),
    )


_KINDS = {"data": "data set ", "weights": "weights ", "packed": "tensors of "}


def _lacks(slots: Sequence[Slot], results: Results) -> tuple[str, ...]:
    """What the unavailable cells of some slots need and cannot have here, each once."""
    keys = {key for slot in slots for key in slot.keys if results.states[key] == "unavailable"}
    found = {lack for key in keys for lack in results.lacks.get(key, ())}
    return tuple(sorted(f"{_KINDS[x.kind] if x.how else ''}{x.what}" for x in found))


def _mixed(slots: Sequence[Slot], results: Results) -> tuple[str, ...]:
    """The note that a table needs whose numbers were measured with several versions."""
    words = provenance.mixed(slots, results)
    return (f"Measured with several versions, which may change results: {words}.",) if words else ()


def _entry(slot: Slot, results: Results) -> Measured:
    """One entry of a table of numbers."""
    values, states = measured(slot, results)
    summary = statistics.summarise([values[s] for s in sorted(values)])
    printed = slot.published
    judgement = statistics.verdict(
        summary,
        printed.value if printed else None,
        published_std=printed.std if printed else None,
        unit=slot.unit,
        higher_is_better=slot.higher_is_better,
        ideal=slot.ideal,
        not_comparable_because=_not_comparable(slot, results),
    )
    return Measured(slot, values, dict(states), summary, judgement)


def _not_comparable(slot: Slot, results: Results) -> str:
    """Why a measured number is of another experiment than the published one; "" if it is not."""
    used = results.plan.closure(slot.keys)
    partial = {results.records[k].partial_data for k in used & results.records.keys()} - {""}
    reasons = ["quick preset"] if results.plan.preset == "quick" else []
    methods = {results.plan.cells[k].method for k in used}
    reasons += results.plan.given if results.plan.changed & methods else ()
    # Reasons are parted by "; ".
    reasons += [slot.entry.differs.replace("; ", ", ")] if slot.entry.differs else []
    reasons += [f"part of the data: {p}" for p in sorted(partial)]
    reasons += ["oracle row"] if slot.oracle else []
    return "; ".join(reasons)
