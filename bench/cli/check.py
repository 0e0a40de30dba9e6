"""`bench check`: did a change of code or library move a result?"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

from bench.cli import common
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.report.reference import Comparison
    from bench.store.record import Record
    from bench.store.states import Results

EPILOG = """\
Compares the means of the records here with those in results/reference. The tolerance follows from
the spread over seeds and holds for all numbers together: with nothing changed, one check in twenty
flags one. Exit status 1: a number moved, is stale, or cannot be compared since cells are missing
or failed.

In CI:  python -m bench run digits --seeds 3 && python -m bench check digits --seeds 3"""


def add(verbs: common.Verbs) -> None:  # type: ignore[valid-type]
    """Declare the verb."""
    parser = common.add_verb(verbs, "check", "compare results with the reference", epilog=EPILOG)
    common.add_selection(parser)
    common.add_places(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--update", action="store_true", help="make the results here the reference")
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Compare, or update the reference; returns the exit status."""
    from bench.report import reference
    from bench.store import cost
    from bench.store.folders import Store
    from bench.store.states import read

    results = read(common.plan_for(arguments), Store(arguments.results, read_only=True))
    if arguments.update:
        for path in reference.update(results):
            print(f"wrote  {path}")
        print(f"wrote  {cost.update(_records(results))}")
        for name in reference.left_out(results):
            print(f"without {name}: no cell has it")
        return 0
    comparisons = reference.compare_all(results)
    if not comparisons:
        raise BenchError("nothing to compare: results/reference has none of these experiments")
    if arguments.json:
        print(json.dumps([dataclasses.asdict(c) for c in comparisons], indent=1))
    else:
        _print(comparisons)
    bad = [c for c in comparisons if c.verdict not in ("ok", "new", "unavailable")]
    return 1 if bad else 0


def _records(results: Results) -> list[Record]:
    return [results.records[k] for k in results.plan.cells if k in results.records]


def _print(comparisons: Sequence[Comparison]) -> None:
    """What is not as it was, and how many numbers are."""
    verdicts = [c.verdict for c in comparisons]
    rows = [
        {
            "experiment": c.experiment,
            "table": c.name,
            "row": c.row,
            "column": c.column,
            "reference": c.reference,
            "measured": c.measured,
            "difference": c.difference,
            "tolerance": c.tolerance,
            "n": c.n,
            "verdict": c.verdict,
        }
        for c in comparisons
        if c.verdict != "ok"
    ]
    if rows:
        print(tabulate(rows, headers="keys", floatfmt=".4f", missingval="-"))
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    print(f"{len(verdicts)} numbers compared: {counted}")
