"""The layout of a table, made once for every format: its rows, its columns, and panels of them."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bench.render.legend import note_letters
from bench.render.wording import (
    DASH,
    DELTA,
    VERDICTS,
    CellText,
    difference,
    measured_cell,
    spread,
    usual_seeds,
)
from bench.report.view_types import Measured, TableView
from bench.score.statistics import Unit

_WORD = re.compile(r"[^\s,;:()]+")
LABEL = 40
"""Characters of a row label from which on LaTeX breaks it into lines."""


@dataclass(frozen=True)
class Column:
    """A metric of a column label, with up to four cells in every row."""

    label: str
    metric: str
    unit: Unit
    published: bool
    """Some row has a published number: four cells instead of one."""
    told: bool = False
    """It holds words, not numbers."""
    alone: bool = False
    """Published numbers alone are shown: one cell."""

    @property
    def title(self) -> str:
        """The metric less the words that the label says already, with its unit; "" of words."""
        said = set(_WORD.findall(self.label.lower()))
        words = [word for word in self.metric.split() if word.lower() not in said]
        return " ".join([*words, *(["(%)"] if self.unit == "percent" else [])])

    @property
    def heads(self) -> tuple[str, ...]:
        """What its cells hold."""
        if self.told or self.alone:
            return ("published",) if self.alone else ("",)
        return ("published", "measured", DELTA, "verdict") if self.published else ("measured",)


@dataclass(frozen=True)
class Row:
    """A line of the table; `cells` has one tuple for each column asked for."""

    group: str
    label: CellText
    cells: tuple[tuple[CellText, ...], ...]


@dataclass(frozen=True)
class Panel:
    """Some columns of a table with all its rows, and the characters that they take."""

    columns: list[Column]
    rows: list[Row]
    width: int


def printed_alone(view: TableView) -> TableView:
    """Of a table in which nothing was measured, the published numbers, and a note on the others.

    Any other table is given back as it is.
    """
    printed = tuple(e for e in view.entries if e.slot.published)
    if view.measured or not printed:
        return view
    states = Counter(e.lacking[0] for e in view.entries)
    words = ", ".join(f"{n} {state}" for state, n in states.most_common())
    need = f"; not here: {', '.join(view.lacks)}" if view.lacks else ""
    notes = (*view.notes, f"Published numbers alone, nothing is measured: {words}{need}.")
    return dataclasses.replace(view, entries=printed, notes=notes, alone=True)


def columns(view: TableView) -> list[Column]:
    """The columns in the view's order, metrics within them as the entries first name them."""
    slots = [e.slot for e in view.entries]
    units = {slot.head: slot.unit for slot in slots}  # in the order in which they are first named
    published = {slot.head for slot in slots if slot.published}
    labels = dict.fromkeys((*view.columns, *(label for label, _ in units)))
    return [
        Column(*key, units[key], key in published, view.told, view.alone)
        for label in labels
        for key in units
        if key[0] == label
    ]


def rows(view: TableView, chosen: Iterable[Column]) -> list[Row]:
    """The rows, group by group, each as first named; a cell that has no entry shows a dash."""
    chosen, letters, usual = list(chosen), note_letters(view), usual_seeds(view.entries)
    lines: dict[tuple[str, str], dict[tuple[str, str], Measured]] = {}
    for e in view.entries:
        lines.setdefault(e.slot.line, {})[e.slot.head] = e
    order = list(dict.fromkeys(group for group, _ in lines))
    return [
        Row(
            group,
            _label(label, line.values(), letters),
            tuple(_cells(line.get((c.label, c.metric)), c, letters, usual) for c in chosen),
        )
        for (group, label), line in sorted(lines.items(), key=lambda item: order.index(item[0][0]))
    ]


def _label(label: str, entries: Iterable[Measured], letters: dict[str, str]) -> CellText:
    slots = [e.slot for e in entries]
    oracle = any(slot.oracle for slot in slots)
    marks = dict.fromkeys(letters[slot.entry.note] for slot in slots if slot.entry.note)
    return CellText(label, "(oracle)" if oracle else "", ",".join(marks), italic=oracle)


def _cells(
    entry: Measured | None, column: Column, letters: dict[str, str], usual: int
) -> tuple[CellText, ...]:
    if entry is not None and entry.slot.words:
        return (CellText(entry.slot.words),)
    measured = CellText(DASH) if entry is None else measured_cell(entry, usual)
    if not column.published:
        return (measured,)
    published = CellText(DASH)
    if entry is None:
        return (published,) if column.alone else (published, measured, CellText(""), CellText(""))
    paper, unit = entry.slot.published, entry.slot.unit
    if paper:
        published = CellText(
            spread(paper.value, paper.std, unit), mark=letters.get(paper.remark, "")
        )
    if column.alone:
        return (published,)
    letter = VERDICTS.get(entry.judgement.verdict, "")
    return published, measured, CellText(difference(entry)), CellText(letter)


def panels(view: TableView, width: int | None = None, *, spanning: bool = True) -> list[Panel]:
    """The table cut into panels of at most `width` characters; None: one panel.

    The columns of one label stay together where a panel can hold them; a single column wider
    than `width` gets a panel of its own. Without `spanning` labels stand over first cells.
    """
    every = columns(view)
    lines = rows(view, every)
    labels = 2 + min(LABEL, max((len(line.label) for line in lines), default=0))
    sizes = {
        c: _width(c, [line.cells[i] for line in lines], spanning=spanning)
        for i, c in enumerate(every)
    }
    runs: list[list[Column]] = []
    room = 0
    for label in dict.fromkeys(c.label for c in every):
        block = [c for c in every if c.label == label]
        fits = width is None or labels + sum(sizes[c] for c in block) <= width
        for part in [block] if fits else [[c] for c in block]:
            size = sum(sizes[c] for c in part)
            if not runs or (width is not None and size > room):
                runs.append([])
                room = (width or 0) - labels
            runs[-1] += part
            room -= size
    return [Panel(run, rows(view, run), labels + sum(sizes[c] for c in run)) for run in runs]


def _width(column: Column, cells: list[tuple[CellText, ...]], *, spanning: bool) -> int:
    """Characters that the column takes, with two between its cells."""
    sizes = [len(head) for head in column.heads]
    for line in cells:
        sizes = [max(size, len(cell)) for size, cell in zip(sizes, line, strict=True)]
    head = max(len(column.label), len(column.title))
    if not spanning:
        sizes[0] = max(sizes[0], head)
    return max(sum(sizes) + 2 * len(sizes), head + 2)
