"""`bench rescore`: metrics again, from stored predictions, without training."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.cli import common, named_folders, selection
from bench.plural import many

EPILOG = """\
Metrics, and the scores of snapshots in curves, are computed again by the scoring as it is now; a
record whose scoring is of today is left alone without --anew. Predictions, times and all else stay
as they are."""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "compute metrics again from stored predictions, without training"
    parser = common.add_verb(verbs, "rescore", summary, epilog=EPILOG)
    common.add_selection(parser)
    common.add_places(parser)
    parser.add_argument("--anew", action="store_true", help="also those scored by today's code")
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Score the finished cells of some experiments, all by default."""
    from bench.run import rescoring
    from bench.store import provenance
    from bench.store.folders import Store
    from bench.store.states import USABLE, read

    named_folders.refuse_mistyped(arguments)
    plan, store = selection.plan_for(arguments), Store(arguments.results)
    store.sweep(plan.cells.values(), plan.cells)  # what a rescore that was killed has left
    results = read(plan, store)
    common.say_damaged(store)
    finished = [key for key, state in results.states.items() if state in USABLE]
    root = common.data_root(arguments.data_root)
    chosen = finished if arguments.anew else provenance.scored_otherwise(results)
    changed = failed = 0
    with tempfile.TemporaryDirectory(prefix="bench-rescore-") as folder:
        for key in chosen:
            cell = results.plan.cells[key]
            try:
                moved = rescoring.rescore(cell, store, root, Path(folder))
            except rescoring.Impossible as error:
                failed += 1
                common.say(f"left   {cell}: {error}")
                continue
            if moved:
                changed += 1
                common.say(f"scored {cell}: {', '.join(moved)}")
    print(_told(len(finished), len(chosen), changed, failed))
    return 1 if failed else 0


def _told(finished: int, chosen: int, changed: int, failed: int) -> str:
    """What was done, in a line."""
    if not finished:
        return "no finished cell to score"
    if not chosen:
        return f"{many(finished, 'cell')}, all scored by today's code"
    words = f"{chosen - failed} of {many(finished, 'cell')} scored again: {changed} changed"
    return f"{words}, {failed} could not be scored" if failed else words
