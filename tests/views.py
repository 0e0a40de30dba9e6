"""Entries and views of tables and figures, for the tests of rendering."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.plan.entry import Entry
from bench.plan.published import Published
from bench.plan.slot import Slot
from bench.render.pages import Site
from bench.report.view_types import Curve, FigureView, Heatmap, HeatmapView, Measured, TableView
from bench.score.statistics import Judgement, Summary, Unit, Verdict

SITE = Site("results/", figures=True, compared=False)
"""What pages of a report share."""


def entry(
    row: str = "kmeans",
    column: str = "CIFAR-10",
    metric: str = "ACC",
    unit: Unit = "percent",
    values: Sequence[float] = (),
    *,
    group: str = "",
    note: str = "",
    words: str = "",
    oracle: bool = False,
    planned: int = 10,
    published: float | None = None,
    published_std: float | None = None,
    published_source: str = "",
    published_note: str = "",
    verdict: Verdict = "",
    reason: str = "",
    states: Mapping[str, int] | None = None,
    best: bool = False,
    **fields: Any,
) -> Measured:
    """An entry as the report makes it: mean and std from the values, seeds from 0."""
    n = len(values)
    paper, _, table = published_source.partition(" table ")
    printed = None
    if published is not None:
        printed = Published(
            paper, table, "", "", "", metric, published, published_std, published_note
        )
    mean = fields.pop("mean", sum(values) / n if n else None)
    std = fields.pop("std", float(np.std(values, ddof=1)) if n > 1 else None)
    difference = mean - published if n and published is not None else None
    difference = fields.pop("difference", difference)
    assert not fields, fields
    part = Entry(label=row, group=group, metric=metric, note=note)
    cells: dict[int, list[str]] = {seed: [] for seed in range(planned)}
    slot = Slot("digits", "t", part, column, unit, printed, oracle, words=words, cells=cells)
    judgement = Judgement(verdict, difference, reason)
    measured = dict(enumerate(values))
    return Measured(slot, measured, states or {}, Summary(mean, std, n), judgement, best)


def view(*entries: Measured, **fields: Any) -> TableView:
    fields = {"experiment": "digits", "name": "t", "caption": "A table", "preset": "quick"} | fields
    return TableView(entries=entries, **fields)


Number = float | None
NAMED: dict[str, Any] = {"x_label": "x", "y_label": "y", "value_label": "NMI (%)", "top": 100.0}


def curve(label: str = "dec", mean: Sequence[Number] = (10.0, 20.0), **fields: Any) -> Curve:
    """The bars of one method, ten seeds of each; None was not measured."""
    made = {
        "x": tuple(f"group {i}" for i in range(len(mean))),
        "std": tuple(None if m is None else 1.0 for m in mean),
        "n": tuple(0 if m is None else 10 for m in mean),
        "planned": 10,
    }
    return Curve(label=label, mean=tuple(mean), **{**made, **fields})


def bars(*curves: Curve, **fields: Any) -> FigureView:
    return FigureView("digits", "b", "Bars", "quick", "", "ACC (%)", curves, kind="bars", **fields)


def heatmap(
    value: Sequence[Sequence[Number]],
    n: Sequence[Sequence[int]] | None = None,
    failed: Sequence[Sequence[bool]] | None = None,
    panels: int = 1,
    planned: int = 2,
    **fields: Any,
) -> HeatmapView:
    """A view of equal panels, all of whose seeds are there unless `n` says otherwise."""
    n = n or [[0 if v is None else planned for v in row] for row in value]
    failed = failed or [[False] * len(row) for row in value]
    one = Heatmap(
        "K = 10",
        tuple(map(tuple, value)),
        tuple(map(tuple, n)),
        tuple(map(tuple, failed)),
        planned,
    )
    x, y = tuple(range(len(value[0]))), tuple(range(len(value)))
    named = {**NAMED, **fields}
    return HeatmapView("e", "m", "C", "quick", x=x, y=y, panels=(one,) * panels, **named)


SMALL = view(
    entry("kmeans", values=[0.70, 0.72], planned=2, group="classical", published=0.715,
          published_source="supreme table 1", published_note="adopted", verdict="reproduced"),
    entry("kmeans", "SVHN", values=[0.5] * 10, group="classical"),
    entry("my_dec", group="deep", published=0.8, published_source="supreme table 1",
          verdict="open", states={"failed": 10}),
    entry("my_dec", "SVHN", values=[0.625] * 10, group="deep", best=True, note="best of 3"),
    entry("top", "SVHN", values=[0.9], oracle=True),
    notes=("K is an input.",),
)  # fmt: skip
