"""The entries of a table one by one, as the report lists them and its pages of cells read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from bench.render.grid import Column
from bench.render.wording import difference, measured_cell, spread
from bench.report.view_types import Measured, TableView
from bench.store.states import Results, of_seed


@dataclass(frozen=True)
class Line:
    """One entry as a line of a list; `sort_*` are numbers to sort by."""

    index: int
    """Its place among the table's entries."""
    preset: str
    group: str
    row: str
    column: str
    metric: str
    method: str
    tasks: tuple[str, ...]
    published: str
    measured: str
    small: str
    change: str
    verdict: str
    reason: str
    oracle: bool
    linked: bool
    sort_published: str
    sort_measured: str
    sort_change: str


Place: TypeAlias = tuple[tuple[str, str], tuple[str, str]]
"""Group and row, column and metric."""


def lines(view: TableView) -> list[Line]:
    """Every entry of a table of numbers; those alone that nothing runs for have no link."""
    return [_line(i, entry, view) for i, entry in enumerate(view.entries)]


def _line(index: int, entry: Measured, view: TableView) -> Line:
    slot, judged = entry.slot, entry.judgement
    shown, printed = measured_cell(entry), slot.published
    return Line(
        index=index,
        preset=view.preset,
        group=slot.line[0],
        row=slot.line[1],
        column=slot.column,
        metric=slot.entry.metric,
        method=slot.entry.method,
        tasks=slot.entry.all_tasks,
        published=spread(printed.value, printed.std, slot.unit) if printed else "",
        measured=shown.text,
        small=shown.small,
        change=difference(entry),
        verdict=judged.verdict,
        reason=judged.reason,
        oracle=slot.oracle,
        linked=bool(slot.cells),
        sort_published=sort_key(printed.value if printed else None),
        sort_measured=sort_key(entry.summary.mean),
        sort_change=sort_key(judged.difference),
    )


def sort_key(value: float | None) -> str:
    """What a column is sorted by; what has no number stands below all that have one."""
    return "-999999" if value is None else f"{value:.6f}"


def linked(view: TableView) -> dict[Place, int]:
    """Row and column -> index of the entry there, of those that have cells."""
    return {(e.slot.line, e.slot.head): i for i, e in enumerate(view.entries) if e.slot.cells}


def measured_at(column: Column) -> int:
    """Which of a column's cells holds the measured number."""
    return 1 if column.published else 0


def numbers(view: TableView, results: Results) -> list[dict[str, Any]]:
    """Every entry with its seeds, as the pages of cells read them: `STEM/INDEX` names one."""
    return [_seeds(entry, results) for entry in view.entries]


def _seeds(entry: Measured, results: Results) -> dict[str, Any]:
    slot, printed, cell = entry.slot, entry.slot.published, measured_cell(entry)
    scale = 100 if slot.unit == "percent" else 1
    found: dict[str, Any] = {
        "place": ", ".join(part for part in (*slot.line, slot.column) if part),
        "metric": slot.entry.metric,
        "unit": "%" if slot.unit == "percent" else "",
        "measured": f"{cell.text} {cell.small}".rstrip(),
        "seeds": [
            [seed, _rounded(entry.values.get(seed), scale),
             of_seed([results.states[k] for k in keys], valued=seed in entry.values), keys]
            for seed, keys in sorted(slot.cells.items())
        ],
    }  # fmt: skip
    if entry.summary.mean is not None:
        found["mean"] = _rounded(entry.summary.mean, scale)
    if printed:
        found |= {
            "published": spread(printed.value, printed.std, slot.unit),
            "printed": _rounded(printed.value, scale),
            "source": printed.source,
            "verdict": entry.judgement.verdict,
            "reason": entry.judgement.reason,
        }
    return found


def _rounded(value: float | None, scale: int) -> float | None:
    return None if value is None else float(f"{scale * value:.6g}")
