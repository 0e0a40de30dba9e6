"""The papers' own numbers: `results/published/*.csv`, one line a number.

Those for an experiment of one's own lie in a folder `published` beside its file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench import SHIPPED
from bench.errors import BenchError, unknown

FOLDER = SHIPPED / "results" / "published"
_READING = re.compile("garbled|extraction|repaired|^read as ")
"""In a part of a note that tells how the paper's file was read."""
FILTERS = ("paper", "table", "method", "group", "dataset", "metric")
BESIDE = "beside"
"""In a filter, beside those: the folder of CSVs that an experiment of one's own has."""
_COLUMNS = ("paper", "table", "method", "metric", "value", "unit")
_SCALES = {"percent": 100.0, "fraction": 1.0, "count": 1.0, "percent points": 1.0, "nats": 1.0}
"""Unit -> what a number in it is divided by; those of no metric stay as they are printed."""


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
    """Every published number of a folder, as it was when it was first read.

    Raises:
        BenchError: a line cannot be read; names file and line.
    """
    return tuple(number for path in sorted(folder.glob("*.csv")) for number in _read(path))


def _read(path: Path) -> Iterator[Published]:
    """The numbers of one CSV.

    Raises:
        BenchError: a column is lacking, or a line cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file)
        lacking = [name for name in _COLUMNS if name not in (lines.fieldnames or ())]
        if lacking:
            raise BenchError(
                f"{path.name}: it has no column {' and no '.join(lacking)}; its first line names "
                f"{', '.join(_COLUMNS)}, and group, dataset, std or note where there are some"
            )
        for number, line in enumerate(lines, start=2):
            where = f"{path.name} line {number}"
            texts = {name: line.get(name) or "" for name in (*FILTERS, "note")}
            if line["unit"] not in _SCALES:
                raise unknown("unit", line["unit"] or "", tuple(_SCALES), where=where)
            scale = _SCALES[line["unit"]]
            try:
                std = float(line["std"]) / scale if line.get("std") else None
                value = float(line["value"]) / scale
            except (TypeError, ValueError) as error:
                raise BenchError(f"{where}: cannot be read: {error}") from error
            yield Published(**texts, value=value, std=std)


def beside(path: Path) -> str:
    """The folder of CSVs that lies beside an experiment's file, "" where there is none."""
    folder = path.absolute().parent / "published"
    return str(folder) if folder.is_dir() and folder.resolve() != FOLDER.resolve() else ""


Stamps = tuple[tuple[Path, int, int], ...]
"""Path, time and size of CSVs."""


def _stamps(folder: str) -> Stamps:
    """What tells whether the CSVs beside an experiment have changed; of "", which is none, ()."""
    paths = sorted(Path(folder).glob("*.csv")) if folder else []
    found = ((path, path.stat()) for path in paths)
    return tuple((path, status.st_mtime_ns, status.st_size) for path, status in found)


@cache
def _all(stamps: Stamps) -> tuple[Published, ...]:
    """The project's numbers, and those of further CSVs."""
    return (*numbers(), *(number for path, _, _ in stamps for number in _read(path)))


@cache
def _within(paper: str, table: str, stamps: Stamps) -> tuple[Published, ...]:
    """The numbers of a paper or of one of its tables; "" is any."""
    found = (p for p in _all(stamps) if paper in ("", p.paper))
    return tuple(p for p in found if table in ("", p.table))


@cache
def _values(key: str, paper: str, table: str, stamps: Stamps) -> tuple[str, ...]:
    """What stands in a column of the CSVs of a paper or table, in their order."""
    return tuple(dict.fromkeys(str(getattr(p, key)) for p in _within(paper, table, stamps)))


def fitting(chosen: Mapping[str, str], *, where: str) -> list[Published]:
    """The numbers that a filter leaves, in the order of the CSV.

    Args:
        chosen: Column of the CSV -> value, of `FILTERS`; under `BESIDE` a folder of further CSVs.
        where: File and table, for the error.

    Raises:
        BenchError: the filter names a column or a value that no CSV has.
    """
    stamps = _stamps(chosen.get(BESIDE, ""))
    chosen = {key: value for key, value in chosen.items() if key != BESIDE}
    for key in chosen:
        if key not in FILTERS:
            raise unknown("column of the published numbers", key, FILTERS, where=where)
    place = {"paper": "", "table": ""}
    for key in (key for key in FILTERS if key in chosen):
        # Other names are looked up within paper and table, where a nearest match means something.
        known = _values(key, **place, stamps=stamps)
        if chosen[key] not in known:
            raise unknown(f"published {key}", chosen[key], known, where=where)
        if key in place:
            place[key] = chosen[key]
    others = {k: v for k, v in chosen.items() if k not in place}
    return [
        p
        for p in _within(**place, stamps=stamps)
        if all(getattr(p, k) == v for k, v in others.items())
    ]


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
        told = {key: value for key, value in chosen.items() if key != BESIDE}
        lacking = [key for key in FILTERS if len({getattr(p, key) for p in fits}) > 1]
        better = f"add {' or '.join(lacking)}" if lacking else "a CSV has it twice"
        raise BenchError(f"{where}: published = {told} fits {len(fits)} numbers; {better}")
    return fits[0] if fits else None
