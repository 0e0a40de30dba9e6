"""`bench show CELL`: a cell's record, log and traceback; `--params METHOD`: its values' origin."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

from tabulate import tabulate

from bench import registry
from bench.cli import common
from bench.errors import BenchError

_TAIL = 30


def add(verbs: common.Verbs) -> None:  # type: ignore[valid-type]
    """Declare the verb."""
    summary = "print a cell's record, log and traceback, or where a method's parameters come from"
    parser = common.add_verb(verbs, "show", summary)
    parser.add_argument(
        "cell", metavar="CELL", nargs="?", help="its key, the beginning of it, or its folder"
    )
    parser.add_argument(
        "--params", metavar="METHOD", help="each parameter of a method, its value and its origin"
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="with --params: where the method is used"
    )
    parser.add_argument("--task", metavar="TASK", help="with --params: only entries on this task")
    parser.add_argument("--preset", choices=common.PRESETS, default="quick")
    common.add_places(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print what is known of one cell, or of a method's parameters."""
    if (arguments.cell is None) == (not arguments.params):
        raise BenchError("show takes a CELL, or --params METHOD with --experiment NAME")
    if arguments.params:
        return _params(arguments)
    return _cell(arguments)


def _params(arguments: argparse.Namespace) -> int:
    """Print the values of a method's parameters, entry by entry where these differ."""
    from bench.datasets import get_task
    from bench.plan import origin

    common.load_plugins(arguments)
    info = registry.get(arguments.params, where="--params")
    if not arguments.experiment:
        raise BenchError("--params needs --experiment NAME, or a path to a TOML file")
    if arguments.task:
        get_task(arguments.task, where="--task")
    (one,) = common.chosen_experiments([arguments.experiment])
    for uses, found in origin.trace(info, one, arguments.preset, arguments.task or ""):
        print(f"{info.name}, {arguments.preset} preset, {one.name}")
        for use in uses:
            print(f"  {use}")
        rows = [(v.name, repr(v.value), v.origin) for v in found]
        print(tabulate(rows, headers=("parameter", "value", "from")), end="\n\n")
    return 0


def _cell(arguments: argparse.Namespace) -> int:
    """Print what is known of one cell."""
    from bench.store.folders import LOG, TRACEBACK, Store

    store = Store(arguments.results)
    folder = _find(store.runs, arguments.cell)
    path = folder / "record.json"
    try:
        print(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=1))
    except (OSError, ValueError) as error:
        print(f"{path}: damaged record: {error}")
    else:
        _say_other_versions(folder)
    print(f"\nfolder: {folder}")
    for name in (LOG, TRACEBACK):
        if (folder / name).exists():
            lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"\n{name}, the last {min(_TAIL, len(lines))} of {len(lines)} lines:")
            print("\n".join(lines[-_TAIL:]))
    return 0


def _say_other_versions(folder: Path) -> None:
    """Say which libraries have another version now."""
    from bench.store import provenance, record

    with contextlib.suppress(BenchError):  # damaged, and printed as it is
        for name, (was, here) in provenance.other_versions(record.read(folder)).items():
            print(
                f"{name} was {was}, here it is {here}: `python -m bench prove` says if it matters"
            )


def _find(runs: Path, wanted: str) -> Path:
    """The one folder that a key, its beginning or a path names.

    Raises:
        BenchError: none or several fit.
    """
    with contextlib.suppress(OSError):  # a name too long for any file is no file
        if (Path(wanted) / "record.json").exists():
            return Path(wanted).resolve()
    fits = [
        p
        for p in sorted(runs.glob("*/*/seed*-*"))
        if p.name.rsplit("-", 1)[1].startswith(wanted) or str(p.relative_to(runs)) == wanted
    ]
    if not fits:
        raise BenchError(
            f"no cell '{wanted[:60]}' in {runs}; `python -m bench status --json` names all"
        )
    if len(fits) > 1:
        named = ", ".join(p.name.rsplit("-", 1)[1] for p in fits[:4])
        raise BenchError(f"'{wanted}' fits {len(fits)} cells ({named}, …); give more of the key")
    return fits[0]
