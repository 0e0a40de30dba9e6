"""What became of an experiment in a few numbers: the start of an article, the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.plan.published import Published
from bench.report.view_types import Drawing, Measured, TableView

VERDICTS = ("reproduced", "better", "worse", "not comparable", "open")
"""The most telling first: a printed number that was measured in two ways has the first of them."""

ONCE = (
    "A number that is measured in several ways counts once in an experiment, by the first of these "
    "verdicts that it has."
)
"""What has to be said beside counts by verdict."""


@dataclass(frozen=True)
class Summary:
    """Counts over the tables of numbers of one experiment."""

    experiment: str
    papers: dict[str, dict[str, int]] = field(default_factory=dict)
    """Paper -> verdict -> how many of its printed numbers have it, each counted once."""
    numbers: int = 0
    """Entries of tables that something can be measured for."""
    measured: int = 0
    states: dict[str, int] = field(default_factory=dict)
    """State -> entries without a value that are in it, each by its gravest."""
    lacks: tuple[str, ...] = ()
    """What unavailable cells would need."""
    empty: tuple[str, ...] = ()
    """Tables without a number, measured or printed."""


def of_views(views: Iterable[TableView | Drawing]) -> list[Summary]:
    """One for each experiment that has a table, in the order of the views."""
    tables: dict[str, list[TableView]] = {}
    for view in views:
        if isinstance(view, TableView):
            tables.setdefault(view.experiment, []).append(view)
    return [_of_tables(name, mine) for name, mine in tables.items()]


def _of_tables(name: str, tables: Sequence[TableView]) -> Summary:
    entries = [e for table in tables if not table.told for e in table.entries]
    wanted = [e for e in entries if e.slot.cells]
    return Summary(
        experiment=name,
        papers=_papers(entries),
        numbers=len(wanted),
        measured=sum(bool(e.values) for e in wanted),
        states=dict(Counter(e.lacking[0] for e in wanted if not e.values).most_common()),
        lacks=tuple(sorted({lack for table in tables for lack in table.lacks})),
        empty=tuple(table.name for table in tables if not (table.told or table.filled)),
    )


def by_paper(summaries: Iterable[Summary]) -> dict[str, Counter[str]]:
    """Paper -> verdict -> how many of its printed numbers have it, sorted by paper."""
    found: dict[str, Counter[str]] = {}
    for one in summaries:
        for paper, verdicts in one.papers.items():
            found.setdefault(paper, Counter()).update(verdicts)
    return dict(sorted(found.items()))


def told(verdicts: Mapping[str, int]) -> str:
    """Counts by verdict in words: "3 reproduced, 1 open"."""
    return ", ".join(f"{verdicts[v]} {v}" for v in VERDICTS if v in verdicts)


def _papers(entries: Iterable[Measured]) -> dict[str, dict[str, int]]:
    best: dict[Published, str] = {}
    for e in entries:
        if e.slot.published:
            verdicts = best.get(e.slot.published, VERDICTS[-1]), e.judgement.verdict or VERDICTS[-1]
            best[e.slot.published] = min(verdicts, key=VERDICTS.index)
    found: dict[str, dict[str, int]] = {}
    for printed, verdict in best.items():
        mine = found.setdefault(printed.paper, {})
        mine[verdict] = mine.get(verdict, 0) + 1
    return found
