"""`bench show CELL`: one cell's record, the end of its log, its traceback."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

from bench.cli import common
from bench.errors import BenchError

_TAIL = 30


def add(verbs: common.Verbs) -> None:  # type: ignore[valid-type]
    """Declare the verb."""
    parser = common.add_verb(verbs, "show", "print a cell's record, log and traceback")
    parser.add_argument("cell", metavar="CELL", help="its key, the beginning of it, or its folder")
    common.add_places(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
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
