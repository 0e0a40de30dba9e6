"""`bench pack`: finished cells as one archive."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.cli import common, named_folders, selection, words
from bench.errors import BenchError, unknown
from bench.plural import many

EPILOG = """\
  python -m bench pack half.zip digits --seed-list 0,1,2,3,4     half a run, to merge elsewhere
  python -m bench pack mine.zip mnist --tensors                  with networks and features
  python -m bench pack pairs.zip ccn --tensors-of similarity-matrix
                                                                 with what many rows need alone"""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "pack", "write finished cells to one archive", epilog=EPILOG)
    parser.add_argument("dest", type=words.path, metavar="DEST.zip", help="the archive to write")
    common.add_selection(parser)
    common.add_places(parser)
    tensors = parser.add_mutually_exclusive_group()
    tensors.add_argument(
        "--tensors",
        action="store_true",
        help="networks and features too, for cells yet to run that need them",
    )
    tensors.add_argument(
        "--tensors-of",
        type=words.names,
        metavar="A,B",
        help="those of these methods alone",
    )
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Pack the finished cells of some experiments, all by default."""
    from bench.store import packing
    from bench.store.folders import Store

    dest: Path = arguments.dest
    if dest.suffix != ".zip":
        raise BenchError(
            f"{dest}: a pack's name ends in .zip: bench pack DEST.zip [EXPERIMENT ...]"
        )
    older = dest.exists()
    if older and not (dest.is_file() and packing.is_pack(dest)):
        raise BenchError(f"{dest} is there and no pack: give another name")
    named_folders.refuse_mistyped(arguments)
    plan = selection.plan_for(arguments)
    store = Store(arguments.results)
    private = named_folders.private(arguments, store)
    methods = {cell.method for cell in plan.cells.values()}
    for name in arguments.tensors_of or ():
        if name not in methods:
            raise unknown("method", name, methods, where="--tensors-of")
    tensors = arguments.tensors_of or arguments.tensors
    done = packing.write(dest, store, plan.cells, tensors=tensors, private=private)
    instead = ", in place of an older one" if older else ""
    print(f"packed {many(done.cells, 'cell')}, {_size(done.size)}: {dest}{instead}")
    if done.without_tensors:
        hint = "; --tensors packs what is here" if not tensors else ""
        print(f"note: {done.without_tensors} of them without their tensors{hint}")
    if done.failed:
        print(f"note: {done.failed} of them failed, as they then have where this is merged")
    mine = {cell.folder for cell in plan.cells.values()}
    every = not arguments.experiments and not selection.narrows(arguments)
    if every and (others := len(set(store.folders()) - mine)):
        print(f"note: {many(others, 'cell')} here of no project table: name their TOML for a pack")
    damaged = {folder: why for folder, why in store.damaged.items() if folder in mine}
    damaged |= done.damaged
    for folder, reason in damaged.items():
        common.say(f"left out: {folder}: {reason}", sys.stderr)
    return 1 if damaged else 0


def _size(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
