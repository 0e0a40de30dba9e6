"""Tables as text: GitHub's Markdown, the console's plain tables, and CSV."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Callable, Sequence
from textwrap import fill

from tabulate import tabulate

from bench.render import legend
from bench.render.escape import markdown as escape
from bench.render.grid import Column, Row, panels
from bench.render.wording import CellText
from bench.report.view_types import Measured, TableView


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


CSV_COLUMNS = (
    "experiment", "table", "preset", "group", "row", "column", "metric", "unit",
    "mean", "std", "n", "planned", "values", "states",
    "published", "published_std", "published_source", "published_note",
    "difference", "verdict", "reason", "best", "oracle", "note", "method", "keys",
)  # fmt: skip
CSV_COLUMNS_OF_WORDS = ("experiment", "table", "preset", "group", "row", "column", "words", "note")


def csv(view: TableView) -> str:
    r"""One line for each entry, every field in full: fractions as Python's shortest repr.

    `values` is "seed:value;...", `states` "state:count;...", `keys` "seed:key;..." with a space
    between the keys of one seed's cells (`bench show KEY`); an absent number is empty, `best` and
    `oracle` are 0 or 1. Lines end in ``\n``. A table of words has other columns.
    """
    out = io.StringIO()
    writer = csv_module.writer(out, lineterminator="\n")
    columns = CSV_COLUMNS_OF_WORDS if view.told else CSV_COLUMNS
    writer.writerow(columns)
    for entry in view.entries:
        fields = _csv_fields(view, entry)
        writer.writerow([fields[name] for name in columns])
    return out.getvalue()


def _csv_fields(view: TableView, entry: Measured) -> dict[str, str]:
    slot, printed = entry.slot, entry.slot.published
    group, row = slot.line
    column, metric = slot.head
    fields = {
        "experiment": view.experiment, "table": view.name, "preset": view.preset,
        "group": group, "row": row, "column": column, "metric": metric, "unit": slot.unit,
        **vars(entry.summary), **vars(entry.judgement),
        "planned": len(slot.cells), "best": entry.best, "oracle": slot.oracle,
        "note": slot.entry.note, "words": slot.words, "method": slot.entry.method,
        "published": printed and printed.value, "published_std": printed and printed.std,
        "published_source": printed and printed.source,
        "published_note": printed and printed.note,
    }  # fmt: skip
    return {name: _csv_value(value) for name, value in fields.items()} | {
        "values": ";".join(f"{s}:{_csv_value(v)}" for s, v in sorted(entry.values.items())),
        "keys": ";".join(f"{s}:{' '.join(keys)}" for s, keys in sorted(slot.cells.items())),
        "states": ";".join(f"{s}:{n}" for s, n in sorted(entry.states.items())),
    }


def _csv_value(value: object) -> str:
    """A float without numpy's wrapping; a truth value as 0 or 1."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return repr(float(value)) if isinstance(value, float) else str(value)
