"""What tables and figures are drawn from; nothing here knows of layout.

Metrics are fractions in 0..1 unless their unit is "count"; a table whose unit is "percent" shows
them times one hundred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.errors import BenchError
from bench.plan.slot import Slot
from bench.report.picture_types import ImagesView, Picture
from bench.report.ranking_types import CostView, RanksView
from bench.score.statistics import Judgement, Summary, Unit

_GRAVE = ("failed", "unavailable", "blocked", "missing", "undefined", "stale")
"""States of seeds without a value, the gravest first."""

NOTHING, UNJUDGED = Summary(None, None, 0), Judgement("", None, "")


@dataclass(frozen=True)
class Measured:
    """One cell of a table: a slot with what was measured over its seeds, beside the published.

    Raises:
        BenchError: a number is NaN or infinite, or the summary does not fit `values`.
    """

    slot: Slot
    values: Mapping[int, float] = field(default_factory=dict)
    """Seed -> measured value, of the cells that are done (stale ones included)."""
    states: Mapping[str, int] = field(default_factory=dict)
    """Number of seeds in each state: done, failed, missing, stale, blocked, unavailable; and
    undefined, of cells without a value."""
    summary: Summary = NOTHING
    judgement: Judgement = UNJUDGED
    best: bool = False

    @property
    def whole(self) -> bool:
        """Whether no seed that was asked for lacks its value, but for those that cannot have it."""
        return len(self.values) + self.states.get("undefined", 0) >= len(self.slot.cells)

    @property
    def lacking(self) -> tuple[str, int]:
        """The gravest state of an entry without a value, and the number of seeds in it."""
        for state in _GRAVE:
            if count := self.states.get(state, 0):
                return state, count
        return "not measured", 0

    def __post_init__(self) -> None:
        printed = self.slot.published
        numbers = [self.summary.mean, self.summary.std, self.judgement.difference]
        numbers += [printed.value, printed.std] if printed else []
        where = f"table {self.slot.name}: {self.slot.line}, {self.slot.head}"
        for number in (*numbers, *self.values.values()):
            if number is not None and not math.isfinite(number):
                raise BenchError(f"{where}: {number} is no result; a failed cell has no value")
        if self.summary.n != len(self.values):
            raise BenchError(f"{where}: n = {self.summary.n}, but {len(self.values)} values")
        if (self.summary.mean is None) != (self.summary.n == 0):
            raise BenchError(f"{where}: a mean needs a value, and values need their mean")


@dataclass(frozen=True)
class TableView:
    """A table: rows, groups and columns stand in the order in which entries first name them.

    Raises:
        BenchError: two entries claim one cell, or one column has two units.
    """

    experiment: str
    name: str
    caption: str
    preset: str
    entries: tuple[Measured, ...]
    columns: tuple[str, ...] = ()
    """Column labels in the order wanted; () takes the entries' order."""
    notes: tuple[str, ...] = ()
    alone: bool = False
    """Published numbers alone are shown."""

    lacks: tuple[str, ...] = ()
    """What its unavailable cells would need, such as "data set mnist"."""

    @property
    def measured(self) -> bool:
        """Whether it has a measured number."""
        return any(e.values for e in self.entries)

    @property
    def filled(self) -> bool:
        """Whether it has a number, measured or printed."""
        return self.measured or any(e.slot.published for e in self.entries)

    @property
    def told(self) -> bool:
        """Whether it holds words, not numbers."""
        return any(e.slot.words for e in self.entries)

    def __post_init__(self) -> None:
        cells: set[tuple[str, str, str, str]] = set()
        units: dict[tuple[str, str], Unit] = {}
        for slot in (e.slot for e in self.entries):
            column, metric = slot.head
            where = f"table {self.experiment} {self.name}: column {column!r}, {metric}"
            cell = (*slot.line, *slot.head)
            if cell in cells:
                raise BenchError(f"{where}: row {slot.entry.label!r} stands there twice")
            if units.setdefault(slot.head, slot.unit) != slot.unit:
                raise BenchError(f"{where}: has two units, {slot.unit} in row {slot.entry.label!r}")
            cells.add(cell)


@dataclass(frozen=True)
class Curve:
    """A line of a figure; `x`, `mean`, `std` and `n` have one length.

    Raises:
        BenchError: the lengths differ.
    """

    label: str
    x: tuple[float | str, ...]
    mean: tuple[float | None, ...]
    """None where nothing was measured: a gap in the line."""
    std: tuple[float | None, ...]
    """Sample standard deviation (ddof 1) over seeds; None for fewer than two."""
    n: tuple[int, ...]
    planned: int
    published: tuple[float | None, ...] = ()
    """A printed number for each x; () for none at all."""
    failed: tuple[bool, ...] = ()
    """Whether each x failed, of those that were not measured; () where none did."""
    method: str = ""
    """Decides the colour; "" takes that of its place."""
    damaged: tuple[int, ...] = ()
    """Seeds that are left out, since their stored curves are damaged."""

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.mean), len(self.std), len(self.n)}
        lengths |= {len(extra) for extra in (self.published, self.failed) if extra}
        if len(lengths) > 1:
            raise BenchError(f"curve {self.label!r}: x, mean, std and n must have one length")


@dataclass(frozen=True)
class FigureView:
    """Curves or bars with their spread, shown as they are (scale to percent beforehand)."""

    experiment: str
    name: str
    caption: str
    preset: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    truth: float | None = None
    """Where a vertical line stands, such as the true number of clusters."""
    truth_label: str = "true value"
    kind: Literal["curve", "bars", "training"] = "curve"
    """bars: each x is a group. training: x is a step, and the spread is always a band."""
    x_log: bool = False
    published_source: str = ""
    """Where the published numbers stand."""


@dataclass(frozen=True)
class Heatmap:
    """One map of a heat map; `value`, `n` and `failed` have a row for each y, an entry for each x.

    Raises:
        BenchError: their shapes differ.
    """

    label: str
    value: tuple[tuple[float | None, ...], ...]
    """Mean over seeds, or the best of them; None where nothing was measured."""
    n: tuple[tuple[int, ...], ...]
    failed: tuple[tuple[bool, ...], ...]
    """Whether each field failed, of those that were not measured."""
    planned: int

    def __post_init__(self) -> None:
        shapes = {tuple(len(row) for row in grid) for grid in (self.value, self.n, self.failed)}
        if len(shapes) > 1 or len(set(*shapes)) != 1:
            raise BenchError(f"panel {self.label!r}: value, n and failed must have one shape")


@dataclass(frozen=True)
class HeatmapView:
    """A metric over two axes, shown as it is (scale to percent beforehand)."""

    experiment: str
    name: str
    caption: str
    preset: str
    x_label: str
    y_label: str
    value_label: str
    x: tuple[float | str, ...]
    y: tuple[float | str, ...]
    panels: tuple[Heatmap, ...]
    top: float | None
    """End of the scale, which begins at 0; None: the largest value."""
    best: bool = False
    """Each value is the best of its seeds and not their mean."""


@dataclass(frozen=True)
class Cloud:
    """One panel of an embedding; `points` and `classes` have one length."""

    label: str
    points: tuple[tuple[float, float], ...] = ()
    classes: tuple[int, ...] = ()
    """True label of each point."""
    words: str = ""
    """Why there are no points."""
    pictures: tuple[Picture, ...] = ()
    """In place of points, one for each; () for dots."""
    side: float = 0.0
    """Of a picture's place, in the unit of the points."""


@dataclass(frozen=True)
class EmbeddingView:
    """Images as points in the plane, coloured by their true class; a panel a cell."""

    experiment: str
    name: str
    caption: str
    preset: str
    panels: tuple[Cloud, ...]
    by: str = "t-SNE"
    """What made the coordinates."""


@dataclass(frozen=True)
class Matrix:
    """One panel of confusion: classes downwards, clusters in the order in which they are drawn."""

    label: str
    percent: tuple[tuple[float, ...], ...] = ()
    """A row for each class, of its images in each cluster; it sums to 100."""
    classes: tuple[int, ...] = ()
    matched: tuple[int | None, ...] = ()
    """The class that each cluster is matched to; None for one to spare."""
    size: tuple[float, ...] = ()
    """Percent of all images in each cluster."""
    words: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class ConfusionView:
    """True classes by clusters; a panel a cell."""

    experiment: str
    name: str
    caption: str
    preset: str
    panels: tuple[Matrix, ...]


Drawing = (
    FigureView | HeatmapView | EmbeddingView | ImagesView | ConfusionView | RanksView | CostView
)


def lacks(view: Drawing) -> str:
    """Why a figure is listed and not drawn: nothing of it was measured; "" where something was."""
    if isinstance(view, FigureView):
        values = [mean for curve in view.curves for mean in curve.mean]
    elif isinstance(view, HeatmapView):
        values = [value for panel in view.panels for row in panel.value for value in row]
    elif isinstance(view, (RanksView, CostView)):
        return "" if view.methods else "no method was measured on enough of its tasks"
    else:
        words = [panel.words for panel in view.panels]
        return "" if "" in words else "; ".join(dict.fromkeys(words)) or "no panels"
    return "" if any(value is not None for value in values) else "nothing measured yet"
