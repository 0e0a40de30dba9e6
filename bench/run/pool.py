"""Worker processes, one a cell or group: started, watched against their deadline, put an end to.

A pool of long-lived workers would be quicker to write down, but a cell must find a fresh process
and leave nothing behind. Forking from a process that has imported everything costs milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.run import begin, processes, server
from bench.run.job import Job, Report

_START_SECONDS = 300.0
_ENDED = (
    "the process that starts workers was ended from outside; the same command continues where it "
    "stopped"
)
_UNKNOWN = 255
"""Exit status of a worker whose server is gone."""
_WATCH_SECONDS = 0.1
"""How often the memory of limited cells is looked at."""
_ALONE = threading.Lock()
"""Held to start or ask processes: a start changes this one for a moment, and how a worker ended can
be read once, by whichever thread of Dask's asks. The other would take it for exit status 255."""


@dataclass
class _Running:
    jobs: tuple[Job, ...]
    process: BaseProcess
    channel: connection.Connection
    started: float
    """When the worker said that it begins; before that, when it was asked for."""
    device: str = ""
    """The one that it sees; "": all."""
    begun: bool = False
    reports: list[Report] | None = None


@dataclass
class Pool:
    """At most `size` workers at a time; an `Executor` on this machine."""

    size: int
    on_progress: Callable[[str, float], None] = lambda _key, _fraction: None
    devices: Sequence[str] = ()
    """GPUs as CUDA names them, of which each worker sees one; none: it sees what this process does.
    """
    _running: list[_Running] = field(default_factory=list)
    _leaving: list[BaseProcess] = field(default_factory=list)
    """Killed or done; the system takes a while to tear down so large a process."""

    @property
    def free(self) -> int:
        """How many more workers may start."""
        return self.size - len(self._running)

    def start(self, jobs: Sequence[Job]) -> None:
        """Start a worker on a job, or on several that differ in their seed.

        Raises:
            BenchError: no worker can be started here.
        """
        with _ALONE:
            context = server.context()
        device = self._device()
        told = {"CUDA_VISIBLE_DEVICES": device} if self.devices else {}
        placed = tuple(replace(job, environment={**job.environment, **told}) for job in jobs)
        receiver, sender = context.Pipe(duplex=False)
        # No daemon, which could have no processes of its own; it ends with this one all the same.
        process = context.Process(target=begin.main, args=(placed, sender), daemon=False)
        try:
            with _ALONE, server.without_main():
                process.start()
        except EOFError as error:  # it was asked for a worker, and gave no answer
            raise BenchError(_ENDED) from error
        except OSError as error:
            raise BenchError(f"no worker can be started: {error}") from error
        sender.close()
        self._running.append(_Running(placed, process, receiver, time.monotonic(), device))

    def wait(self, seconds: float) -> list[tuple[Job, Report]]:
        """The jobs that ended within this many seconds; those past their limits are killed."""
        now = time.monotonic()
        if any(r.jobs[0].memory for r in self._running):
            seconds = min(seconds, _WATCH_SECONDS)
        nearest = min((r.started + self._patience(r) - now for r in self._running), default=seconds)
        watched = [x for r in self._running for x in (r.channel, r.process.sentinel)]
        connection.wait(watched, timeout=max(0.0, min(seconds, nearest)))
        ended: list[tuple[Job, Report]] = []
        for running in list(self._running):
            reports = self._ended(running)
            if reports is not None:
                self._dismiss(running)
                ended += zip(running.jobs, reports, strict=True)
        with _ALONE:
            gone = [p for p in self._leaving if not p.is_alive()]
            for process in gone:
                self._leaving.remove(process)
                process.close()
            if gone:
                server.end_orphans()
        return ended

    def stop(self) -> None:
        """Kill every worker; their cells are missing afterwards, with their checkpoints kept."""
        for running in list(self._running):
            self._dismiss(running)
        if not self._leaving:
            return
        with _ALONE:
            for process in self._leaving:
                process.join()
                process.close()
            self._leaving.clear()
            server.end_orphans()

    def _device(self) -> str:
        """The GPU that the fewest workers have."""
        taken = Counter(r.device for r in self._running)
        return min(self.devices, key=lambda one: taken[one], default="")

    def _dismiss(self, running: _Running) -> None:
        """End a worker with whatever it started; its place is free at once."""
        _kill(running.process)
        running.channel.close()
        self._running.remove(running)
        self._leaving.append(running.process)

    def _patience(self, running: _Running) -> float:
        """Seconds a worker has from `started`; the first waits for the imports of them all."""
        seconds = sum(job.timeout for job in running.jobs)
        return seconds if running.begun else seconds + _START_SECONDS

    def _ended(self, running: _Running) -> list[Report] | None:
        """How a worker ended, by job; None while it runs."""
        # Asked before the channel is read: a worker may report and be gone right after that.
        with _ALONE:
            alive = running.process.is_alive()
        with contextlib.suppress(EOFError, OSError):
            while running.channel.poll():
                message = running.channel.recv()
                if isinstance(message, list):
                    running.reports = message
                elif not running.begun:
                    running.begun, running.started = True, time.monotonic()
                else:
                    for job in running.jobs:
                        self.on_progress(job.key, message)
        if running.reports is not None:
            return running.reports
        seconds = time.monotonic() - running.started
        common = Report(wall_seconds=round(seconds, 4))
        if not alive:
            common = replace(common, **_death(running.process.exitcode))
        elif too_much := _too_much(running):
            common = replace(common, failure="out of memory", message=too_much)
        elif seconds >= self._patience(running):
            common = replace(common, failure="timeout", message=_late(running.jobs))
        else:
            return None
        return [common] * len(running.jobs)


def _late(jobs: Sequence[Job]) -> str:
    """How long the seeds of a worker had, in words."""
    count, each = len(jobs), f"{jobs[0].timeout:.5g} s (--timeout)"
    return (
        f"{count} seeds killed after {count} times {each}" if count > 1 else f"killed after {each}"
    )


def _too_much(running: _Running) -> str:
    """What a cell holds above its limit of memory, with all its processes; "" where it is below."""
    limit, pid = running.jobs[0].memory, running.process.pid
    if not limit or pid is None:
        return ""
    held = processes.memory(pid, limit)
    if held <= limit:
        return ""
    return f"{held / 2**20:.0f} MB with shared memory and processes of its own (--memory)"


def _death(code: int | None) -> dict[str, Any]:
    """A process's end in words, as fields of a report."""
    if code == _UNKNOWN and not server.lives():
        return {"stop": _ENDED}
    if code is not None and code < 0:
        known = {one.value: one.name for one in signal.Signals}
        name = known.get(-code, f"signal {-code}")  # real-time signals have no names
        cause = ", perhaps by the system for lack of memory" if name == "SIGKILL" else ""
        message = f"the worker was ended by {name}{cause}"
    else:
        message = f"the worker left with exit status {code} before it reported"
    return {"failure": "worker died", "message": message}


def _kill(process: BaseProcess) -> None:
    """Kill a worker and whatever it started."""
    if process.pid is not None:
        processes.kill(processes.below(process.pid))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()


def new_attempt(work: Path) -> Path:
    """A fresh folder for one attempt at a cell; leftovers of killed ones on this machine go.

    Those of others stay, where file locks are of no use perhaps: they go with the cell's end.
    """
    work.mkdir(parents=True, exist_ok=True)
    host = re.sub(r"[^\w.]", "", platform.node())[:40]
    for path in work.iterdir():
        match = re.fullmatch(rf"attempt-{re.escape(host)}-(\d+)-\d+", path.name)
        if match and not processes.lives(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)
    attempt = work / f"attempt-{host}-{os.getpid()}-{time.monotonic_ns()}"
    attempt.mkdir()
    return attempt
