"""What a run has given to other machines: a folder a run, for `status`, `cancel` and later runs.

    work/jobs-TOKEN/     run.lock, run.held   held by the process that gave the jobs away
                         jobs.json            which job has which cell
                         N.json               what became of a group of cells, until it is fetched
                         cancelled            somebody said `bench cancel`
                         scripts/             of Slurm's jobs, and what they say

The token is also the jobs' name, `bench-TOKEN`, by which their scheduler finds them all.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import Timeout

from bench.errors import BenchError
from bench.files import opened, replace
from bench.store.folders import Store, writable
from bench.store.locks import CellLock

_PREFIX = "jobs-"
_NOTES = "jobs.json"
_CANCELLED = "cancelled"


@dataclass(frozen=True)
class Given:
    """What one run has given away."""

    folder: Path
    executor: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    """Key of a cell -> its job's id."""

    @property
    def name(self) -> str:
        """What its jobs are called."""
        return f"bench-{self.folder.name.removeprefix(_PREFIX)}"

    @property
    def scripts(self) -> Path:
        """Slurm's, a folder a job: among results, which are looked for all the time, they cost."""
        return self.folder / "scripts"

    def note(self, executor: str, cells: Mapping[str, str]) -> None:
        """Write down which job has which cell."""
        with writable(self.folder):
            content = {"executor": executor, "cells": dict(cells)}
            replace(self.folder / _NOTES, json.dumps(content).encode())

    def cancel(self) -> None:
        """Ask the run that gave it to end, if it has not."""
        with writable(self.folder), contextlib.suppress(FileNotFoundError):
            (self.folder / _CANCELLED).touch()

    def is_cancelled(self) -> bool:
        """Whether somebody asked for that."""
        return (self.folder / _CANCELLED).exists()

    def results(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Number and content of what has come back; what was written by halves is passed over."""
        there: list[Path] = []
        with contextlib.suppress(FileNotFoundError):  # looked at twenty times a second
            there = [p for p in self.folder.iterdir() if p.suffix == ".json" and p.stem.isdecimal()]
        for path in sorted(there):
            content = read(path)
            if isinstance(content, list) and all(isinstance(one, dict) for one in content):
                yield int(path.stem), content

    def lock(self) -> CellLock:
        """Held by the run."""
        return CellLock(self.folder / "run.lock")

    def remove(self) -> None:
        """Nobody wants to know any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read(path: Path) -> Any:
    """What a JSON file holds; None where it is not there, or was written by halves."""
    with contextlib.suppress(OSError, ValueError, RecursionError), opened(path) as file:
        return json.loads(file.read())
    return None


def begin(store: Store) -> tuple[Given, CellLock]:
    """The folder of a run that begins, and its lock, taken.

    Raises:
        BenchError: the results folder cannot be written, or locked.
    """
    while True:
        folder = store.root / "work" / f"{_PREFIX}{secrets.token_hex(4)}"
        with writable(store.root):
            folder.mkdir(mode=0o700, parents=True)
        given = Given(folder)
        try:
            return given, given.lock().acquire()
        except Timeout:
            continue  # another run takes it for one that is no more, and away: `orphans`
        except BenchError:
            if folder.is_dir():
                raise


def found(root: Path) -> list[Given]:
    """What runs into a results folder have given away."""
    known = []
    for folder in sorted((root / "work").glob(f"{_PREFIX}*")):
        if folder.is_symlink() or not re.fullmatch(rf"{_PREFIX}[0-9a-f]{{8}}", folder.name):
            continue
        content = read(folder / _NOTES)
        sound = isinstance(content, dict) and isinstance(content.get("cells", {}), dict)
        notes = content if sound else {}
        cells = {str(key): str(job) for key, job in notes.get("cells", {}).items()}
        known.append(Given(folder, str(notes.get("executor", "")), cells))
    return known


def orphans(root: Path) -> Iterator[Given]:
    """What runs have left behind that are no more; each is removed after the caller had it."""
    for given in found(root):
        lock = given.lock()
        try:
            lock.acquire()
        except Timeout:
            continue
        try:
            yield given
            given.remove()
        finally:
            lock.release()


def forget_orphans(root: Path) -> None:
    """Remove what is left of runs that are no more; their results lie with their cells."""
    for _ in orphans(root):
        pass  # removed by being passed over
