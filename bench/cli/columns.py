"""Rows under headings, as lists show them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from bench.files import printable


def say(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their headings.

    A terminal that is too narrow for them shows a row on several lines, its columns side by side.
    Elsewhere, such as in a pipe, each row is one line, however long.

    Args:
        heads: Of the columns.
        rows: Numbers and text of whatever source, of the length of `heads`.
    """
    shown = [[printable(v) if isinstance(v, str) else v for v in row] for row in rows]
    text = tabulate(shown, headers=heads)
    width = shutil.get_terminal_size().columns
    if sys.stdout.isatty() and max(map(len, text.splitlines())) > width:
        _fold(heads, shown, width)
    else:
        print(text)


def _fold(heads: Sequence[str], rows: Sequence[Sequence[Any]], width: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), leading=1)
    table.header_style = ""
    for head, *column in zip(heads, *rows, strict=True):
        number = all(isinstance(value, int | float) for value in column if value != "")
        table.add_column(Text(head.replace(" ", "\n")), overflow="fold")
        table.columns[-1].justify = "right" if number else "left"
    # Names are there to be copied: the other columns give way first, where they have room left.
    table.columns[0].width = min(max(len(str(row[0])) for row in rows), width * 2 // 5)
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row))
    Console(width=width, highlight=False).print(table)
