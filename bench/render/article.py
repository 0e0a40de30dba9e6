"""An article of all tables and figures: verdicts, what was measured, what is printed alone."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError
from bench.files import content, safe
from bench.render.escape import latex as escape
from bench.render.place import by_experiment, stem
from bench.report import summary
from bench.report.summary import Summary
from bench.report.view_types import Drawing, TableView, lacks
from bench.typed import typed

_MOST_BYTES = 1 << 22
_INPUT = re.compile(r"\\input\{((?:tables|figures)/[A-Za-z0-9.-]+)\}")
_PARTS = {
    "measured": "Measured",
    "printed": "Published numbers alone",
    "settings": "Settings",
    "listed": "Figures not drawn",
}
"""The sections, in their order; each begins with a comment of its name."""

PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
\usepackage[textwidth=5.5in,textheight=9in]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{siunitx}
\graphicspath{{figures/}}
\usepackage{float}
\makeatletter
\let\floating\table\def\table{\@ifnextchar[\@here{\@here[]}}\def\@here[#1]{\floating[H]}
\let\drifting\figure\def\figure{\@ifnextchar[\@there{\@there[]}}\def\@there[#1]{\drifting[H]}
\@namedef{table*}{\table}\@namedef{endtable*}{\endtable}
\@namedef{figure*}{\figure}\@namedef{endfigure*}{\endfigure}
\makeatother
\begin{document}
"""


@dataclass(frozen=True)
class Block:
    """What the article has of one experiment."""

    summary: Summary
    inputs: dict[str, list[str]] = field(default_factory=dict)
    r"""Part -> the lines that input its fragments."""


def document(views: Sequence[TableView | Drawing], others: Mapping[str, Block]) -> str:
    """An article that inputs the fragments of all views from ``tables/`` and ``figures/``.

    Args:
        views: Those of whole experiments.
        others: Experiment -> its block, of those without views here.
    """
    blocks = dict(others)
    told = {one.experiment: one for one in summary.of_views(views)}
    for name, mine in by_experiment(views).items():
        blocks[safe(name)] = Block(told.get(name, Summary(name)), _inputs(mine))
    names = sorted(blocks)
    lines = _verdicts([blocks[name].summary for name in names])
    for part, title in _PARTS.items():
        lists = {name: blocks[name].inputs.get(part, []) for name in names}
        if any(lists.values()):
            lines += [r"\clearpage", rf"\section*{{{title}}}", f"%% {part}"]
        for name, inputs in lists.items():
            lines += [f"% {name}", *inputs] if inputs else []
    return PREAMBLE + "\n".join([*lines, r"\end{document}", ""])


def _inputs(views: Iterable[TableView | Drawing]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for view in views:
        folder = "tables" if isinstance(view, TableView) else "figures"
        if part := _part(view):
            found.setdefault(part, []).append(rf"\input{{{folder}/{stem(view)}}}")
    return found


def _part(view: TableView | Drawing) -> str:
    """Where a view stands; "" for a table without a number."""
    if not isinstance(view, TableView):
        return "listed" if lacks(view) else "measured"
    if view.told:
        return "settings"
    return "measured" if view.measured else "printed" if view.filled else ""


def _verdicts(summaries: Sequence[Summary]) -> list[str]:
    """The first page: verdicts by paper, then experiment by experiment what is lacking."""
    lines = [r"\section*{Verdicts}", *_by_paper(summaries)]
    lines += [r"\begin{small}\raggedright", "%% summaries"]
    for one in summaries:
        lines += [
            f"% {json.dumps(dataclasses.asdict(one))}",
            rf"\par\medskip\noindent {_told(one)}",
        ]
    return [*lines, r"\par\end{small}"]


def _by_paper(summaries: Sequence[Summary]) -> list[str]:
    """A table of how many printed numbers are what."""
    papers = summary.by_paper(summaries)
    if not papers:
        return []
    heads = ["paper", "printed numbers", *summary.VERDICTS]
    lines = [r"\noindent\begin{tabular}{l" + "r" * (len(heads) - 1) + "}", r"\toprule"]
    lines += [" & ".join(heads) + r" \\", r"\midrule"]
    for paper, verdicts in papers.items():
        counts = [verdicts.total(), *(verdicts[v] for v in summary.VERDICTS)]
        lines.append(" & ".join([escape(paper), *map(str, counts)]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}\par\smallskip"]
    return [*lines, rf"\noindent {{\small {summary.ONCE}\par}}\bigskip"]


def _told(one: Summary) -> str:
    """One experiment in words."""
    words = [
        rf"\textbf{{{escape(one.experiment)}}}: {one.measured} of {one.numbers} numbers measured"
    ]
    words += [f"{escape(paper)}: {summary.told(found)}" for paper, found in one.papers.items()]
    if one.states:
        words.append(
            "without a value: " + escape(", ".join(f"{n} {s}" for s, n in one.states.items()))
        )
    if one.lacks:
        words.append("not here: " + escape(", ".join(one.lacks)))
    if one.empty:
        words.append("tables without a number: " + escape(", ".join(one.empty)))
    return "; ".join(words) + "."


def others(path: Path) -> dict[str, Block]:
    """Experiment -> its block in an article that lies there, less fragments that are gone."""
    try:
        lines = content(path, _MOST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    blocks: dict[str, Block] = {}
    part = name = ""
    for line in lines:
        if line.startswith("%% "):
            part, name = line[3:], ""
        elif part == "summaries" and line.startswith("% {"):
            if one := _summary(line[2:]):
                blocks[safe(one.experiment)] = Block(one, {})
        elif line.startswith("% "):
            name = safe(line[2:])
        elif name in blocks and (named := _INPUT.fullmatch(line)) and _there(path, named[1]):
            blocks[name].inputs.setdefault(part, []).append(line)
    return {name: block for name, block in blocks.items() if block.inputs}


def _summary(text: str) -> Summary | None:
    """What stands behind a comment of an article; None where it makes no sense."""
    try:
        return typed(Summary, json.loads(text), "article")
    except (ValueError, RecursionError, BenchError):
        return None


def _there(article: Path, fragment: str) -> bool:
    path = article.parent / f"{fragment}.tex"
    return path.is_file() and not path.is_symlink()
