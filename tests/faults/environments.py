"""The main job in odd environments: the same tables, to the byte, as in a plain one.

    python tests/faults/environments.py [WORDS OF `bench run` …]

Without words it is `run digits --seeds 1`, a minute or two on two cores in each; with `--all` the
whole of it. The lowest allowed versions have an environment of their own, `tox -e lowest`. Exit
status 1: a run that ends otherwise, or whose tables differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

CLONE = Path(__file__).parents[2]
PYTHON = (sys.executable, "-m", "bench", "run")
Way = tuple[list[str], Path, dict[str, str]]
"""A command, the folder that it is started in, and more variables."""


def plain(words: list[str], _: Path) -> Way:
    """From the clone."""
    return [*PYTHON, *words], CLONE, {}


def from_the_parent(words: list[str], _: Path) -> Way:
    """From the folder above it, by the path of the clone alone."""
    return [*PYTHON, *words], CLONE.parent, {"PYTHONPATH": str(CLONE)}


def long_temporary(words: list[str], place: Path) -> Way:
    """Temporary files below a path of 120 characters, too long for a socket."""
    folder = place / ("t" * (119 - len(str(place))))
    folder.mkdir()
    return [*PYTHON, *words], CLONE, {"TMPDIR": str(folder)}


def ascii_only(words: list[str], _: Path) -> Way:
    """A terminal without umlauts or plus-minus signs."""
    return [*PYTHON, *words], CLONE, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}


def one_core(words: list[str], _: Path) -> Way:
    """One core of the machine, by affinity."""
    core = min(os.sched_getaffinity(0))
    return ["taskset", "-c", str(core), *PYTHON, *words], CLONE, {}


def installed(words: list[str], place: Path) -> Way:
    """Installed by `pip install .` and far from the clone."""
    target = place / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    subprocess.run([*install, str(CLONE)], check=True)
    return [*PYTHON, *words], place, {"PYTHONPATH": str(target)}


WAYS: tuple[Callable[[list[str], Path], Way], ...] = (
    plain, from_the_parent, long_temporary, ascii_only, one_core, installed,
)  # fmt: skip


def tables(results: Path) -> dict[str, bytes]:
    """Name of each table's file -> its bytes."""
    return {path.name: path.read_bytes() for path in sorted(results.glob("tables/**/*.*"))}


def main(words: list[str]) -> int:
    """Run the job in each environment; the exit status."""
    faults = 0
    wanted: dict[str, bytes] = {}
    for way in WAYS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            results = Path(folder, "results")
            chosen = [*(words or ["digits", "--seeds", "1"]), "--results", str(results)]
            command, start, more = way(chosen, Path(folder))
            done = subprocess.run(
                command, cwd=start, env={**os.environ, **more}, capture_output=True, check=False
            )
            found = tables(results)
        wanted = wanted or found
        differ = sorted(n for n in wanted.keys() | found if wanted.get(n) != found.get(n))
        fault = done.returncode != 0 or bool(differ) or not found
        faults += fault
        said = f"exit {done.returncode}, {len(found)} files of tables, {len(differ)} differ"
        print(f"{way.__name__:16} {'FAULT' if fault else 'ok'}   {said}", flush=True)
        if fault:
            print(f"{differ[:5]} {done.stderr.decode(errors='replace')[-2000:]}", flush=True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
