"""`bench prove`: does the code as it is give the results that it gave?"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from bench import ROOT
from bench.cli import common, words
from bench.errors import BenchError, unknown
from bench.plural import many

if TYPE_CHECKING:
    from bench.prove.evidence import Verdict
    from bench.prove.replay import Replay

EPILOG = """\
Short tiny cells of every method are computed again and compared, to the last bit, with the digests
in results/reference/witness.json or, with --at, with what another commit's code gives here and now.
Where nothing differs though the code's fingerprint does, both are the same from then on: the pair
is written to results/reference/equal.json, and no cell is stale for it.

  python -m bench prove                    after a change of code or of a library
  python -m bench prove --update           the digests of today are the ones to keep
  python -m bench prove --at v1            by the code of a commit, on this machine
  python -m bench prove --at v1 --dtype bfloat16    for records in that type
  python -m bench prove --digits           seed 0 of `digits` against the reference, exactly

exit status: 0 nothing differs; 1 something does; 3 something does, but the reference of `digits` is
of another machine."""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "replay tiny cells and compare their digests: did the code change a result?"
    parser = common.add_verb(verbs, "prove", summary, epilog=EPILOG)
    against = parser.add_mutually_exclusive_group()
    against.add_argument("--at", metavar="COMMIT", help="compare with that commit's code")
    against.add_argument(
        "--digits", action="store_true", help="compare `digits` with its reference"
    )
    parser.add_argument("--update", action="store_true", help="keep the digests of today")
    parser.add_argument(
        "--methods", type=words.names, metavar="A,B", default=(), help="only these, keep nothing"
    )
    parser.add_argument(
        "--dtype",
        choices=common.DTYPES,
        default=common.DTYPES[0],
        help="with --at: replay what can compute in it",
    )
    parser.add_argument(
        "--workers",
        type=partial(words.count, what="workers", most=words.MOST_WORKERS),
        metavar="N",
        default=1,
        help="cells at a time",
    )
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Replay, compare, keep; returns the exit status."""
    if arguments.update and (arguments.methods or arguments.digits):
        raise BenchError("--update keeps the digests of all: leave --methods and --digits out")
    if arguments.dtype != common.DTYPES[0] and (arguments.update or not arguments.at):
        raise BenchError(f"--dtype {arguments.dtype}: only --at COMMIT, without --update, takes it")
    if arguments.digits and arguments.methods:
        raise BenchError("--digits compares the whole experiment: leave --methods out")
    with tempfile.TemporaryDirectory(prefix="bench-prove-") as folder:
        if arguments.digits:
            from bench.prove import reference_seed

            return reference_seed.act(Path(folder), arguments.workers)
        return _prove(arguments, Path(folder))


def _prove(arguments: argparse.Namespace, folder: Path) -> int:
    from bench import registry
    from bench.prove import elsewhere, evidence, golden
    from bench.prove.replay import Replay, replay, subjects
    from bench.store import code

    _refuse_unknown(arguments.methods, subjects(), registry.load())

    def wanted(name: str) -> bool:
        return not arguments.methods or name in (*arguments.methods, "")

    asked = evidence.combinations()
    if arguments.at:
        tree = folder / "tree"
        elsewhere.unpack(arguments.at, tree)
        before = replay(tree, folder / "then", wanted, arguments.workers, arguments.dtype)
        before.codes, before.scoring = elsewhere.fingerprints(tree, asked, folder)
    elif arguments.update and not golden.PATH.exists():
        before = Replay()
    else:
        before, machines = golden.read()
        _say_machine(machines)
    now = replay(ROOT, folder / "now", wanted, arguments.workers, arguments.dtype)
    now.codes, now.scoring = evidence.codes(asked), code.scoring()
    verdicts = evidence.compare(before, now)
    if arguments.methods:
        verdicts = {n: v for n, v in verdicts.items() if v.word != "gone"}
    scores = evidence.scores(before, now)
    well = _print(before, now, verdicts, scores, part=bool(arguments.methods))
    if not arguments.methods:
        _keep(before, now, scores, arguments)
    return 0 if well or (arguments.update and not arguments.at) else 1


def _refuse_unknown(named: Iterable[str], known: Collection[str], methods: Iterable[str]) -> None:
    """Raises BenchError for a name that no row of the witness is for."""
    for name in named:
        if name not in known and name in methods:
            raise BenchError(
                f"--methods {name}: only rows of others replay it, as without --methods"
            )
        if name not in known:
            raise unknown("method", name, known, where="--methods")


def _say_machine(machines: list[dict[str, object]]) -> None:
    """Say so when the committed digests come from other machines than this."""
    from bench.prove import golden

    if golden.this_machine() not in machines:
        print(
            "note: the committed digests were made with other versions or another processor: "
            "equal ones show that neither matters; of others, `prove --at COMMIT` tells whether "
            "it is the code"
        )
        for other in machines:
            print(f"      they: {other}")
        print(f"      here: {golden.this_machine()}")


def _print(
    before: Replay, now: Replay, verdicts: dict[str, Verdict], scores: Verdict, *, part: bool
) -> bool:
    """The table, and whether nothing differs; of a part, what was not asked for is not missed."""
    rows = [
        {"witness of": name, "": v.word, "cells": v.cells, "CPU s": v.seconds, "why": v.why}
        for name, v in [*verdicts.items(), ("scoring", scores)]
    ]
    print(tabulate(rows, headers="keys", floatfmt=".1f"))
    for side, other in ((now, before), (before, now)):
        only = sorted(side.cells.keys() - other.cells.keys())
        if only and other.cells and (side is now or not part):
            print(f"{'here' if side is now else 'there'} alone: {', '.join(only)}")
    blind = [f"{c.label}: {c.degenerate}" for c in now.cells.values() if c.degenerate]
    for line in blind:
        print(f"sees nothing: {line}")
    print(f"{many(len(now.cells), 'cell')}, {before.seconds + now.seconds:.0f} CPU s")
    sys.stdout.flush()
    bad = [v for v in (*verdicts.values(), scores) if v.word in ("differs", "unjudged")]
    return not bad and not blind


def _keep(before: Replay, now: Replay, scores: Verdict, arguments: argparse.Namespace) -> None:
    """Write the equivalences that were shown and, if asked to, the digests."""
    from bench.prove import evidence, golden
    from bench.store import equal

    shown = evidence.pairs(before, now)
    if scores.word == "equal":
        shown.append((equal.SCORING, before.scoring, now.scoring))
    known = equal.read()
    more = equal.add(
        known, shown, proof=golden.this_machine(), device=golden.DEVICE, dtype=arguments.dtype
    )
    if more.lines != known.lines:
        print(f"wrote  {equal.write(more)}: {len(more.lines) - len(known.lines)} more are equal")
    if arguments.update:
        machines = [golden.this_machine()]
        if (
            not arguments.at
            and before.cells
            and all(v.word == "equal" for v in (*evidence.compare(before, now).values(), scores))
        ):
            machines = [m for m in golden.read()[1] if m not in machines] + machines
        print(f"wrote  {golden.write(now, machines)}")
