"""The papers' own numbers: `results/published/*.csv`, one line a number."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench import SHIPPED
from bench.errors import BenchError, unknown

FOLDER = SHIPPED / "results" / "published"
_READING = re.compile("garbled|extraction|repaired|^read as ")
"""In a part of a note that tells how the paper's file was read."""
FILTERS = ("paper", "table", "method", "group", "dataset", "metric")


@dataclass(frozen=True)
class Published:
    """One printed number."""

    paper: str
    table: str
    method: str
    group: str
    dataset: str
    metric: str
    value: float
    """As a fraction where it was printed in percent; counts as they are."""
    std: float | None
    note: str

    @property
    def remark(self) -> str:
        """The note less how we read the paper's file, which tells its readers nothing."""
        return "; ".join(part for part in self.note.split("; ") if not _READING.search(part))

    @property
    def source(self) -> str:
        """Where it stands, such as "supreme table 1"."""
        place = self.table if self.table.startswith("sec") else f"table {self.table}"
        return f"{self.paper} {place}"


@cache
def numbers(folder: Path = FOLDER) -> tuple[Published, ...]:
    """Every published number.

    Raises:
        BenchError: a line cannot be read; names file and line.
    """
    found = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for number, line in enumerate(csv.DictReader(file), start=2):
                try:
                    scale = 100.0 if line["unit"] == "percent" else 1.0
                    std = float(line["std"]) / scale if line["std"] else None
                    value = float(line["value"]) / scale
                except (KeyError, TypeError, ValueError) as error:
                    raise BenchError(
                        f"{path.name} line {number}: cannot be read: {error}"
                    ) from error
                texts = {name: line[name] for name in FILTERS}
                found.append(Published(**texts, value=value, std=std, note=line["note"] or ""))
    return tuple(found)


@cache
def _within(paper: str, table: str) -> tuple[Published, ...]:
    """The numbers of a paper or of one of its tables; "" is any."""
    found = (p for p in numbers() if paper in ("", p.paper))
    return tuple(p for p in found if table in ("", p.table))


@cache
def _values(key: str, paper: str, table: str) -> tuple[str, ...]:
    """What stands in a column of the CSVs of a paper or table, in their order."""
    return tuple(dict.fromkeys(str(getattr(p, key)) for p in _within(paper, table)))


def fitting(chosen: Mapping[str, str], *, where: str) -> list[Published]:
    """The numbers that a filter leaves, in the order of the CSV.

    Args:
        chosen: Column of the CSV -> value, of `FILTERS`.
        where: File and table, for the error.

    Raises:
        BenchError: the filter names a column or a value that no CSV has.
    """
    for key in chosen:
        if key not in FILTERS:
            raise unknown("column of the published numbers", key, FILTERS, where=where)
    place = {"paper": "", "table": ""}
    for key in (key for key in FILTERS if key in chosen):
        # Other names are looked up within paper and table, where a nearest match means something.
        known = _values(key, **place)
        if chosen[key] not in known:
            raise unknown(f"published {key}", chosen[key], known, where=where)
        if key in place:
            place[key] = chosen[key]
    others = {k: v for k, v in chosen.items() if k not in place}
    return [p for p in _within(**place) if all(getattr(p, k) == v for k, v in others.items())]


def find(chosen: Mapping[str, str], *, metric: str, where: str) -> Published | None:
    """The one number that a filter names, None where the paper prints none.

    Args:
        chosen: Column of the CSV -> value, of `FILTERS`.
        metric: The metric, where the filter names none; a paper need not print every one.
        where: File and table, for the error.

    Raises:
        BenchError: the filter fits several numbers, or names a column or value that no CSV has.
    """
    fits = fitting(chosen, where=where)
    if "metric" not in chosen:
        fits = [p for p in fits if p.metric == metric]
    if len(fits) > 1:
        many = f"{where}: published = {dict(chosen)} fits {len(fits)} numbers"
        raise BenchError(f"{many}; add table, dataset or metric")
    return fits[0] if fits else None
