"""`bench merge`: take the cells of packs into the results."""

from __future__ import annotations

import argparse
import sys

from bench.cli import common, words
from bench.errors import BenchError
from bench.plural import many


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "merge", "take the cells of packs into the results")
    parser.add_argument(
        "packs", nargs="+", type=words.path, metavar="PACK", help="what `pack` wrote"
    )
    common.add_results(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Merge packs one after another; exit status 1 when a pack or a cell was left out."""
    from bench.store.folders import Store
    from bench.store.merging import DamagedPack, merge

    for path in arguments.packs:
        if not path.is_file():
            raise BenchError(f"{path} is no file")
    store, status = Store(arguments.results), 0
    for path in arguments.packs:
        try:
            done = merge(path, store)
        except DamagedPack as error:
            for problem in error.problems:
                print(f"damaged: {path}: {problem}", file=sys.stderr)
            print(f"merged nothing of {path}: fetch it again", file=sys.stderr)
            status = 1
            continue
        for reason in done.left:
            print(f"left out: {reason}", file=sys.stderr)
            status = 1
        more = f", {done.here} {'was' if done.here == 1 else 'were'} here" if done.here else ""
        more += f", {len(done.left)} left out" if done.left else ""
        print(f"merged {many(done.merged, 'cell')}{more}: {path}")
    return status
