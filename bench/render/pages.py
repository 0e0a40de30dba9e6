"""The report's pages: templates filled with what tables and figures hold.

Whatever comes from a record or a name is text: jinja2 escapes all of it, and what would move a
cursor or turn the direction of writing is shown as a number.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.files import printable
from bench.render import legend, verdicts
from bench.render.command import Words
from bench.render.entries import Place, lines, linked, measured_at, sort_key
from bench.render.grid import Column, Row, columns, rows
from bench.render.place import COLUMN, inches, stem
from bench.render.wording import CellText
from bench.report import summary
from bench.report.verdict_types import Comparison
from bench.report.view_types import Drawing, TableView, lacks
from bench.store.machine import own_version
from bench.store.states import STATES, Results

_TEMPLATES = Path(__file__).parent / "templates"
SHOWN = 200
"""At most so many failed cells are listed on the front page."""


@dataclass(frozen=True)
class Part:
    """What a report holds of one preset."""

    results: Results
    tables: Sequence[TableView]
    figures: Sequence[Drawing]

    @property
    def preset(self) -> str:
        """As captions have it."""
        return self.results.plan.shown


@dataclass(frozen=True)
class Site:
    """What all pages of one report share."""

    said: str
    """Where the results came from, in words."""
    figures: bool
    """Whether there is a page of them."""
    compared: bool
    """Whether there is a page that sets two folders side by side."""

    def page(self, name: str, /, **content: Any) -> str:
        """A filled template; `current` of its name marks where the reader is."""
        mark = Markup(' aria-current="page"')
        return _environment().get_template(f"{name}.html").render(
            {**dataclasses.asdict(self), "up": "", "version": own_version(), **content},
            current=lambda one: mark if one == name else "",
        )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )


def _inert(value: Any) -> Any:
    """Text as it may stand on a page; markup is the templates' own."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, lines=True)
    return value


def front(
    site: Site,
    parts: Sequence[Part],
    words: Words,
    damaged: Iterable[str],
    notes: Iterable[str],
) -> str:
    """Verdicts by paper, every table, and what failed or is stale, with commands for these."""
    commands = {
        state: [words.of_state(state, part.results) for part in parts if _in_state(state, part)]
        for state in ("failed", "stale")
    }
    failed = [_failed(key, part) for part in parts for key in _in_state("failed", part)]
    experiments = {one.name for part in parts for one in part.results.plan.experiments}
    return site.page(
        "front",
        cells=_cells(parts),
        experiments=len(experiments),
        papers=_papers(parts),
        verdicts=summary.VERDICTS,
        once=summary.ONCE,
        tables=[_row(view, part.preset) for part in parts for view in part.tables],
        failed=failed,
        shown=SHOWN,
        stale=[one for part in parts for one in _stale(part)],
        commands=commands,
        notes=list(dict.fromkeys(notes)),
        damaged=list(damaged),
    )


def _in_state(state: str, part: Part) -> list[str]:
    return [key for key, found in part.results.states.items() if found == state]


def _cells(parts: Sequence[Part]) -> dict[str, Any]:
    """How many cells there are, and in which state."""
    found = [state for part in parts for state in part.results.states.values()]
    return {"total": len(found), "states": {state: found.count(state) for state in STATES}}


def _papers(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """A row for each paper and preset: its printed numbers by verdict."""
    found = [
        {"paper": paper, "preset": part.preset, "counts": counts, "total": counts.total()}
        for part in parts
        for paper, counts in summary.by_paper(summary.of_views(part.tables)).items()
    ]
    return sorted(found, key=lambda row: row["paper"])


def _row(view: TableView, preset: str) -> dict[str, Any]:
    """A table's line on the front page."""
    return {
        "experiment": view.experiment,
        "name": view.name,
        "page": page_of(view),
        "preset": preset,
        "total": 0 if view.told else len(view.entries),
        "measured": (measured := sum(bool(e.values) for e in view.entries)),
        "filled": measured > 0 or any(e.states.get("failed") for e in view.entries),
        "counts": Counter(e.judgement.verdict for e in view.entries),
        "failed": sum(e.states.get("failed", 0) > 0 for e in view.entries),
        "stale": sum(e.states.get("stale", 0) > 0 for e in view.entries),
    }


def _failed(key: str, part: Part) -> dict[str, Any]:
    cell, record = part.results.plan.cells[key], part.results.records[key]
    return {"key": key, "method": cell.method, "task": cell.task, "seed": cell.seed,
            "failure": record.failure, "message": record.message[:300]}  # fmt: skip


def _stale(part: Part) -> list[tuple[str, str, int]]:
    """Experiment, preset and number of stale cells, of those that have any."""
    stale, plan = set(_in_state("stale", part)), part.results.plan
    if not stale:
        return []
    pairs = [(one.name, part.preset, len(plan.of(one.name) & stale)) for one in plan.experiments]
    return [pair for pair in pairs if pair[2]]


def page_of(view: TableView) -> str:
    """The name of a table's page, the same for every preset."""
    return stem(dataclasses.replace(view, preset="")).rstrip("-")


def table(site: Site, views: Sequence[TableView]) -> str:
    """The page of one table: as papers set it, a layout a preset, then number by number."""
    layouts = [_layout(view) for view in views]
    every = [line for layout in layouts for line in layout["lines"]]
    choices: dict[str, Iterable[str]] = {
        "method": (one.method for one in every),
        "task": (task for one in every for task in one.tasks),
        "preset": (one.preset for one in every),
        "metric": (one.metric for one in every),
        "verdict": (one.verdict for one in every),
    }
    return site.page(
        "table",
        up="../",
        experiment=views[0].experiment,
        name=views[0].name,
        layouts=layouts,
        total=len(every),
        choices=_choices(choices),
    )


def _choices(found: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """What each filter offers: the values that occur, in the order in which they do."""
    return {name: [v for v in dict.fromkeys(values) if v] for name, values in found.items()}


def _layout(view: TableView) -> dict[str, Any]:
    """A table as papers set it, every measured number with its index."""
    every, links = columns(view), linked(view)
    body = [(row, [*_linked(row, every, links)]) for row in rows(view, every)]
    return {
        "preset": view.preset,
        "stem": stem(view),
        "caption": legend.caption(view),
        "notes": legend.notes(view),
        "columns": every,
        "width": 1 + sum(len(c.heads) for c in every),
        "parts": any(len(c.heads) > 1 for c in every),
        "told": view.told,
        "groups": [(group, list(mine)) for group, mine in groupby(body, lambda x: x[0].group)],
        "lines": [] if view.told else lines(view),
    }


def _linked(
    row: Row, chosen: Sequence[Column], links: Mapping[Place, int]
) -> Iterator[tuple[CellText, int | None]]:
    """The cells of a row; with the measured number the index of its entry, if that has cells."""
    for column, cells in zip(chosen, row.cells, strict=True):
        index = links.get(((row.group, row.label.text), (column.label, column.metric)))
        for i, text in enumerate(cells):
            yield text, index if i == measured_at(column) else None


def figures(site: Site, views: Sequence[Drawing]) -> str:
    """The page of all figures that something was measured for; the others are named."""
    drawn = [
        {
            "stem": stem(v), "experiment": v.experiment, "name": v.name, "alt": v.caption,
            "caption": legend.figure_caption(v), "wide": inches(v) > COLUMN,
        }
        for v in views if not lacks(v)
    ]  # fmt: skip
    lacking = [
        {"experiment": v.experiment, "name": v.name, "preset": v.preset, "why": lacks(v)}
        for v in views
        if lacks(v)
    ]
    return site.page("figures", drawn=drawn, lacking=lacking)


def compare(
    site: Site, other: str, comparisons: Sequence[Comparison], parts: Sequence[Part]
) -> str:
    """The page that sets two results folders side by side; numbers lead to their cells."""
    links: dict[tuple[str, ...], str] = {
        (view.experiment, view.preset, view.name, *e.slot.line, *e.slot.head): f"{stem(view)}/{i}"
        for part in parts
        for view in part.tables
        for i, e in enumerate(view.entries)
    }
    order = list(verdicts.counts(comparisons))
    found = sorted(comparisons, key=lambda c: order.index(c.verdict))
    choices: dict[str, Iterable[str]] = {
        "verdict": order,
        "experiment": (c.experiment for c in comparisons),
        "metric": (c.metric for c in comparisons),
        "preset": (c.preset for c in comparisons),
    }
    return site.page(
        "compare",
        other=other,
        summary=verdicts.summary(comparisons, other),
        lines=[_compared(c, links) for c in found],
        choices=_choices(choices),
    )


def _compared(one: Comparison, links: Mapping[tuple[str, ...], str]) -> dict[str, Any]:
    """A line of that page."""
    place = (one.experiment, one.preset, one.name, one.group, one.row, one.column, one.metric)
    values = {"reference": one.reference, "measured": one.measured,
              "difference": one.difference, "tolerance": one.tolerance}  # fmt: skip
    shown = {
        name: verdicts.amount(v, one.unit, sign=name == "difference") for name, v in values.items()
    }
    sorts = {f"sort_{name}": sort_key(v) for name, v in values.items()}
    return {
        "verdict": one.verdict, "experiment": one.experiment, "table": one.name,
        "row": f"{one.group}: {one.row}" if one.group else one.row, "column": one.column,
        "metric": one.metric, "preset": one.preset, "n": one.n, "note": verdicts.told(one),
        "link": links.get(place, ""),
        **shown, **sorts,
    }  # fmt: skip


def cell(site: Site, digits: int) -> str:
    """The page that shows any cell, by the end of its address."""
    return site.page("cell", digits=digits)
