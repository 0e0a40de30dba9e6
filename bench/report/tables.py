"""From records to the rows of tables, and to what figures show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bench import registry
from bench.datasets import get_task
from bench.plan import published, settings
from bench.plan.entry import Part
from bench.plan.experiment import Experiment, Preset, Table
from bench.plan.graph import Slot
from bench.render.rows import Drawing, Entry, TableView
from bench.report.figures import drawing
from bench.score import statistics
from bench.score.metrics import METRICS, is_count
from bench.store.measured import measured
from bench.store.states import Results


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


def _table(
    one: Experiment,
    table: Table,
    slots: Sequence[Slot],
    results: Results,
) -> TableView:
    """A table's view, with the best of each column marked."""
    preset = results.plan.preset
    entries = [
        _told(one, slot, preset) if slot.part.fact else _entry(slot, results) for slot in slots
    ]
    best: set[int] = set()
    for column in {(e.column, e.metric) for e in entries}:
        ranked = {
            str(i): e.values
            for i, e in enumerate(entries)
            if (e.column, e.metric) == column and not e.oracle
        }
        higher = METRICS[column[1]].higher_is_better if column[1] in METRICS else True
        if higher is not None:
            best |= {int(i) for i in statistics.best_rows(ranked, higher_is_better=higher)}
    return TableView(
        experiment=one.name,
        name=table.name,
        caption=table.caption,
        preset=results.plan.shown,
        entries=tuple(
            dataclasses.replace(e, best=i in best) if e.metric else e for i, e in enumerate(entries)
        ),
        columns=tuple(dict.fromkeys(c.label for c in table.column)),
        notes=(*one.notes, *table.notes),
    )


def _told(one: Experiment, slot: Slot, preset: str) -> Entry:
    """One entry of a table of settings, with the parameters that the preset would run."""
    part = slot.part
    own = one.preset.get(preset, Preset()).params.get(part.method, {})
    params = {**own, **part.params, **(part.quick if preset == "quick" else {})}
    words = settings.tell(dataclasses.replace(part, params=params), preset, where=slot.name)
    return Entry(part.label, slot.column, "", "count", part.group, note=part.note, words=words)


def _entry(slot: Slot, results: Results) -> Entry:
    """One entry of a table."""
    part = slot.part
    values, counter = measured(slot, results)
    summary = statistics.summarise([values[s] for s in sorted(values)])
    unit: statistics.Unit = part.unit or ("count" if is_count(part.metric) else "percent")  # type: ignore[assignment]
    printed = None
    if part.published:
        printed = published.find(part.published, metric=part.metric, where=slot.name)
    oracle = bool(part.method) and registry.get(part.method).uses_target_labels
    metric = METRICS.get(part.metric)
    judgement = statistics.verdict(
        summary,
        printed.value if printed else None,
        published_std=printed.std if printed else None,
        unit=unit,
        higher_is_better=metric.higher_is_better if metric else True,
        ideal=_classes(part),
        not_comparable_because=_not_comparable(slot, results, oracle=oracle),
    )
    return Entry(
        row=part.label,
        column=slot.column,
        metric=part.metric,
        unit=unit,
        group=part.group,
        values=values,
        planned=len(slot.cells),
        states=dict(counter),
        published=printed.value if printed else None,
        published_std=printed.std if printed else None,
        published_source=printed.source if printed else "",
        published_note=printed.note if printed else "",
        mean=summary.mean,
        std=summary.std,
        n=summary.n,
        difference=judgement.difference,
        verdict=judgement.verdict,
        reason=judgement.reason,
        oracle=oracle,
        note=part.note,
    )


def _classes(part: Part) -> float | None:
    """The true number of classes, which NDC should be near; the mean over several tasks."""
    counts = [get_task(name).n_clusters for name in part.all_tasks]
    return sum(counts) / len(counts) if counts else None


def _not_comparable(slot: Slot, results: Results, *, oracle: bool) -> str:
    """Why a measured number is of another experiment than the published one; "" if it is not."""
    keys = [k for keys in slot.cells.values() for k in keys]
    used = results.plan.closure(keys) & results.records.keys()
    partial = {results.records[k].partial_data for k in used} - {""}
    reasons = ["quick preset"] if results.plan.preset == "quick" else []
    reasons += [slot.part.differs] if slot.part.differs else []
    reasons += [f"part of the data: {p}" for p in sorted(partial)]
    reasons += ["oracle row"] if oracle else []
    return "; ".join(reasons)
