r"""What goes into a paper of one's own: bare tabulars, and a ``\newcommand`` for each number."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from bench.render.escape import latex as escape
from bench.render.grid import panels
from bench.render.latex import SETUP, tabular
from bench.render.wording import measured_cell, spread, usual_seeds
from bench.report.view_types import Measured, TableView

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_SIGNS = {"+": "Plus", "=": "Is", "<": "Below", ">": "Above", "%": "Percent"}
_ENDS = ("", "Std", "Seeds", "Published")
_OWN = 6
"""Letters that a name gets where others would be alike."""
UNMEASURED = r"\textbf{??}"


def paper(view: TableView) -> str:
    r"""The measured numbers as a bare ``tabular``, to paste or to ``\input``.

    Needs booktabs and siunitx. Means stand in siunitx' columns and what is behind ± in one of its
    own: siunitx would set that neither bold nor close to its number. Rows and columns without a
    measured number are left out; where nothing was measured are bold question marks, so that an
    article that inputs the table can be set. "" for a table of words.
    """
    entries = [e for e in view.entries if e.values]
    if view.told:
        return ""
    if not entries:
        head = escape(f"{view.experiment} {view.name}, {view.preset}")
        return f"% {head}: nothing was measured\n{UNMEASURED}\n"
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
    r"""A ``\newcommand`` for each number of some tables of one experiment, as they show it.

    ``\NAME`` is the mean, ``\NAMEStd`` what is behind ±, ``\NAMESeeds`` n, ``\NAMEPublished`` the
    printed number. Where n is not the table's usual one the mean carries it, as in the table. The
    name is made of experiment, table, heading, row, column, metric and what the command line set,
    in letters alone; it depends neither on the preset nor on what was measured: a number that is
    lacking is bold question marks. Where names would be alike each ends in letters of its own row
    and column, whatever stands beside it.
    """
    shown = [view for view in tables if not view.told]
    if not shown:
        return ""
    places = [(view, e) for view in shown for e in view.entries]
    names = dict(zip(map(_place, places), _names(places), strict=True))
    lines = _head(shown[0])
    for view in shown:
        usual = usual_seeds(view.entries)
        lines.append(f"% {escape(view.name)}: n = {usual} unless shown")
        for e in view.entries:
            name = names[_place((view, e))]
            lines += [rf"\newcommand{{\{name}{end}}}{{{text}}}" for end, text in _numbers(e, usual)]
    return "\n".join([*lines, ""])


def _head(view: TableView) -> list[str]:
    """What a file begins with: one of another preset has the same names, and is refused."""
    stem, preset = escape(view.experiment), escape(view.preset)
    name = letters(view.experiment) + _given(view) + "Preset"
    return [
        f"% {stem}, {preset}",
        rf"\ifdefined\{name}\PackageError{{bench}}{{The macros of {stem}, {preset}, have the names",
        rf"  of those of {stem}, \{name}: input one of the two}}{{}}\expandafter\endinput\fi",
        rf"\newcommand{{\{name}}}{{{preset}}}",
    ]


def _numbers(entry: Measured, usual: int) -> list[tuple[str, str]]:
    """The macros of one entry: the end of each name, and its text."""
    unit, printed = entry.slot.unit, entry.slot.published
    mean, _, std = spread(entry.summary.mean, entry.summary.std, unit).partition(" ± ")
    small = escape(measured_cell(entry, usual).small) if mean else ""
    beside = rf"\textsubscript{{{small}}}" if small else ""
    found = [
        ("", escape(mean) + beside or UNMEASURED),
        ("Std", escape(std) or UNMEASURED),
        ("Seeds", str(entry.summary.n)),
    ]
    return found + ([("Published", escape(spread(printed.value, None, unit)))] if printed else [])


def _place(place: tuple[TableView, Measured]) -> tuple[str, ...]:
    """What no two numbers of an experiment share."""
    view, entry = place
    return (view.experiment, view.name, *entry.slot.line, *entry.slot.head)


def _names(places: Sequence[tuple[TableView, Measured]]) -> list[str]:
    """The names of the entries' macros, letters alone, no two alike."""
    plain = [_name(view, entry) for view, entry in places]
    times = Counter(name + end for name in plain for end in _ENDS)
    return [
        name + _own(_place(place)) if any(times[name + end] > 1 for end in _ENDS) else name
        for name, place in zip(plain, places, strict=True)
    ]


def _name(view: TableView, entry: Measured) -> str:
    """What an entry's macros are called, unless others are called so too."""
    parts = _place((view, entry))
    kept = [part for i, part in enumerate(parts) if part not in parts[:i]]
    return "".join(map(letters, kept)) + _given(view)


def _given(view: TableView) -> str:
    """What of a preset's words the command line said, such as "DecBatchSizeIsSixFour"."""
    given = view.preset.partition(", ")[2]
    # The sign and the point of a number tell it from others, those within names need no letters.
    return letters(re.sub(r"(?<=\d)\.(?=\d)", " Point ", re.sub(r"-(?=\d)", " Minus ", given)))


def _own(place: Sequence[str]) -> str:
    """Letters that stand for a row and a column, and for no other."""
    digest = int.from_bytes(hashlib.sha256("\0".join(place).encode()).digest()[:8], "big")
    found = [chr(ord("a") + digest // 26**i % 26) for i in range(_OWN)]
    return "".join(found).capitalize()


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
