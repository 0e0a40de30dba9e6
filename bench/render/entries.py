"""The entries of a table one by one, as the report lists them and its pages of cells read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.render.grid import Column
from bench.render.wording import difference, measured_cell, spread
from bench.report.view_types import Measured, TableView
from bench.store.states import USABLE, Results

VERDICTS = ("reproduced", "better", "worse", "not comparable", "open")
UNMEASURED = "unmeasured"
"""What the report calls "open"."""


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


LAST = "-999999"
"""Sorts what has no number below all that have one."""


def lines(view: TableView) -> list[Line]:
    """Every entry of a table of numbers; those alone that nothing runs for have no link."""
    return [_line(i, entry, view) for i, entry in enumerate(view.entries)]


def _line(index: int, entry: Measured, view: TableView) -> Line:
    slot, judged = entry.slot, entry.judgement
    shown, printed = measured_cell(entry), slot.published
    change = difference(entry).split(" ")[0] if judged.difference is not None else ""
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
        change=change,
        verdict=verdict(entry),
        reason=judged.reason,
        oracle=slot.oracle,
        linked=bool(slot.cells),
        sort_published=_number(printed.value if printed else None),
        sort_measured=_number(entry.summary.mean),
        sort_change=_number(judged.difference),
    )


def _number(value: float | None) -> str:
    return LAST if value is None else f"{value:.6f}"


def verdict(entry: Measured) -> str:
    """The verdict of a number that a paper prints; "" of others."""
    word = entry.judgement.verdict
    return UNMEASURED if word == "open" else word


def linked(view: TableView) -> dict[tuple[tuple[str, str], tuple[str, str]], int]:
    """Row and column -> index of the entry there, of those that have cells."""
    return {(e.slot.line, e.slot.head): i for i, e in enumerate(view.entries) if e.slot.cells}


def measured_at(column: Column) -> int:
    """Which of a column's cells holds the measured number."""
    return 1 if column.published else 0


def by_verdict(entries: Iterable[Measured]) -> dict[str, int]:
    """Verdict -> how many of the printed numbers have it, every verdict named."""
    found: Counter[str] = Counter(e.judgement.verdict for e in entries if e.slot.published)
    return {(UNMEASURED if word == "open" else word): found[word] for word in VERDICTS}


def numbers(view: TableView, results: Results) -> list[dict[str, Any]]:
    """Every entry with its seeds, as the pages of cells read them: `STEM/INDEX` names one."""
    return [_seeds(entry, results) for entry in view.entries]


def _seeds(entry: Measured, results: Results) -> dict[str, Any]:
    slot, printed = entry.slot, entry.slot.published
    scale = 100 if slot.unit == "percent" else 1
    found: dict[str, Any] = {
        "place": ", ".join(part for part in (*slot.line, slot.column) if part),
        "metric": slot.entry.metric,
        "unit": "%" if slot.unit == "percent" else "",
        "measured": " ".join(part for part in _shown(entry) if part),
        "seeds": [
            [seed, _rounded(entry.values.get(seed), scale), _state(seed, entry, results), keys]
            for seed, keys in sorted(slot.cells.items())
        ],
    }
    if entry.summary.mean is not None:
        found["mean"] = _rounded(entry.summary.mean, scale)
    if printed:
        found |= {
            "published": spread(printed.value, printed.std, slot.unit),
            "printed": _rounded(printed.value, scale),
            "source": printed.source,
            "verdict": verdict(entry),
            "reason": entry.judgement.reason,
        }
    return found


def _shown(entry: Measured) -> tuple[str, str]:
    cell = measured_cell(entry)
    return cell.text, cell.small


def _rounded(value: float | None, scale: int) -> float | None:
    return None if value is None else float(f"{scale * value:.6g}")


def _state(seed: int, entry: Measured, results: Results) -> str:
    """A seed's state, as `bench.store.states.measured` counts it."""
    found = [results.states[key] for key in entry.slot.cells[seed]]
    word: str = next((state for state in found if state not in USABLE), "")
    if word:
        return word
    if seed not in entry.values:
        return "undefined"
    return "stale" if "stale" in found else "done"
