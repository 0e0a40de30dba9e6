"""What tables and figures are drawn from: plain values that carry no layout.

Metrics are fractions in 0..1 unless their unit is "count"; a table whose unit is "percent" shows
them times one hundred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.compare import Unit, Verdict
from bench.errors import BenchError


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

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.mean), len(self.std), len(self.n)}
        if len(lengths) > 1:
            raise BenchError(f"curve {self.label!r}: x, mean, std and n must have one length")


@dataclass(frozen=True)
class FigureView:
    """A figure of curves with error bars, shown as they are (scale to percent beforehand)."""

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
    kind: Literal["curve"] = "curve"
