"""`bench show CELL`: how a cell ended, its record and log; `--params METHOD`: its parameters."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import textwrap
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench import ROOT, registry
from bench.cli import columns, common, named_folders
from bench.errors import BenchError
from bench.files import opened, printable
from bench.plan.cell import PRESETS, words

if TYPE_CHECKING:
    from bench.method_info import MethodInfo
    from bench.store.folders import Store
    from bench.store.record import Record

_TAIL, _LONGEST = 30, 10_000
"""Lines of a log that are shown, and bytes of a line."""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "print a cell's record, log and traceback, or what parameters a method has"
    parser = common.add_verb(verbs, "show", summary)
    parser.add_argument(
        "cell", metavar="CELL", nargs="?", help="its key, the beginning of it, or its folder"
    )
    parser.add_argument(
        "--params",
        metavar="METHOD",
        help="a method: its parameters, their defaults and meaning",
    )
    parser.add_argument(
        "--experiment",
        metavar="NAME",
        help="with --params: the values there, and where each is from",
    )
    parser.add_argument(
        "--task", metavar="TASK", help="with --experiment: only entries on this task"
    )
    parser.add_argument("--preset", choices=PRESETS, default="quick")
    common.add_set(parser)
    common.add_places(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print what is known of one cell, or of a method's parameters."""
    if (arguments.cell is None) == (not arguments.params):
        raise BenchError("show takes a CELL, or --params METHOD")
    if arguments.params:
        return _params(arguments)
    return _cell(arguments)


def _params(arguments: argparse.Namespace) -> int:
    """Print the values of a method's parameters, entry by entry where these differ."""
    from bench.datasets import get_task
    from bench.plan import experiment, given, origin

    common.load_plugins(arguments)
    info = registry.get(arguments.params, where="--params")
    if not arguments.experiment:
        if arguments.task or arguments.given:
            raise BenchError("--task and --set need --experiment: NAME, or a path to a TOML file")
        return _meanings(info)
    if arguments.task:
        get_task(arguments.task, where="--task")
    one = experiment.load(arguments.experiment)
    own = given.read(arguments.given, "--set").get(info.name, {})
    for uses, found in origin.trace(info, one, arguments.preset, arguments.task or "", own):
        print(f"{info.name}, {arguments.preset} preset, {one.name}")
        for use in uses:
            print(f"  {use}")
        rows = [(v.name, repr(v.value), v.origin) for v in found]
        columns.say(("parameter", "value", "from"), rows)
        print()
    return 0


def _meanings(info: MethodInfo) -> int:
    """Print what a method's parameters are, whatever the experiment."""
    from bench.plan import meanings

    print(f"{info.name}: {info.summary}")
    for one in meanings.of(info):
        quick = f" (quick: {one.quick!r})" if one.quick != one.default else ""
        print(f"\n  {one.name} = {one.default!r}{quick}")
        if one.meaning:
            print(textwrap.fill(one.meaning, 96, initial_indent="    ", subsequent_indent="    "))
    print("\n`--experiment NAME` says what they are there, and why")
    return 0


def _cell(arguments: argparse.Namespace) -> int:
    """Print what is known of one cell."""
    from bench.store.folders import LOG, TRACEBACK, Store

    if registry.known(arguments.cell):  # "dec" may begin a key
        raise BenchError(
            f"{arguments.cell} is a method: `python -m bench show --params {arguments.cell}`"
        )
    named_folders.refuse_too_deep(arguments)
    store = Store(arguments.results, read_only=True)
    folder = find(store, arguments.cell)
    _say_record(folder, store)
    common.say(f"\nfolder: {folder}")
    for name in (LOG, TRACEBACK):
        try:
            with opened(folder / name) as file:
                count, lines = _tail(file)
        except FileNotFoundError:
            continue
        except OSError as error:
            common.say(f"\n{name} is not shown: {error.strerror}")
            continue
        common.say(f"\n{name}, the last {len(lines)} of {count} lines:")
        for line in lines:
            common.say(line)
    return 0


def _say_record(folder: Path, store: Store) -> None:
    """Print a record as it was read and verified, or what is wrong with it; and other versions."""
    from bench.store import provenance, record

    try:
        found = record.read(folder)
        if folder.is_relative_to(store.runs):
            store.verify(str(folder.relative_to(store.runs)), found)
    except BenchError as error:
        common.say(str(error))
        return
    common.say(f"{_ending(found)}\n")
    print(json.dumps(vars(found), indent=1, sort_keys=True))
    for name, (was, here) in provenance.other_versions(found).items():
        common.say(
            f"{name} was {was}, here it is {here}: `python -m bench prove` says if it matters"
        )


def _ending(found: Record) -> str:
    """Which cell it is and how it ended, in a line: why it failed, or its metrics."""
    if found.state == "failed":
        ended = f"failed, {found.failure}: {found.message}"
    else:
        metrics = [f"{name} {value:.4g}" for name, value in found.metrics.items()]
        ended = ", ".join([found.state, *metrics])
    return printable(f"{words(found.cell)}: {ended}")


def _tail(file: BinaryIO) -> tuple[int, list[str]]:
    """The number of lines, and the last of them, of each at most `_LONGEST` bytes."""
    kept: deque[bytes] = deque(maxlen=_TAIL)
    count, begins = 0, True
    while piece := file.readline(_LONGEST):
        if begins:
            kept.append(piece)
            count += 1
        begins = piece.endswith(b"\n")
    return count, [line.decode(errors="replace").rstrip("\r\n") for line in kept]


def find(store: Store, wanted: str) -> Path:
    """The one folder that a key, its beginning or a path names.

    Raises:
        BenchError: none or several fit.
    """
    from bench.store.record import RECORD

    with contextlib.suppress(OSError, ValueError):  # a name too long for any file is no file
        if (Path(wanted) / RECORD).exists():
            return Path(wanted).resolve()
    # In the CSV of a table the seed stands before each key, "3:1a2b3c".
    key = re.sub(r"^\d+:", "", wanted)
    fits = [
        folder
        for folder in store.folders()
        if folder.rpartition("-")[2].startswith(key) or folder == wanted
    ]
    if not store.root.is_dir():
        raise BenchError(
            f"no cell '{wanted[:60]}': {store.root} is no folder: no run has left results there"
        )
    if not fits:
        own = store.root.resolve() == (ROOT / "results").resolve()
        where = "" if own else f" --results {shlex.quote(str(store.root))}"
        raise BenchError(
            f"no cell '{wanted[:60]}' in {store.runs}; `python -m bench status --json{where}` "
            "names all"
        )
    if len(fits) > 1:
        named = [folder.rpartition("-")[2] for folder in fits[:4]]
        named += ["…"] if len(fits) > len(named) else []
        raise BenchError(
            f"'{wanted}' fits {len(fits)} cells ({', '.join(named)}); give more of the key"
        )
    return store.runs / fits[0]
