"""A report as one folder of plain files that a browser opens from the disk.

index.html, tables/*.html, figures.html and compare.html are whole pages, read without JavaScript.
cell.html shows any cell or number, named by the end of its address; it reads numbers/*.js and
cells/*.js when it needs them. static/ has style, scripts, and two libraries with their licences.
files.json lists what the report wrote, so that the next one can take it away.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.files import content, printable, replace
from bench.plan.slot import Slot
from bench.render import command, pages
from bench.render.command import Words
from bench.render.entries import numbers
from bench.render.figures import save
from bench.render.pages import Part, Site
from bench.render.place import stem
from bench.report.dossiers import askers, dossier, matrices
from bench.report.verdict_types import Comparison
from bench.report.view_types import Matrix, TableView, lacks
from bench.store import provenance, walk

_STATIC = Path(__file__).parent / "static"
_FOLDERS = ("tables", "numbers", "cells", "figures", "static")
_MANIFEST = "files.json"
_OURS = re.compile(rf"(?:(?:{'|'.join(_FOLDERS)})/)?[A-Za-z0-9][A-Za-z0-9.-]*")
_MOST_BYTES = 1 << 24
_A_FILE = 100
"""Cells that one file holds, about."""
_PLACES = 20
"""At most so many of the numbers that a cell counts in are named."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ESCAPED = re.compile(r"\\[ubfr]")
"""In JSON, a character of control."""


@dataclass(frozen=True)
class Report:
    """What a report is made of."""

    parts: Sequence[Part]
    """A part a preset."""
    said: str
    """Where the results came from, in words."""
    words: Words = field(default_factory=Words)
    """For the commands on pages of cells."""
    private: Sequence[Path] = ()
    """Folders that are an ellipsis in logs and messages."""
    damaged: Sequence[str] = ()
    """Sentences on what of the store is damaged."""
    other: str = ""
    """The folder that the results are set beside, in words."""
    comparisons: Sequence[Comparison] | None = None
    confusion: bool = False
    """Classes by clusters of every cell, and not of those alone that figures show."""


def write(report: Report, folder: Path) -> list[Path]:
    """Write a report; `index.html` comes first.

    Files of an earlier report that this one lacks are deleted; what else lies there stays.

    Raises:
        BenchError: the folder cannot be written, or a folder in it is a link.
    """
    walk.refuse_links(folder, *_FOLDERS)
    before = _before(folder)
    drawings = [view for part in report.parts for view in part.figures]
    site = Site(report.said, figures=bool(drawings), compared=report.comparisons is not None)
    written: list[Path] = []

    def put(name: str, text: str) -> None:
        written.append(replace(folder / name, text.encode()))

    notes = (line for part in report.parts for line in provenance.notes(part.results))
    put("index.html", pages.front(site, report.parts, report.words, report.damaged, notes))
    for page, views in _by_page(report.parts).items():
        put(f"tables/{page}.html", pages.table(site, views))
    if drawings:
        put("figures.html", pages.figures(site, drawings))
        for view in drawings:
            written += [] if lacks(view) else save(view, folder, ["png"])
    if report.comparisons is not None:
        told = pages.compare(site, report.other, report.comparisons, report.parts)
        put("compare.html", told)
    _data(report, put, site)
    for path in sorted(_STATIC.iterdir()):
        written.append(replace(folder / "static" / path.name, path.read_bytes()))
    names = {path.relative_to(folder).as_posix() for path in written}
    for name in before - names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    replace(folder / _MANIFEST, json.dumps(sorted(names)).encode())
    return written


def _before(folder: Path) -> set[str]:
    """What an earlier report wrote there; a stranger's list names nothing outside."""
    try:
        found = json.loads(content(folder / _MANIFEST, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return set()
    names = found if isinstance(found, list) else []
    return {name for name in names if isinstance(name, str) and _OURS.fullmatch(name)}


def _by_page(parts: Iterable[Part]) -> dict[str, list[TableView]]:
    """Page -> its table under each preset."""
    found: dict[str, list[TableView]] = {}
    for part in parts:
        for view in part.tables:
            found.setdefault(pages.page_of(view), []).append(view)
    return found


def _data(report: Report, put: Callable[[str, str], None], site: Site) -> None:
    """The page of cells, and the data that it reads."""
    for part in report.parts:
        for view in (v for v in part.tables if not v.told):
            found = {
                "page": pages.page_of(view),
                "name": f"{view.experiment}: {view.name}, {view.preset} preset",
                "numbers": numbers(view, part.results),
            }
            put(f"numbers/{stem(view)}.js", _script(f"numbers/{stem(view)}", _json(found)))
    keys = sorted((key, i) for i, part in enumerate(report.parts) for key in part.results.states)
    digits = max(1, round(math.log(max(1, len(keys) / _A_FILE), 16)))
    put("cell.html", pages.cell(site, digits))
    tellers = [_Teller.of(part, report) for part in report.parts]
    shards: dict[str, list[tuple[str, int]]] = {}
    for key, i in keys:
        shards.setdefault(key[:digits], []).append((key, i))
    for name, mine in shards.items():
        # One file at a time: all cells together would take gigabytes.
        told = (f"{json.dumps(key)}:{_json(tellers[i].tell(key))}" for key, i in mine)
        put(f"cells/{name}.js", _script(f"cells/{name}", "{" + ",\n".join(told) + "}"))


@dataclass(frozen=True)
class _Teller:
    """Tells of the cells of one part."""

    part: Part
    report: Report
    asked: Mapping[str, Slot]
    matrix: Mapping[str, Matrix]
    places: dict[str, list[list[Any]]]
    commands: dict[int, str] = field(default_factory=dict)
    """Slot -> the words that commands for its cells share."""

    @classmethod
    def of(cls, part: Part, report: Report) -> _Teller:
        places: dict[str, list[list[Any]]] = {}
        for view in part.tables:
            name = f"{view.experiment}: {view.name}: "
            for i, entry in enumerate(view.entries):
                words = [*entry.slot.line, *entry.slot.head]
                place = [stem(view), i, name + ", ".join(word for word in words if word)]
                for key in entry.slot.keys:
                    found = places.setdefault(key, [])
                    if len(found) < _PLACES:
                        found.append(place)
        matrix = matrices(part.results, part.figures, every=report.confusion)
        return cls(part, report, askers(part.results), matrix, places)

    def tell(self, key: str) -> dict[str, Any]:
        """A cell as cell.html reads it."""
        results, words = self.part.results, self.report.words
        found = dossier(key, results, self.report.private, self.matrix.get(key))
        found |= {"numbers": self.places.get(key, []), "show": words.show(key)}
        found["run"] = words.run(key, slot := self.asked[key], results, self._asked_for(slot))
        if results.states[key] == "done":
            found["again"] = "Compute it again, once its folder is deleted:"
        else:
            found["again"] = "Compute it:"
        return found

    def _asked_for(self, slot: Slot) -> str:
        if id(slot) not in self.commands:
            self.commands[id(slot)] = command.asked(slot, self.part.results)
        return self.commands[id(slot)]


def _script(name: str, text: str) -> str:
    """A file that hands its content to cell.html."""
    return f"bench({json.dumps(name)},\n{text});\n"


def _json(value: Any) -> str:
    """JSON whose texts are safe to show."""
    text = _encode(value)
    if _ESCAPED.search(text) or not text.isprintable():
        return _encode(_inert(value))
    return text


def _inert(value: Any) -> Any:
    """The same with every text and every name printable."""
    if isinstance(value, str):
        return printable(value, lines=True)
    if isinstance(value, dict):
        return {_inert(name): _inert(one) for name, one in value.items()}
    return [_inert(one) for one in value] if isinstance(value, (list, tuple)) else value
