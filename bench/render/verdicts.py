"""What became of each number of a check: as a table, Markdown, JSON or JUnit's XML."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal
from xml.etree import ElementTree as ET

from tabulate import tabulate

from bench.plural import many
from bench.render import escape
from bench.report.verdict_types import Comparison, seeds_in_words

FAILURES = ("moved", "stale", "missing")
COMPARED = ("ok", "bits changed")
"""Verdicts on a number that is guarded by its reference and was as it should be."""
_BAD = {"moved": "moved", "stale": "measured by other code", "missing": "lack seeds"}
_HARMLESS = ("ok", "bits changed", "unavailable")
"""Counted, not listed."""
NOTHING = 3
"""Exit status where nothing could be compared."""


def counts(comparisons: Iterable[Comparison]) -> dict[str, int]:
    """Verdict -> how many numbers have it, the bad ones first."""
    found = Counter[str](c.verdict for c in comparisons)
    order = (*FAILURES, "unguarded", "ok", "bits changed", "new", "unavailable")
    return {verdict: found[verdict] for verdict in order if found[verdict]}


def summary(comparisons: Sequence[Comparison], other: str = "") -> list[str]:
    """Two or three lines: how many numbers are what, how far bits changed and what differs.

    Args:
        comparisons: All of them.
        other: The results folder that takes the reference's part, as readers call it.
    """
    words = ", ".join(f"{n} {verdict}" for verdict, n in counts(comparisons).items())
    against = other or "their reference"
    lines = [f"{many(len(comparisons), 'number')} against {against}: {words or 'none'}"]
    changed = [c for c in comparisons if c.verdict in ("bits changed", "moved", "unguarded")]
    causes = Counter(c.note for c in changed if c.note)
    if changed:
        told = "; ".join(f"{cause} ({n})" for cause, n in causes.most_common(3))
        far = {c.unit: abs(c.difference or 0.0) for c in sorted(changed, key=_size)}
        most = " and ".join(amount(d, unit, bare=True) for unit, d in far.items())
        lines.append(f"means changed by at most {most}; what differs: {told}")
    weak = sum(c.verdict in ("ok", "bits changed") and not c.guarded for c in comparisons)
    if weak:
        what = other or "the reference"
        lines.append(f"of {weak} of these {what} is too weak to notice a broken method")
    if more := sum(c.more > 0 for c in comparisons):
        lines.append(f"of {many(more, 'number')} seeds were measured that {against} does not have")
    return lines


def _size(comparison: Comparison) -> float:
    return abs(comparison.difference or 0.0)


def amount(
    value: float | None,
    unit: Literal["percent", "count"],
    *,
    sign: bool = False,
    bare: bool = False,
) -> str:
    """A value as people read it: fractions as percent."""
    if value is None:
        return "-"
    if unit == "count":
        return f"{value:+g}" if sign else f"{value:.4g}" + (" counts" if bare else "")
    return f"{100 * value:{'+' if sign else ''}.2f}" + (" points" if bare else "")


def listed(comparisons: Iterable[Comparison], other: str = "") -> list[dict[str, str]]:
    """The rows of the table: what is not as it was, the bad ones first.

    Numbers of one table that lack the same seeds for the same reason share a row. A folder that
    takes the reference's part is called so above its column.
    """
    order = list(counts(comparisons := list(comparisons)))
    shown = [c for c in comparisons if c.verdict not in _HARMLESS]
    shown.sort(key=lambda c: order.index(c.verdict))
    alike: dict[object, list[Comparison]] = {}
    for i, c in enumerate(shown):
        lacking = c.verdict == "missing"
        alike.setdefault((c.experiment, c.name, told(c)) if lacking else i, []).append(c)
    rows = [_row(*group) for group in alike.values()]
    called = {"reference": other or "reference"}
    return [{called.get(head, head): word for head, word in row.items()} for row in rows]


def _row(c: Comparison, *more: Comparison) -> dict[str, str]:
    """The row of a number, or of several that lack the same."""
    row = {
        "verdict": f"{c.verdict} ({c.direction})" if c.direction else c.verdict,
        "experiment": c.experiment,
        "table": c.name,
        "row": _name(c),
        "column": c.column,
        "metric": c.metric,
        "reference": amount(c.reference, c.unit),
        "measured": amount(c.measured, c.unit),
        "difference": amount(c.difference, c.unit, sign=True),
        "mean may move by": amount(c.tolerance, c.unit),
        "shared n": str(c.n),
        "note": told(c),
    }
    if more:
        shared = ("verdict", "experiment", "table", "note")
        row = {key: word if key in shared else "" for key, word in row.items()}
        first, *others = dict.fromkeys(_name(one) for one in (c, *more))
        of = f" and {many(len(others), 'other')}" if others else ""
        row["row"] = f"{1 + len(more)} numbers of {first}{of}"
    return row


def _name(c: Comparison) -> str:
    """Its row, with the heading that it stands under."""
    return f"{c.group}: {c.row}" if c.group else c.row


def told(comparison: Comparison) -> str:
    """Seeds and provenance in a few words."""
    named = seeds_in_words(comparison.seeds) if comparison.seeds else ""
    return "; ".join(part for part in (named, comparison.note) if part)


def text(comparisons: Sequence[Comparison], other: str = "", without: Sequence[str] = ()) -> str:
    """What the console shows: the numbers to look at, then a summary."""
    rows = listed(comparisons, other)
    table = tabulate(rows, headers="keys", disable_numparse=True) + "\n\n" if rows else ""
    return table + "\n".join([*summary(comparisons, other), *_lacking(without, other)])


def _lacking(without: Sequence[str], other: str) -> list[str]:
    """A line on experiments that were not compared."""
    what = f"numbers in {other}" if other else "a reference"
    return [f"without {what}: {', '.join(without)}"] if without else []


def markdown(
    comparisons: Sequence[Comparison], other: str = "", without: Sequence[str] = ()
) -> str:
    """What the summary of a CI job shows."""
    bad = [f"{n} {_BAD[v]}" for v, n in counts(comparisons).items() if v in FAILURES]
    head = f"Numbers: {', '.join(bad)}" if bad else "No number moved"
    head = "Nothing was compared" if status(comparisons) == NOTHING else head
    rows = [
        {escape.markdown(key): escape.markdown(word) for key, word in row.items()}
        for row in listed(comparisons, other)
    ]
    table = tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
    told = [*summary(comparisons, other), *_lacking(without, other)]
    lines = [f"- {escape.markdown(line)}" for line in told]
    return "\n".join([f"### {head}", "", *lines, *(["", table] if rows else [])])


def as_json(comparisons: Sequence[Comparison]) -> str:
    """Every number as JSON, for programs."""
    return json.dumps([dataclasses.asdict(c) for c in comparisons], indent=1, allow_nan=False)


def junit(comparisons: Sequence[Comparison], without: Sequence[str] = ()) -> str:
    """JUnit's XML for CI systems: a test suite an experiment, a test case a number.

    An experiment that was not compared is a suite with one case, which is skipped.
    """
    suites = ET.Element("testsuites", name="bench check")
    for name in dict.fromkeys(c.experiment for c in comparisons):
        mine = [c for c in comparisons if c.experiment == name]
        bad = sum(c.verdict in FAILURES for c in mine)
        skipped = sum(c.verdict in ("unguarded", "new", "unavailable") for c in mine)
        suite = ET.SubElement(
            suites, "testsuite", name=_xml(f"{name} ({mine[0].preset})"), tests=str(len(mine)),
            failures=str(bad), errors="0", skipped=str(skipped),
        )  # fmt: skip
        for c in mine:
            _case(suite, c)
    for name in without:
        suite = ET.SubElement(
            suites, "testsuite", name=_xml(name), tests="1", failures="0", errors="0", skipped="1"
        )
        case = ET.SubElement(suite, "testcase", classname=_xml(name), name="reference")
        ET.SubElement(case, "skipped", message="there is nothing that it could be held against")
    ET.indent(suites, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, "unicode")


def _case(suite: ET.Element, c: Comparison) -> None:
    """One number."""
    place = ", ".join(part for part in (c.group, c.row, c.column, c.metric) if part)
    case = ET.SubElement(
        suite, "testcase", classname=_xml(f"{c.experiment}.{c.name}"), name=_xml(place)
    )
    numbers = f"{amount(c.reference, c.unit)} -> {amount(c.measured, c.unit)}, n = {c.n}"
    words = _xml(f"{c.verdict}: {numbers}" + (f"; {told(c)}" if told(c) else ""))
    if c.verdict in FAILURES:
        ET.SubElement(case, "failure", type=c.verdict, message=words)
    elif c.verdict in ("unguarded", "new", "unavailable"):
        ET.SubElement(case, "skipped", message=words)
    else:
        ET.SubElement(case, "system-out").text = words


def _xml(words: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(
        r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]",
        "\N{REPLACEMENT CHARACTER}",
        words,
    )


def written(
    comparisons: Sequence[Comparison], form: str, other: str = "", without: Sequence[str] = ()
) -> str:
    """The comparisons as "text", "markdown", "json" or "junit"; the latter two name no side.

    Args:
        comparisons: All of them.
        form: One of these.
        other: The results folder that takes the reference's part, as readers call it.
        without: Experiments that were not compared, for want of a reference.
    """
    if form == "json":
        return as_json(comparisons)
    if form == "junit":
        return junit(comparisons, without)
    return (markdown if form == "markdown" else text)(comparisons, other, without)


def status(comparisons: Iterable[Comparison]) -> int:
    """The exit status: 0 all guarded numbers are as they were, 1 some are not, 3 there are none."""
    found = {c.verdict for c in comparisons}
    if found & set(FAILURES):
        return 1
    return 0 if found & set(COMPARED) else NOTHING
