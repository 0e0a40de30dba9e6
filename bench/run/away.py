"""An `Executor` whose cells other machines compute: what Slurm and Dask have in common.

Groups are packed into batches, given to an engine, and fetched when their files are there. A batch
that is gone before it has said what became of its groups is given away again: they go on from their
checkpoints.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError
from bench.run.job import Job, Report
from bench.run.remote import REPORT, Batch, Group, code
from bench.store import machine
from bench.store.folders import CHECKPOINT, writable
from bench.store.jobs import Given, read
from bench.store.locks import RENEW_SECONDS, CellLock
from bench.store.record import Failure

_LOOK_SECONDS = 0.05
_AT_A_TIME = 10
"""Results that a run takes: one that is killed meanwhile loses no more of them."""
_MOST_LOSSES = 3
"""So often a group may be lost without having got on between."""
_FAILURES: Mapping[str, Failure] = {"TIMEOUT": "timeout", "OUT_OF_MEMORY": "out of memory"}


class Engine(Protocol):
    """What gives batches to machines."""

    name: str
    poll_seconds: float
    """How often it may be asked what is gone."""
    hold_seconds: float
    """How long groups may wait for others to be submitted with them."""
    workers: int
    """Cells that it computes at a time, as far as it knows."""

    def submit(self, batches: Sequence[Batch]) -> list[str]:
        """Give them away; their jobs' ids.

        Raises:
            BenchError: it takes none.
        """

    def gone(self, ids: Collection[str]) -> dict[str, str]:
        """Those that will do nothing more -> why, in a word of the engine's."""

    def stop(self) -> None:
        """End all that was given away."""


@dataclass(frozen=True)
class Packing:
    """How groups become batches."""

    cells: int = 1000
    """Groups that are given away at a time."""
    seconds: float = 600.0
    """Short groups share a batch until it takes so long."""
    unknown: float = 60.0
    """Seconds of a cell of which nobody knows what it takes."""
    at_once: int = 1
    """Groups of a batch that run at a time."""


@dataclass
class _Open:
    """A group that was given away, or is about to be."""

    group: Group
    losses: int = 0
    progress: float = 0.0
    """When its last checkpoint was written, at its last loss."""
    job: str = ""
    """The id of the job that it was last given to."""


@dataclass
class Away:
    """Groups on their way through an engine."""

    engine: Engine
    given: Given
    lock: CellLock
    packing: Packing
    environment: Mapping[str, str]
    _held: dict[int, _Open] = field(default_factory=dict)
    """Which no job has yet."""
    _open: dict[int, _Open] = field(default_factory=dict)
    _ended: list[tuple[Job, Mapping[str, Any]]] = field(default_factory=list)
    """Cells with what became of them, as machines say it."""
    _suspects: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)
    _stopped: bool = False
    _submitted_at: float = 0.0
    _asked_at: float = 0.0
    _renewed_at: float = 0.0

    @property
    def free(self) -> int:
        """How many more groups may start."""
        return self.packing.cells - len(self._open) - len(self._held)

    def start(self, jobs: Sequence[Job]) -> None:
        """Take a group; what an earlier run has of it already is not computed again."""
        group = []
        for job in jobs:
            if one := _known(job):
                self._ended.append((job, one))
            else:
                group.append(replace(job, environment=self.environment))
        if group:
            self._hold(_Open(tuple(group)))

    def wait(self, seconds: float) -> list[tuple[Job, Report]]:
        """The jobs that ended within this many seconds.

        Raises:
            BenchError: somebody has cancelled the run, or the engine takes no more.
        """
        end = time.monotonic() + seconds
        self._submit()
        while True:
            self._watch()  # first: what it raises leaves results to a later run
            self._fetch()
            if self._ended or time.monotonic() >= end:
                taken, self._ended = self._ended[:_AT_A_TIME], self._ended[_AT_A_TIME:]
                return [(job, _fetched(job, one)) for job, one in taken]
            time.sleep(min(_LOOK_SECONDS, max(0.0, end - time.monotonic())))

    def stop(self) -> None:
        """End all that runs elsewhere; checkpoints are kept."""
        if self._stopped:
            return
        self._stopped = True
        try:
            self.engine.stop()
        finally:
            self.given.remove()
            self.lock.release()

    def _hold(self, one: _Open) -> None:
        # Always a new number: what a machine that was taken for dead says later is nobody's.
        self._held[next(self._numbers)] = one

    def _submit(self) -> None:
        """Give away what is held, unless it is worth to wait for more of it."""
        late = time.monotonic() - self._submitted_at >= self.engine.hold_seconds
        if not self._held or (self._open and not late):
            return
        batches = [self._batch(numbers) for numbers in self._packed(self._held)]
        for batch, job in zip(batches, self.engine.submit(batches), strict=True):
            for number in batch.groups:
                self._open[number] = self._held.pop(number)
                self._open[number].job = job
        self._submitted_at = time.monotonic()
        cells = {job.key: one.job for one in self._open.values() for job in one.group}
        self.given.note(self.engine.name, cells)

    def _packed(self, held: Iterable[int]) -> Iterator[list[int]]:
        """The numbers that are held, in their order, by batch."""
        room = self.packing.seconds * self.packing.at_once
        batch: list[int] = []
        full = 0.0
        for number in held:
            group = self._held[number].group
            seconds = sum(job.seconds or self.packing.unknown for job in group)
            if batch and full + seconds > room * (1 + 1e-9):
                yield batch
                batch, full = [], 0.0
            batch.append(number)
            full += seconds
        yield batch

    def _batch(self, numbers: Iterable[int]) -> Batch:
        groups = {number: self._held[number].group for number in numbers}
        folder, at_once = self.given.folder, self.packing.at_once
        return Batch(groups, folder, at_once, code(), machine.versions())

    def _fetch(self) -> None:
        """Take what has come back."""
        for number, content in self.given.results():
            (self.given.folder / f"{number}.json").unlink(missing_ok=True)
            known = {one.get("key"): one for one in content}
            if number in self._open:
                group = self._open.pop(number).group
                self._ended += [(job, known.get(job.key, {})) for job in group]

    def _watch(self) -> None:
        """Look, now and then, whether all goes on; groups of batches that are gone wait again."""
        now = time.monotonic()
        if now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            self.lock.renew()
        if now - self._asked_at < self.engine.poll_seconds:
            return
        self._asked_at = now
        if self.given.is_cancelled():
            raise BenchError("cancelled by `bench cancel`; the same command goes on from here")
        gone = self.engine.gone({one.job for one in self._open.values()})
        # One look later: what a job has written last may be slow to appear on this machine.
        sure = {job: why for job, why in gone.items() if job in self._suspects}
        self._suspects = gone.keys() - sure.keys()
        if sure:
            self._fetch()
        for job, why in sure.items():
            self._lost(job, why)

    def _lost(self, job: str, why: str) -> None:
        """A batch is gone: its groups are given away again, or have failed."""
        lost = {number: one for number, one in self._open.items() if one.job == job}
        begun = {number for number, one in lost.items() if _tidied(one.group)}
        for number, one in lost.items():
            del self._open[number]
            if number in begun or not begun:
                progress = max(map(_progress, one.group))
                one.losses = 1 if progress > one.progress else one.losses + 1
                one.progress = progress
            if one.losses < _MOST_LOSSES:
                self._hold(one)
                continue
            what = "reported" if begun else "began a cell"
            said = f"{self.engine.name} job {job} ended before it {what} ({why})"
            failure = _FAILURES.get(why.partition(":")[0], "worker died")
            report = Report(failure=failure, message=said) if begun else Report(stop=said)
            for each in one.group:
                self._ended.append((each, {"attempt": each.attempt.name, "report": vars(report)}))


def _known(job: Job) -> Mapping[str, Any]:
    """What a machine has computed of a cell for an earlier run, as this one would; {}: nothing."""
    needs = {role: output for role, (_, output) in job.needs.items()}
    wanted = {"code": job.code, "needs": needs, "versions": machine.versions()}
    for path in job.work.glob(f"attempt-*/{REPORT}"):
        one = read(path)
        if isinstance(one, dict) and wanted.items() <= one.items() and _source(job, one):
            return one
    return {}


def _source(job: Job, one: Mapping[str, Any]) -> Path | None:
    """The folder of the try that a machine reports; None where it is not there."""
    name = str(one.get("attempt"))
    folder = job.attempt.with_name(name)
    plain = re.fullmatch(r"attempt-[\w.-]+", name) and folder.is_dir() and not folder.is_symlink()
    return folder if plain else None


def _fetched(job: Job, one: Mapping[str, Any]) -> Report:
    """Put a try in the attempt's place; where it is gone so is the attempt, to be made again."""
    source = _source(job, one)
    if source is None or not job.attempt.is_dir():
        shutil.rmtree(job.attempt, ignore_errors=True)
        return Report()
    with writable(job.work):
        source.replace(job.attempt)
        (job.attempt / REPORT).unlink(missing_ok=True)
    known = {f.name for f in fields(Report)}
    return Report(**{k: v for k, v in one["report"].items() if k in known})


def _tidied(group: Group) -> bool:
    """Whether a machine had begun a group; what it left but checkpoints goes."""
    left = [path for job in group for path in job.attempt.parent.glob(f"{job.attempt.name}-*")]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return bool(left)


def _progress(job: Job) -> float:
    """When a cell's checkpoint was written; 0 where there is none."""
    try:
        return (job.work / CHECKPOINT).stat().st_mtime
    except OSError:
        return 0.0
