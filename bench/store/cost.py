"""How long cells take: from records here, else from those that the reference was measured with."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from bench import SHIPPED
from bench.files import replace
from bench.plan.cell import Cell
from bench.store.record import Record

REFERENCE = SHIPPED / "results" / "reference" / "costs.csv"
Kind = tuple[str, str, str]


def medians(records: Iterable[Record]) -> dict[Kind, float]:
    """Median wall seconds of finished cells, or shares in a group, by method, task and preset."""
    seconds: dict[Kind, list[float]] = {}
    for r in records:
        if r.state == "done" and not r.resumed:
            kind = (r.cell["method"], r.cell["task"], r.cell["preset"])
            seconds.setdefault(kind, []).append(r.wall_seconds / r.group)
    return {kind: statistics.median(values) for kind, values in sorted(seconds.items())}


@cache
def reference(path: Path = REFERENCE) -> dict[Kind, float]:
    """The medians that came with the project; empty where there are none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {
                (line["method"], line["task"], line["preset"]): float(line["seconds"])
                for line in csv.DictReader(file)
            }
    except (OSError, KeyError, ValueError):
        return {}


def update(records: Iterable[Record], path: Path = REFERENCE) -> Path:
    """Keep the medians of these records, with those of other cells as they are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("method", "task", "preset", "seconds"))
    merged = reference(path) | medians(records)
    for kind, seconds in sorted(merged.items()):
        writer.writerow((*kind, f"{seconds:.2f}"))
    return replace(path, text.getvalue().encode())


def known(records: Iterable[Record]) -> dict[Kind, float]:
    """Seconds by kind of cell: as measured here, else as in the reference."""
    return reference() | medians(records)


def each(cells: Iterable[Cell], records: Iterable[Record]) -> dict[str, float]:
    """The seconds that each cell may take, by key; 0 where no record tells."""
    table = known(records)
    return {c.key: table.get((c.method, c.task, c.preset), 0.0) for c in cells}


def estimate(cells: Iterable[Cell], known: Mapping[Kind, float]) -> tuple[float, int]:
    """Seconds that cells take one after another, and how many of them no record tells of."""
    total, unknown = 0.0, 0
    for cell in cells:
        seconds = known.get((cell.method, cell.task, cell.preset))
        total += seconds or 0.0
        unknown += seconds is None
    return total, unknown


def words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
