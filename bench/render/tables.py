"""Tables as text: GitHub's Markdown, the console's plain tables, and CSV."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from csv import DictWriter
from textwrap import fill

from tabulate import tabulate

from bench.render import legend
from bench.render.escape import markdown as escape
from bench.render.grid import Column, Row, panels
from bench.render.wording import CellText
from bench.report import numbers
from bench.report.view_types import TableView


def markdown(view: TableView) -> str:
    """A pipe table, its caption above and its notes below; best bold, oracle rows italic."""
    title = f"**Table {escape(view.experiment)} {escape(view.name)}.**"
    parts = [f"{title} {escape(legend.caption(view))}"]
    for panel in panels(view):
        heads = [_long_head(c, part) for c in panel.columns for part in c.heads]
        lines = _lines(panel.rows, _markdown_cell, lambda group: f"**{escape(group)}**")
        parts.append(_tabulate(heads, lines, "pipe", told=view.told))
    notes = [f"- {_superscript(letter)}{escape(text)}" for letter, text in legend.notes(view)]
    return "\n\n".join([*parts, "\n".join(notes)]).rstrip() + "\n"


def console(view: TableView, width: int = 100) -> str:
    """Plain text in panels of at most `width` characters, with the legend; best is starred."""
    parts = []
    for panel in panels(view, width, spanning=False):
        heads = [
            f"{c.label}\n{c.title}\n{part}" if part == c.heads[0] else f"\n\n{part}"
            for c in panel.columns
            for part in c.heads
        ]
        lines = _lines(panel.rows, _console_cell, str.upper)
        parts.append(_tabulate(heads, lines, "simple", told=view.told))
    below = [legend.caption(view, best="*")]
    below += [f"[{letter}] {text}" if letter else text for letter, text in legend.notes(view)]
    return "\n\n".join([*parts, "\n".join(fill(text, width) for text in below)]) + "\n"


def _long_head(column: Column, part: str) -> str:
    """Markdown has one line of headings, so each of them says all."""
    words = [column.label, column.title, part if column.published else ""]
    return " ".join(escape(word) for word in words if word)


def _lines(
    rows: Sequence[Row], show: Callable[[CellText], str], heading: Callable[[str], str]
) -> list[list[str]]:
    """The printed cells, line by line; a group starts with its heading, or a blank."""
    lines, group = [], ""
    for row in rows:
        if row.group != group:
            lines.append([heading(row.group) if row.group else ""])
        group = row.group
        lines.append([show(row.label), *(show(cell) for cells in row.cells for cell in cells)])
    return lines


def _tabulate(
    heads: Sequence[str], lines: Sequence[Sequence[str]], style: str, *, told: bool
) -> str:
    """Numbers stand at the right of their columns, words at the left."""
    full = [[*line, *[""] * (1 + len(heads) - len(line))] for line in lines]
    align = ["left"] + ["left" if told else "right"] * len(heads)
    return tabulate(full, ["", *heads], tablefmt=style, disable_numparse=True, colalign=align)


def _markdown_cell(cell: CellText) -> str:
    stars = "**" * cell.bold + "*" * cell.italic
    text = f"{stars}{escape(cell.text)}{stars}{_superscript(cell.mark)}"
    return f"{text} {escape(cell.small)}" if cell.small else text


def _superscript(letter: str) -> str:
    return f"<sup>{letter}</sup>" if letter else ""


def _console_cell(cell: CellText) -> str:
    star, mark = "*" * cell.bold, f"[{cell.mark}]" if cell.mark else ""
    return " ".join(part for part in (cell.text + star, cell.small, mark) if part)


def csv(view: TableView) -> str:
    r"""The table's rows (`bench.report.numbers`); lines end in ``\n``."""
    out = io.StringIO()
    writer = DictWriter(out, numbers.columns(view), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(numbers.rows(view))
    return out.getvalue()
