"""Worker processes, one a cell or group: started, watched against their deadline, put an end to.

A pool of long-lived workers would be quicker to write down, but a cell must find a fresh process
and leave nothing behind. Forking from a process that has imported everything costs milliseconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import bench
from bench.run import worker
from bench.run.worker import Job, Report

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

_HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "PYTHONMALLOC": "malloc"}
"""Of the server alone. To fork it means to copy the table of its pages, half a gigabyte of small
ones after all imports: 30 ms a worker here, 11 ms with huge ones."""
_START_SECONDS = 300.0


@dataclass
class _Running:
    jobs: tuple[Job, ...]
    process: BaseProcess
    channel: connection.Connection
    started: float
    """When the worker said that it begins; before that, when it was asked for."""
    begun: bool = False
    reports: list[Report] | None = None


@dataclass
class Pool:
    """At most `size` workers at a time."""

    size: int
    timeout: float
    """Seconds after which a cell is killed; of several cells in one process, their sum."""
    on_progress: Callable[[str, float], None] = lambda _key, _fraction: None
    _running: list[_Running] = field(default_factory=list)
    _leaving: list[BaseProcess] = field(default_factory=list)
    """Killed or done; the system takes a while to tear down so large a process."""

    @property
    def free(self) -> int:
        """How many more workers may start."""
        return self.size - len(self._running)

    def start(self, jobs: Sequence[Job]) -> None:
        """Start a worker on a job, or on several that differ in their seed."""
        context = _context()
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=worker.main, args=(tuple(jobs), sender), daemon=True)
        with _without_main():
            process.start()
        sender.close()
        self._running.append(_Running(tuple(jobs), process, receiver, time.monotonic()))

    def wait(self, seconds: float) -> list[tuple[Job, Report]]:
        """The jobs that ended within this many seconds; those past their time are killed."""
        now = time.monotonic()
        nearest = min((r.started + self._patience(r) - now for r in self._running), default=seconds)
        watched = [x for r in self._running for x in (r.channel, r.process.sentinel)]
        connection.wait(watched, timeout=max(0.0, min(seconds, nearest)))
        ended: list[tuple[Job, Report]] = []
        for running in list(self._running):
            reports = self._ended(running)
            if reports is not None:
                self._dismiss(running)
                ended += zip(running.jobs, reports, strict=True)
        for process in [p for p in self._leaving if not p.is_alive()]:
            self._leaving.remove(process)
            process.close()
        return ended

    def stop(self) -> None:
        """Kill every worker; their cells are missing afterwards, with their checkpoints kept."""
        for running in list(self._running):
            self._dismiss(running)
        for process in self._leaving:
            process.join()
            process.close()
        self._leaving.clear()

    def _dismiss(self, running: _Running) -> None:
        """End a worker with whatever it started; its place is free at once."""
        _kill(running.process)
        running.channel.close()
        self._running.remove(running)
        self._leaving.append(running.process)

    def _patience(self, running: _Running) -> float:
        """Seconds a worker has from `started`; the first waits for the imports of them all."""
        seconds = self.timeout * len(running.jobs)
        return seconds if running.begun else seconds + _START_SECONDS

    def _ended(self, running: _Running) -> list[Report] | None:
        """How a worker ended, by job; None while it runs."""
        # Asked before the channel is read: a worker may report and be gone right after that.
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
        seconds = time.monotonic() - running.started
        count = len(running.jobs)
        if running.reports is not None:
            return running.reports
        if not alive:
            message = _death(running.process.exitcode)
            return [Report("worker died", message, wall_seconds=round(seconds, 4))] * count
        if seconds >= self._patience(running):
            message = f"killed after {self.timeout:g} s (--timeout)"
            if count > 1:
                message = f"{count} seeds killed after {count} times {self.timeout:g} s (--timeout)"
            return [Report("timeout", message, wall_seconds=round(seconds, 4))] * count
        return None


def _death(code: int | None) -> str:
    """A process's end in words."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        cause = ", perhaps by the system for lack of memory" if name == "SIGKILL" else ""
        return f"the worker was ended by {name}{cause}"
    return f"the worker left with exit status {code} before it reported"


def _kill(process: BaseProcess) -> None:
    """Kill a worker and whatever it started."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the program's main module, which every new process would import otherwise.

    A worker needs nothing of it; a script that runs cells needs no `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@cache
def _context() -> ForkServerContext | SpawnContext:
    """Where workers come from: a server that has imported everything and holds no data.

    It starts with the first worker, so that a run with nothing to do does not wait for it.
    """
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.run.preload"])
    # The server looks into the current folder first, where a folder called bench may lie.
    paths = [str(Path(bench.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {**_HUGE_PAGES, "PYTHONPATH": os.pathsep.join(paths)}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    forkserver.ensure_running()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    return context


def new_attempt(work: Path) -> Path:
    """A fresh folder for one attempt at a cell; leftovers of killed ones go."""
    work.mkdir(parents=True, exist_ok=True)
    for path in work.iterdir():
        if path.is_dir() and path.name != "inputs":
            shutil.rmtree(path, ignore_errors=True)
    attempt = work / f"attempt-{os.getpid()}-{time.monotonic_ns()}"
    attempt.mkdir()
    return attempt
