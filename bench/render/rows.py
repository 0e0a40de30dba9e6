"""What tables and figures are drawn from: plain values that carry no layout.

Metrics are fractions in 0..1 unless their unit is "count"; a table whose unit is "percent" shows
them times one hundred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.errors import BenchError
from bench.render.sheets import ConfusionView, ImagesView
from bench.render.sizes import BOTH_COLUMNS, COLUMN, of_panels
from bench.score.statistics import Unit, Verdict

_BARS_OF_A_COLUMN = 12


@dataclass(frozen=True)
class Entry:
    """One cell of a table: a metric of one row, measured over seeds, beside the published one.

    Raises:
        BenchError: a number is NaN or infinite, or `n` and `mean` do not fit `values`.
    """

    row: str
    column: str
    metric: str
    unit: Unit
    """How the number is shown; it is a fraction here in either case, except "count"."""
    group: str = ""
    """Heading above a block of rows; "" for none."""
    values: Mapping[int, float] = field(default_factory=dict)
    """Seed -> measured value, of the cells that are done (stale ones included)."""
    planned: int = 0
    """Number of seeds the experiment asks for; 0 where no method exists."""
    states: Mapping[str, int] = field(default_factory=dict)
    """Number of cells in each state: done, failed, missing, stale, blocked, unavailable."""
    published: float | None = None
    published_std: float | None = None
    published_source: str = ""
    """Where the published number stands, such as "supreme table 1"."""
    published_note: str = ""
    mean: float | None = None
    std: float | None = None
    """Sample standard deviation (ddof 1) over seeds; None for fewer than two."""
    n: int = 0
    difference: float | None = None
    """Measured minus published."""
    verdict: Verdict = ""
    reason: str = ""
    """Why the verdict is what it is."""
    oracle: bool = False
    """The row's method saw the target's labels: marked, and left out of the ranking."""
    best: bool = False
    note: str = ""
    """A remark on the whole row."""
    words: str = ""
    """What stands there in place of numbers."""

    def __post_init__(self) -> None:
        where = f"table entry {self.row!r}, {self.column!r}, {self.metric}"
        numbers = [self.published, self.published_std, self.mean, self.std, self.difference]
        for number in (*numbers, *self.values.values()):
            if number is not None and not math.isfinite(number):
                raise BenchError(f"{where}: {number} is no result; a failed cell has no value")
        if self.n != len(self.values):
            raise BenchError(f"{where}: n = {self.n}, but {len(self.values)} values are given")
        if (self.mean is None) != (self.n == 0):
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
    entries: tuple[Entry, ...]
    columns: tuple[str, ...] = ()
    """Column labels in the order wanted; () takes the entries' order."""
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> bool:
        """Whether it holds words, not numbers."""
        return any(e.words for e in self.entries)

    def __post_init__(self) -> None:
        cells: set[tuple[str, str, str, str]] = set()
        units: dict[tuple[str, str], Unit] = {}
        for e in self.entries:
            where = f"table {self.experiment} {self.name}: column {e.column!r}, {e.metric}"
            cell = (e.group, e.row, e.column, e.metric)
            if cell in cells:
                raise BenchError(f"{where}: row {e.row!r} stands there twice")
            if units.setdefault((e.column, e.metric), e.unit) != e.unit:
                raise BenchError(f"{where}: has two units, {e.unit} in row {e.row!r}")
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
    """Of what was not measured, what failed; () for nothing."""

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

    @property
    def width(self) -> float:
        """Inches: one column of a two-column paper, or both."""
        bars = sum(len(curve.x) for curve in self.curves)
        return BOTH_COLUMNS if self.kind == "bars" and bars > _BARS_OF_A_COLUMN else COLUMN


@dataclass(frozen=True)
class Panel:
    """One map of a heat map; `mean`, `n` and `failed` have a row for each y, an entry for each x.

    Raises:
        BenchError: their shapes differ.
    """

    label: str
    value: tuple[tuple[float | None, ...], ...]
    """Mean over seeds, or the best of them; None where nothing was measured."""
    n: tuple[tuple[int, ...], ...]
    failed: tuple[tuple[bool, ...], ...]
    """Of what was not measured, what failed."""
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
    panels: tuple[Panel, ...]
    top: float | None
    """End of the scale, which begins at 0; None: the largest value."""
    best: bool = False
    """Each value is the best of its seeds and not their mean."""

    @property
    def width(self) -> float:
        """Inches."""
        return of_panels(len(self.panels))


@dataclass(frozen=True)
class Cloud:
    """One panel of an embedding; `points` and `classes` have one length."""

    label: str
    points: tuple[tuple[float, float], ...] = ()
    classes: tuple[int, ...] = ()
    """True label of each point."""
    words: str = ""
    """Why there are no points."""


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

    @property
    def width(self) -> float:
        """Inches."""
        return of_panels(len(self.panels))


Drawing = FigureView | HeatmapView | EmbeddingView | ImagesView | ConfusionView
