r"""What goes into a paper of one's own: bare tabulars, and a ``\newcommand`` for each number."""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Sequence

from bench.render.escape import latex as escape
from bench.render.grid import panels
from bench.render.latex import SETUP, tabular
from bench.render.legend import letter
from bench.render.wording import spread, usual_seeds
from bench.report.view_types import Measured, TableView

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_SIGNS = {"+": "Plus", "=": "Is", "<": "Below", ">": "Above", "%": "Percent"}
_ENDS = ("", "Std", "Published")
UNMEASURED = r"\textbf{??}"


def paper(view: TableView) -> str:
    r"""The measured numbers as a bare ``tabular``, to paste or to ``\input``.

    Needs booktabs and siunitx. Means stand in siunitx' columns and what is behind ± in one of its
    own: siunitx would set that neither bold nor close to its number. Rows and columns without a
    measured number are left out; "" where nothing was measured.
    """
    entries = [e for e in view.entries if e.values]
    if view.told or not entries:
        return ""
    bare = [
        dataclasses.replace(
            e,
            slot=dataclasses.replace(
                e.slot, published=None, entry=dataclasses.replace(e.slot.entry, note="")
            ),
        )
        for e in entries
    ]
    (panel,) = panels(dataclasses.replace(view, entries=tuple(bare)))
    head = f"{view.experiment} {view.name}, {view.preset}, n = {usual_seeds(entries)} unless shown"
    lines = [f"% {escape(head)}", rf"\begingroup{SETUP}%", tabular(panel.columns, panel.rows)]
    return "\n".join([*lines, r"\endgroup", ""])


def macros(tables: Sequence[TableView]) -> str:
    r"""A ``\newcommand`` for each number of some tables, as they show it.

    ``\NAME`` is the mean, ``\NAMEStd`` what is behind ±, ``\NAMEPublished`` the printed number. The
    name is made of experiment, table, heading, row, column and metric, in letters alone; it does
    not depend on the preset or on what was measured: a number that is lacking is bold question
    marks.
    """
    lines: list[str] = []
    used: set[str] = set()
    for view in tables:
        for e in () if view.told else view.entries:
            name = _unique(_name(view, e), used)
            lines += [rf"\newcommand{{\{name}{end}}}{{{text}}}" for end, text in _numbers(e)]
    return "\n".join([*lines, ""])


def _numbers(entry: Measured) -> list[tuple[str, str]]:
    """The macros of one entry: the end of each name, and its text."""
    unit, printed = entry.slot.unit, entry.slot.published
    mean, _, std = spread(entry.summary.mean, entry.summary.std, unit).partition(" ± ")
    found = [(_ENDS[0], mean or UNMEASURED), (_ENDS[1], std or UNMEASURED)]
    if printed:
        found.append((_ENDS[2], spread(printed.value, None, unit)))
    return [(end, text if text == UNMEASURED else escape(text)) for end, text in found]


def _name(view: TableView, entry: Measured) -> str:
    """The name of an entry's macros, letters alone."""
    parts = [view.experiment, view.name, *entry.slot.line, *entry.slot.head]
    kept = [part for i, part in enumerate(parts) if part not in parts[:i]]
    return "".join(map(letters, kept))


def letters(text: str) -> str:
    """A text as letters of ASCII, each word with a capital: "K-means, 10" is "KMeansOneZero"."""
    words = re.findall(r"[A-Za-z]+|\d|[^\sA-Za-z\d]", unicodedata.normalize("NFKD", text))
    return "".join(_word(word) for word in words)


def _word(word: str) -> str:
    if word.isdecimal():
        return _DIGITS[int(word)]
    if word.isascii():
        return word[0].upper() + word[1:] if word.isalpha() else _SIGNS.get(word, "")
    # Signs and accents that stand alone have no name here; a letter has that of Unicode.
    named = unicodedata.name(word, "").rpartition(" ")[2] if word.isalpha() else ""
    return re.sub("[^A-Za-z]", "", named).capitalize()


def _unique(name: str, used: set[str]) -> str:
    """A name that none has yet: of several the second ends in B, the third in C, and so on."""
    ways = (name + (letter(i).upper() if i else "") for i in itertools.count())
    found = next(way for way in ways if not used & {way + end for end in _ENDS})
    used |= {found + end for end in _ENDS}
    return found
