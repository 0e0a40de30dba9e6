"""The numbers that a run ends with: a few rows of each experiment, and the verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plural import many
from bench.render.wording import difference, measured_cell, spread, usual_seeds
from bench.report import summary
from bench.report.summary import Summary
from bench.report.view_types import Measured, TableView

_ROWS = 5


def lines(tables: Sequence[TableView]) -> list[str]:
    """The headline of each experiment that has a measured number, then the others' names."""
    found: list[str] = []
    for one in summary.of_views(tables):
        first = next((t for t in tables if t.experiment == one.experiment and t.measured), None)
        if first:
            found += [*_headline(first), f"       {_told(one)}"]
    if any("*" in line for line in found):
        found.append("       * best of its column beyond chance")
    empty = [one.experiment for one in summary.of_views(tables) if not one.measured]
    return [*found, f"nothing measured: {', '.join(empty)}"] if empty else found


def _headline(table: TableView) -> list[str]:
    """The first rows of the first column that has a value."""
    head = next(e.slot.head for e in table.entries if e.values)
    column = [e for e in table.entries if e.slot.head == head]
    filled, usual = [e for e in column if e.values], usual_seeds(table.entries)
    shown = [(_row(e), _numbers(e, usual)) for e in filled[:_ROWS]]
    width = max(len(row) for row, _ in shown)
    title = ", ".join(dict.fromkeys(part for part in (table.name, *head) if part))
    unit = " (%)" if column[0].slot.unit == "percent" else ""
    left = len(column) - len(shown)
    more = [f"       {many(left, 'more row')}"] if left else []
    return [
        f"{table.experiment}: {title}{unit}, n = {usual}",
        *(f"       {row:<{width}}  {numbers}" for row, numbers in shown),
        *more,
    ]


def _row(entry: Measured) -> str:
    return ": ".join(part for part in entry.slot.line if part)


def _numbers(entry: Measured, usual: int) -> str:
    """A measured number, and what the paper prints."""
    cell, printed = measured_cell(entry, usual), entry.slot.published
    words = [cell.text + "*" * cell.bold, cell.small]
    if printed:
        words += [f"published {spread(printed.value, printed.std, entry.slot.unit)}:"]
        words += [difference(entry), entry.judgement.verdict]
    return " ".join(word for word in words if word)


def _told(one: Summary) -> str:
    """How many numbers there are, and the verdicts of a paper's."""
    words = [f"{one.measured} of {one.numbers} numbers measured"]
    words += [f"printed by {paper}: {summary.told(found)}" for paper, found in one.papers.items()]
    return "; ".join(words)
