"""How long cells take: from records here, else from those that the reference was measured with.

What nobody has measured is estimated: seconds of the same method, in proportion to the work that
the parameters of both ask for (`bench.store.work`), which is rough.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Collection, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from bench import SHIPPED, registry
from bench.errors import BenchError
from bench.files import replace
from bench.plan.cell import Cell
from bench.store import work
from bench.store.record import Record

REFERENCE = SHIPPED / "results" / "reference" / "costs.csv"
Kind = tuple[str, str, str]
"""Method, task and preset."""
Source = Literal["measured", "another preset", "another task", "unknown"]


class Measured(NamedTuple):
    """Cells of a kind: medians over them."""

    seconds: float
    """CPU seconds where they ran on a CPU, each on one thread; else wall seconds."""
    work: float
    """What `bench.store.work` says that they were; 0 where it cannot tell."""


class Cost(NamedTuple):
    """What a cell may take."""

    seconds: float
    """0 where nothing tells."""
    source: Source
    """How it is known: cells of the same kind were measured, or the nearest in work of another."""


def medians(records: Iterable[Record], root: Path) -> dict[Kind, Measured]:
    """Of finished cells, or shares in a group, by kind.

    Args:
        records: Those of failed and of resumed cells, whose times are not whole, do not count.
        root: The data root, for the number of images.
    """
    found: dict[Kind, list[Measured]] = {}
    for r in records:
        if r.state == "done" and not r.resumed:
            kind = (r.cell["method"], r.cell["task"], r.cell["preset"])
            work = _work(*kind, r.cell, root)
            found.setdefault(kind, []).append(Measured(r.cell_seconds, work))
    return {
        kind: Measured(*map(statistics.median, zip(*of, strict=True)))
        for kind, of in sorted(found.items())
    }


def _work(method: str, task: str, preset: str, cell: Mapping[str, Any], root: Path) -> float:
    """The work of a recorded cell; 0 where its method or task is not known here."""
    try:
        params = {**registry.get(method).neutral, **cell["params"]}
        # JSON has lists where parameters have tuples.
        params = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
        return work.of(params, work.size(task, preset, root))
    except (BenchError, KeyError, TypeError):
        return 0.0


@cache
def reference(path: Path = REFERENCE) -> dict[Kind, Measured]:
    """The medians that came with the project; empty where there are none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {
                (line["method"], line["task"], line["preset"]): Measured(
                    float(line["seconds"]), float(line["work"])
                )
                for line in csv.DictReader(file)
            }
    except (OSError, KeyError, TypeError, ValueError):  # TypeError: a line that is cut off
        return {}


def update(records: Iterable[Record], root: Path, path: Path = REFERENCE) -> Path:
    """Keep the medians of these records, with those of other cells as they are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "task", "preset", "seconds", "work"))
    merged = reference(path) | medians(records, root)
    for kind, (seconds, units) in sorted(merged.items()):
        writer.writerow((*kind, f"{seconds:.2f}", f"{units:.4g}"))
    return replace(path, text.getvalue().encode())


class Costs:
    """What cells cost, by all that was measured here or came with the project."""

    def __init__(self, records: Collection[Record], root: Path) -> None:
        """Costs.

        Args:
            records: Measured here; they count before the project's.
            root: The data root.
        """
        self._records, self._root = records, root

    @cached_property
    def _known(self) -> dict[Kind, Measured]:
        """Found when the first cell asks: a run with nothing to do asks for none."""
        return reference() | medians(self._records, self._root)

    @cached_property
    def _by_method(self) -> dict[str, list[tuple[Kind, Measured]]]:
        found: dict[str, list[tuple[Kind, Measured]]] = {}
        for kind, measured in self._known.items():
            found.setdefault(kind[0], []).append((kind, measured))
        return found

    def of(self, cell: Cell) -> Cost:
        """The seconds that a cell may take."""
        kind = (cell.method, cell.task, cell.preset)
        data = work.size(cell.task, cell.preset, self._root)
        wanted = work.of(dict(cell.params), data)
        if kind in self._known:
            seconds, done = self._known[kind]
            # Without the data, nothing says that the same kind is other work than it was.
            scale = wanted / done if done and data.certain else 1.0
            return Cost(seconds * scale, "measured")
        others = [(k, m) for k, m in self._by_method.get(cell.method, []) if m.work and m.seconds]
        if not others:
            return Cost(0.0, "unknown")
        near, measured = min(others, key=lambda one: _apart(one[1].work, wanted))
        source: Source = "another preset" if near[1] == cell.task else "another task"
        return Cost(measured.seconds * wanted / measured.work, source)


def _apart(one: float, other: float) -> float:
    return abs(math.log(one / other))


class Total(NamedTuple):
    """Many cells together."""

    seconds: float
    """One after another."""
    counts: dict[Source, int]
    """How many are known in which way."""


def total(cells: Iterable[Cell], costs: Costs) -> Total:
    """The seconds that cells take one after another, and how many of them are estimates."""
    seconds, counts = 0.0, dict.fromkeys(get_args(Source), 0)
    for cell in cells:
        cost = costs.of(cell)
        seconds += cost.seconds
        counts[cost.source] += 1
    return Total(seconds, counts)


def words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"
