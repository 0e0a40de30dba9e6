"""From records to what figures show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bench.errors import BenchError
from bench.plan.experiment import Experiment
from bench.plan.figure import Figure
from bench.plan.slot import Slot, by_label
from bench.report.view_types import Curve, Drawing, FigureView, Heatmap, HeatmapView
from bench.score import statistics
from bench.score.metric_names import NATS, is_count, is_metric
from bench.score.statistics import Summary
from bench.store import traces
from bench.store.states import USABLE, Results, measured

_NAMED = 3
"""Metrics that a label has room for."""


def drawing(one: Experiment, figure: Figure, slots: Sequence[Slot], results: Results) -> Drawing:
    """What a figure shows, fractions as percent.

    Args:
        one: The experiment.
        figure: One of its figures.
        slots: The figure's, those that a selection left in.
        results: Of the whole plan.
    """
    from bench.report import panel_views, ranking_views  # scikit-learn takes seconds to import

    makers: dict[str, Callable[..., Drawing]] = {
        "curve": _curves, "bars": _curves, "training": _training,
        "heatmap": _heatmap, "embedding": panel_views.embedding, "images": panel_views.images,
        "confusion": panel_views.confusion, "ranks": ranking_views.ranks,
        "cost": partial(ranking_views.costs, scale=_scale(figure), y_label=_metric_label(figure)),
    }  # fmt: skip
    named = {"experiment": one.name, "name": figure.name, "caption": figure.caption}
    return makers[figure.kind](figure, slots, results, named | {"preset": results.plan.shown})


def _scale(figure: Figure) -> float:
    """What a value is multiplied by: fractions are drawn as percent."""
    plain = figure.logged or figure.metrics & NATS or _counts(figure)
    return 1.0 if plain else 100.0


def _counts(figure: Figure) -> bool:
    """Whether it shows a number of things."""
    return any(map(is_count, figure.metrics))


def _metric_label(figure: Figure) -> str:
    """The label of the y axis: what the figure says, or what its curves show."""
    named = [figure.logged] if figure.logged else sorted(figure.metrics)
    told = ", ".join(named) if len(named) <= _NAMED else "value"
    known = all(map(is_metric, named)) and _scale(figure) == 100.0
    return figure.y_label or (f"{told} (%)" if known else told)


def _times(scale: float, values: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if value is None else scale * value for value in values)


def _planned(slots: Sequence[Slot]) -> int:
    return max((len(slot.cells) for slot in slots), default=0)


def _summary(slot: Slot, results: Results) -> tuple[Summary, float | None, bool]:
    """A slot's mean over seeds, their maximum, and whether it has none because of a failure."""
    values, states = measured(slot, results)
    failed = not values and bool(states["failed"] + states["blocked"])
    summary = statistics.summarise([values[s] for s in sorted(values)])
    return summary, max(values.values(), default=None), failed


def _curves(
    figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> FigureView:
    """Curves, or bars, of a metric over seeds, with the numbers that a paper prints."""
    scale, curves, sources = _scale(figure), [], dict[str, None]()
    for label, mine in by_label(slots).items():
        every = [_summary(slot, results) for slot in mine]
        summaries, printed = [s for s, _, _ in every], [slot.published for slot in mine]
        sources |= dict.fromkeys(p.source for p in printed if p)
        curves.append(
            Curve(
                label=label,
                method=mine[0].entry.method,
                x=tuple(slot.column or figure.x.value(slot.entry) for slot in mine),
                mean=_times(scale, [s.mean for s in summaries]),
                std=_times(scale, [s.std for s in summaries]),
                n=tuple(s.n for s in summaries),
                planned=_planned(mine),
                published=_times(scale, [p.value if p else None for p in printed])
                if any(printed)
                else (),
                failed=tuple(failed for _, _, failed in every),
            )
        )
    return FigureView(
        **named,
        kind="bars" if figure.kind == "bars" else "curve",
        x_label=figure.x.label,
        y_label=_metric_label(figure),
        curves=tuple(curves),
        truth=figure.x.truth,
        x_log=figure.x.log,
        published_source="; ".join(sources),
    )


def _heatmap(
    figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> HeatmapView:
    """A panel for each part: the mean over seeds, or the best of them."""
    preset, scale, maps = results.plan.preset, _scale(figure), []
    columns, rows = figure.x.at(preset), figure.y.at(preset)
    for label, mine in by_label(slots).items():
        at = {(figure.x.value(s.entry), figure.y.value(s.entry)): s for s in mine}
        found = [[_summary(at[x, y], results) for x in columns] for y in rows]
        chosen = [[best if figure.best else s.mean for s, best, _ in row] for row in found]
        maps.append(
            Heatmap(
                label=label,
                value=tuple(_times(scale, row) for row in chosen),
                n=tuple(tuple(s.n for s, _, _ in row) for row in found),
                failed=tuple(tuple(failed for _, _, failed in row) for row in found),
                planned=_planned(mine),
            )
        )
    return HeatmapView(
        **named,
        x_label=figure.x.label,
        y_label=figure.y.label,
        value_label=_metric_label(figure),
        x=columns,
        y=rows,
        panels=tuple(maps),
        top=None if _counts(figure) else 100.0,
        best=bool(figure.best),
    )


def _training(
    figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> FigureView:
    """A logged value, or a metric of snapshots, at each step that some seed has."""
    scale, curves = _scale(figure), []
    for slot in slots:
        values: dict[float, list[float]] = {}
        damaged = []
        for seed in sorted(slot.cells):
            try:
                series = _series(slot.cells[seed][0], slot.entry.metric, figure, results)
            except BenchError:  # `status` says of which file, and why
                damaged.append(seed)
                continue
            for step, value in series:
                values.setdefault(step, []).append(value)
        steps = sorted(values)
        summaries = [statistics.summarise(values[step]) for step in steps]
        curves.append(
            Curve(
                label=slot.entry.label,
                method=slot.entry.method,
                x=tuple(steps),
                mean=_times(scale, [s.mean for s in summaries]),
                std=_times(scale, [s.std for s in summaries]),
                n=tuple(s.n for s in summaries),
                planned=len(slot.cells),
                damaged=tuple(damaged),
            )
        )
    return FigureView(
        **named,
        kind="training",
        x_label=figure.x.label or "step",
        y_label=_metric_label(figure),
        curves=tuple(curves),
        x_log=figure.x.log,
    )


def _series(key: str, metric: str, figure: Figure, results: Results) -> traces.Series:
    """Steps and values of one cell; none where it is not done or left no such curve.

    Raises:
        BenchError: its curves are damaged.
    """
    if results.states[key] not in USABLE:
        return []
    folder, record = results.runs / results.plan.cells[key].folder, results.records[key]
    if figure.logged:
        return traces.logged(folder, record, figure.logged)
    return traces.scored(folder, record, metric)


def damaged_curves(results: Results) -> dict[str, str]:
    """Folder -> what is wrong with its curves, of all cells that a figure over training shows."""
    plan = results.plan
    drawn = {(e.name, f.name) for e in plan.experiments for f in e.figure if f.kind == "training"}
    slots = (slot for slot in plan.slots if (slot.experiment, slot.name) in drawn)
    found: dict[str, str] = {}
    for key in dict.fromkeys(keys[0] for slot in slots for keys in slot.cells.values()):
        folder = plan.cells[key].folder
        if results.states[key] in USABLE:
            try:
                traces.read(results.runs / folder, results.records[key])
            except BenchError as error:
                found[folder] = str(error)
    return found
