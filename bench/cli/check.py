"""`bench check`: did a change of code or library move a result?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli import common, following, named_folders, selection, words
from bench.errors import BenchError
from bench.report.verdict_types import seeds_in_words

if TYPE_CHECKING:
    from bench.report.verdict_types import Comparison
    from bench.store.record import Record
    from bench.store.states import Results

FORMATS = ("text", "markdown", "json", "junit")
EPILOG = """\
Each seed is held against the same seed of the reference: the same bits are ok. Where bits changed,
what differs is told (code, data, versions, CPU), and a number has moved only if neither noise of
half a point a seed nor new draws of its seeds explain it; where code alone differs, noise has to.
What other parameters than the reference's gave is never excused, and they are named. A reference
too weak to tell a broken method is named "unguarded".

Exit status: 0 every guarded number is as it was; 1 a number moved, is stale, failed, or misses
seeds that the reference has (all of them, where nothing was measured); 2 usage; 3 nothing could be
compared: there is no reference, no data, or only references too weak to judge by.

  python -m bench run digits --seeds 3 --check        measure, compare, in CI
  python -m bench check digits --seeds 3 --format markdown >> $GITHUB_STEP_SUMMARY
  python -m bench check --results new/ --against old/   any two results folders
  python -m bench check digits --update --reason "larger batches"   make a new reference

Numbers of --set have a reference of their own, once --update makes it; with --against they are held
against the other folder's of the same --set. Several values side by side: bench sweep."""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "check", "compare results with the reference", epilog=EPILOG)
    common.add_selection(parser, every=True)
    common.add_places(parser)
    parser.add_argument(
        "--against",
        type=words.path,
        metavar="DIR",
        help="another results folder, in the reference's place",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.add_argument("--update", action="store_true", help="make the results here the reference")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, kept with the reference")
    others = parser.add_mutually_exclusive_group()
    others.add_argument(
        "--keep", action="store_true", help="let --update leave what was not measured here as it is"
    )
    others.add_argument(
        "--drop", action="store_true", help="let --update lose numbers or seeds of the reference"
    )
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Compare, or update the reference; returns the exit status."""
    from bench.render import verdicts
    from bench.report import comparisons
    from bench.store import outside, provenance
    from bench.store.folders import Store
    from bench.store.states import read

    _refuse(arguments)
    named_folders.refuse_mistyped(arguments)
    plan = selection.plan_for(arguments)
    store = Store(arguments.results, read_only=True)
    results = read(plan, store)
    common.say_damaged(store)
    other = None
    if arguments.against:
        theirs = Store(arguments.against, read_only=True)
        other = read(plan, theirs)
        common.say_damaged(theirs)
        compared = comparisons.against(results, other)
    else:
        compared = comparisons.compare_all(results)
    _, called = named_folders.told_apart(arguments.results, arguments.against)
    without = sorted({one.name for one in plan.experiments} - {c.experiment for c in compared})
    if compared or not arguments.update or arguments.format != "text":
        told = [] if arguments.update else without
        common.say(verdicts.written(compared, arguments.format, called, told))
    if arguments.update:
        return _update(arguments, results)
    if arguments.format == "text":
        if not arguments.against and (lacking := _later_seeds(results)):
            common.say(f"note: {_of_later(lacking, arguments)}")
        if plan.given:
            common.say(f"note: {_of_given(plan.given, called)}")
        for line in provenance.mixtures(results):
            print(f"note: {line}")
        unasked = outside.of(results) | outside.of(other) if other else {}
        if unasked and selection.means_all(arguments):
            common.say(f"note: not compared: {outside.told(unasked)}")
    return verdicts.status(compared)


def _later_seeds(results: Results) -> list[int]:
    """Seeds that some row has no result of, where all rows have those before; none otherwise."""
    here, lacking = set[int](), set[int]()
    for slot in results.plan.slots:
        for seed, keys in slot.cells.items():
            (lacking if any(results.states[k] == "missing" for k in keys) else here).add(seed)
    first = min(lacking, default=0)
    return sorted(lacking) if first and here >= {*range(first)} else []


def _of_later(seeds: Sequence[int], arguments: argparse.Namespace) -> str:
    """How to compute these seeds, and how to compare without them."""
    every = "" if arguments.experiments or arguments.every else " --all"
    run = every + following.words(arguments, "run")
    check = following.words(arguments, "check", ("seeds", "seed_list"))
    return (
        f"{seeds_in_words(seeds)} are not here: `python -m bench run{run}` computes them, "
        f"`python -m bench check{check} --seeds {seeds[0]}` compares those before"
    )


def _of_given(given: Sequence[str], other: str) -> str:
    """What numbers of --set are held against, and how to set them beside those without it."""
    values, (name, _, value) = " ".join(given), given[0].partition("=")
    held = f"those of --set {values} in {other}" if other else "a reference of their own"
    return (
        f"numbers of --set {values} are held against {held}, never against those without it; "
        f"`python -m bench sweep {name}=…,{value} EXPERIMENT` sets values side by side"
    )


def _refuse(arguments: argparse.Namespace) -> None:
    """Flags that do not go together.

    Raises:
        BenchError: says which.
    """
    if arguments.against and arguments.update:
        raise BenchError("--update makes a reference of --results; leave --against out")
    if (arguments.reason or arguments.keep or arguments.drop) and not arguments.update:
        raise BenchError("--reason, --keep and --drop belong to --update")
    named_folders.refuse_no_results(arguments.against)


def _update(arguments: argparse.Namespace, results: Results) -> int:
    """Make the results the reference, once a reason is given.

    Raises:
        BenchError: no reason, a cell is not done, or numbers would be lost.
    """
    from bench.report import reference, renewing
    from bench.store import cost

    if not arguments.reason.strip():
        raise BenchError('say why with --reason "…": it is kept with the reference')
    others: renewing.Others = "keep" if arguments.keep else "drop" if arguments.drop else "refuse"
    written = renewing.update(results, arguments.reason.strip(), others=others)
    # What a program reads, or a page is made of, holds nothing but the verdicts.
    out = sys.stdout if arguments.format == "text" else sys.stderr
    for path in written:
        common.say(f"wrote  {path}", out)
    if any(path.parent == reference.FOLDER for path in written):
        common.say(f"wrote  {cost.update(_records(results), results.plan.data_root)}", out)
    for name in reference.left_out(results):
        common.say(f"without {name}: no cell has it", out)
    if not written:
        raise BenchError("nothing that was named has results: no reference was written")
    return 0


def _records(results: Results) -> list[Record]:
    """Those of the experiments that come with the project."""
    plan, records = results.plan, results.records
    keys = {key for one in plan.experiments if one.shipped for key in plan.of(one.name)}
    return [records[k] for k in plan.cells if k in keys and k in records]


def after_run(arguments: argparse.Namespace, results: Results) -> int:
    """Two or three lines on what a run's numbers became; returns the check's exit status."""
    from bench.render import verdicts
    from bench.report import comparisons

    try:
        compared: Sequence[Comparison] = comparisons.compare_all(results)
    except BenchError as error:
        print(f"check  {error}")
        return 1
    status = verdicts.status(compared)
    if not compared:
        return status
    for i, line in enumerate(verdicts.summary(compared)):
        common.say(f"{'check ' if i == 0 else '      '} {line}")
    if status == 1:
        common.say(
            f"       `python -m bench check{following.words(arguments, 'check')}` names them"
        )
    return status
