"""How long cells take: from records here, else from those that the reference was measured with.

What nobody has measured is estimated: seconds of the same method, in proportion to the work that
the parameters of both ask for (`bench.store.work`), which is rough; and where nothing is known of a
cell's own type or device, by the seconds of another one, which says little.
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
Place = tuple[str, str]
"""Device and type that a cell computes in."""
Source = Literal[
    "measured", "another preset", "another task", "another type", "another device", "unknown"
]
ESTIMATES: tuple[Source, ...] = ("another preset", "another task", "another type", "another device")
_REFERENCE_PLACE: Place = ("cpu", "float32")


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


def medians(
    records: Collection[Record], root: Path, place: Place = _REFERENCE_PLACE
) -> dict[Kind, Measured]:
    """Of cells that finished there, or shares in a group, by kind.

    Args:
        records: Those of failed and of resumed cells, whose times are not whole, do not count.
        root: The data root, for the number of images.
        place: "cpu" or "cuda", and the type.
    """
    found: dict[Kind, list[Measured]] = {}
    cells = {r.key: r.cell for r in records}
    for r in records:
        if r.state == "done" and not r.resumed and _place(r.cell) == place:
            kind = (r.cell["method"], r.cell["task"], r.cell["preset"])
            work = _work(r.cell, cells, root)
            found.setdefault(kind, []).append(Measured(r.cell_seconds, work))
    return {
        kind: Measured(*map(statistics.median, zip(*of, strict=True)))
        for kind, of in sorted(found.items())
    }


def _place(cell: Mapping[str, Any]) -> Place:
    return cell["device"], cell["dtype"]


def _work(cell: Mapping[str, Any], cells: Mapping[str, Mapping[str, Any]], root: Path) -> float:
    """The work of a recorded cell among others by key; 0 where it cannot be told here."""
    try:
        needs = [cells[key] for key in cell["needs"].values()]
        own, *needed = map(_recorded, (cell, *needs))
        return work.of(own, work.size(cell["task"], cell["preset"], root), needed)
    except (BenchError, KeyError, TypeError, ValueError):
        return 0.0


def _recorded(cell: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a recorded cell, as its recipe decides them."""
    params = {**registry.get(cell["method"]).neutral, **cell["params"]}
    # JSON has lists where parameters have tuples.
    params = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
    return _decided(cell["method"], params, cell["task"])


def _decided(method: str, params: dict[str, Any], task: str) -> dict[str, Any]:
    """A method's parameters, with those of its recipe for the task in their place."""
    return params | dict(registry.get(method).cls(**params).decided(task))


@cache
def reference(path: Path = REFERENCE) -> dict[Kind, Measured]:
    """The medians of a CPU that came with the project; empty where there are none."""
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


def update(records: Collection[Record], root: Path, path: Path = REFERENCE) -> Path:
    """Keep the medians of what a CPU took for these, with those of other cells as they are.

    In float32: bfloat16 takes half as long where a CPU has it, and longer where it has not.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "task", "preset", "seconds", "work"))
    merged = reference(path) | medians(records, root)
    for kind, (seconds, units) in sorted(merged.items()):
        writer.writerow((*kind, f"{seconds:.2f}", f"{units:.4g}"))
    return replace(path, text.getvalue().encode())


class Costs:
    """What cells cost, by all that was measured here or came with the project."""

    def __init__(
        self, records: Collection[Record], root: Path, cells: Mapping[str, Cell] | None = None
    ) -> None:
        """Costs.

        Args:
            records: Measured here; they count before the project's.
            root: The data root.
            cells: Of the plan, by key: networks that others go on with are of these.
        """
        self._records, self._root, self._cells = records, root, cells or {}

    @cached_property
    def _known(self) -> dict[Place, dict[Kind, Measured]]:
        """By place; found when the first cell asks: a run with nothing to do asks for none."""
        places = {_place(r.cell) for r in self._records} | {_REFERENCE_PLACE}
        found = {place: medians(self._records, self._root, place) for place in sorted(places)}
        return found | {_REFERENCE_PLACE: reference() | found[_REFERENCE_PLACE]}

    @cached_property
    def _by_method(self) -> dict[tuple[Place, str], list[tuple[Kind, Measured]]]:
        """Place and method -> what is known of it."""
        found: dict[tuple[Place, str], list[tuple[Kind, Measured]]] = {}
        for place, known in self._known.items():
            for kind, measured in known.items():
                found.setdefault((place, kind[0]), []).append((kind, measured))
        return found

    def of(self, cell: Cell) -> Cost:
        """The seconds that a cell may take."""
        own = self._at((cell.device, cell.dtype), cell)
        if own.source != "unknown":
            return own
        # Another type on the same device tells more than another device.
        for place in sorted(self._known, key=lambda place: place[0] != cell.device):
            if (there := self._at(place, cell)).source != "unknown":
                apart: Source = "another type" if place[0] == cell.device else "another device"
                return Cost(there.seconds, apart)
        return own

    def _at(self, place: Place, cell: Cell) -> Cost:
        """The seconds that it may take there."""
        kind, known = (cell.method, cell.task, cell.preset), self._known.get(place, {})
        data = work.size(cell.task, cell.preset, self._root)
        needed = [_params(self._cells[key]) for _, key in cell.needs if key in self._cells]
        wanted = work.of(_params(cell), data, needed)
        if kind in known:
            seconds, done = known[kind]
            # Without the data, nothing says that the same kind is other work than it was.
            scale = wanted / done if done and data.certain else 1.0
            return Cost(seconds * scale, "measured")
        of_method = self._by_method.get((place, cell.method), [])
        others = [(k, m) for k, m in of_method if m.work and m.seconds]
        if not others:
            return Cost(0.0, "unknown")
        near, measured = min(others, key=lambda one: _apart(one[1].work, wanted))
        source: Source = "another preset" if near[1] == cell.task else "another task"
        return Cost(measured.seconds * wanted / measured.work, source)


def _params(cell: Cell) -> dict[str, Any]:
    """A cell's parameters, as its recipe decides them."""
    return _decided(cell.method, dict(cell.params), cell.task)


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
