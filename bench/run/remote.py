"""What runs on another machine: groups of cells, each in processes of its own as everywhere.

It sees the submitter's results folder, data and clone on a shared disk, gets paths to images and
never to hidden labels, and leaves each cell's files in a folder of its own beside the attempt that
the submitter made: of two machines that compute a cell, one taken for dead, neither disturbs the
other. What became of a group is a small file; the submitter scores, and writes records.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import secrets
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import bench
from bench.files import replace
from bench.run import cores, server
from bench.run.job import Job, Report
from bench.run.pool import Pool
from bench.store import machine

Group = tuple[Job, ...]
REPORT = "report.json"
"""In a try's folder: how it ended well, for the run that gave it away or a later one."""
_LOOK_SECONDS = 5.0
"""How often it looks whether its folder is still there."""
_GRACE_SECONDS = 1.0
"""How long a signal for the whole job takes to reach all its processes."""
_OF_SCHEDULERS = ("SIGTERM", "SIGUSR2")
"""What schedulers send to all processes of a job before they kill them."""


@cache
def code() -> str:
    """SHA-256 of all of this project's modules: a machine must not compute with others."""
    found = hashlib.sha256()
    folders = (Path(bench.__file__).parent, bench.SHIPPED / "methods", bench.SHIPPED / "baselines")
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True)
class Batch:
    """Groups for one machine, `at_once` at a time."""

    groups: Mapping[int, Group]
    """By number, which no other group of the run has."""
    folder: Path
    """Where it says what became of each: N.json."""
    at_once: int
    code: str
    versions: Mapping[str, str]

    def __call__(self) -> None:
        """Compute what no earlier try has."""
        left = {n: group for n, group in self.groups.items() if not self._file(n).exists()}
        if reason := self._differs():
            for number, group in left.items():
                self._say(number, [(job, Report(stop=reason)) for job in group])
            return
        cuda = any(group[0].device == "cuda" for group in left.values())
        pool = Pool(self.at_once, devices=cores.gpus() if cuda else ())
        waiting, running = list(left.items()), dict[str, int]()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _leave)
        try:
            # Whoever gave it away takes the folder away to say that it is not wanted any more.
            while (waiting or running) and self.folder.is_dir():
                while waiting and pool.free:
                    number, group = waiting.pop(0)
                    if placed := _placed(group):
                        running |= dict.fromkeys((job.key for job in placed), number)
                        pool.start(placed)
                    else:
                        self._say(number, [])  # whoever gave it away makes it again
                done: dict[int, list[tuple[Job, Report]]] = {}
                for job, report in pool.wait(_LOOK_SECONDS):
                    done.setdefault(running.pop(job.key), []).append((job, report))
                # Those that ended well first: at another's end from outside they are finished.
                for number, ended in sorted(done.items(), key=lambda one: _troubled(one[1])):
                    for _, report in ended:
                        _refuse_others_signal(report)
                    self._say(number, ended)
        finally:
            pool.stop()

    def checkpoint(self) -> Any:
        """What `submitit` puts into the queue again before a job is ended: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _differs(self) -> str:
        """What is not here as it is where the run was started; "" where all is."""
        here, node = machine.versions(), platform.node()
        for name, wanted in self.versions.items():
            if here.get(name) != wanted:
                return f"{node} has {name} {here.get(name)}, the run {wanted}: make them the same"
        if self.code != code():
            return f"{node} has other code: another clone, or one edited since it or the run began"
        return ""

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.json"

    def _say(self, number: int, ended: Sequence[tuple[Job, Report]]) -> None:
        """Leave what became of a group, and beside each result how it was computed.

        A folder that is gone has nobody who would read it.
        """
        content = []
        for job, report in ended:
            where = machine.hardware(job.dtype)
            told = dataclasses.replace(report, hardware=where, group=len(ended))
            needs = {role: output for role, (_, output) in job.needs.items()}
            known = {"key": job.key, "code": job.code, "needs": needs, "versions": self.versions}
            content.append(known | {"attempt": job.attempt.name, "report": vars(told)})
            if not (report.failure or report.stop) and job.attempt.is_dir():
                replace(job.attempt / REPORT, json.dumps(content[-1]).encode())
        if self.folder.is_dir():
            replace(self._file(number), json.dumps(content).encode())


def _leave(*_: object) -> None:
    """The scheduler ends this job, and every process of it."""
    raise SystemExit(f"ended from outside at {time.ctime()}")


def _troubled(ended: Sequence[tuple[Job, Report]]) -> bool:
    return any(report.failure or report.stop for _, report in ended)


def _refuse_others_signal(report: Report) -> None:
    """A worker that a signal for the whole job has reached is no failure of its cell.

    Raises:
        RuntimeError: it is one: the batch ends here, what it has not done is done in another.
    """
    if report.failure != "worker died" and not report.stop:
        return
    time.sleep(_GRACE_SECONDS)  # in which the signal comes here too
    gone = server.pid() is not None and not server.lives()
    if gone or any(name in report.message for name in _OF_SCHEDULERS):
        raise RuntimeError(f"ended from outside: {report.stop or report.message}")


def _placed(group: Group) -> Group:
    """The jobs with new folders for this try; none where somebody has taken a cell's away."""
    placed = []
    for job in group:
        if not job.attempt.is_dir():  # it has its place among the results by now
            return ()
        fresh = job.attempt.with_name(f"{job.attempt.name}-{secrets.token_hex(4)}")
        try:
            fresh.mkdir()
        except FileNotFoundError:
            return ()
        placed.append(dataclasses.replace(job, attempt=fresh))
    return tuple(placed)
