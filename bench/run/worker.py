"""A cell, or some seeds of it, in one process: open inputs, fit, leave predictions, report, end."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import random
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from bench import registry
from bench.run import blame, deterministic, processes, server
from bench.run.context import WorkerRun
from bench.run.inputs import open_task
from bench.run.job import Job, Report
from bench.score import scores
from bench.store import outputs
from bench.store.folders import CURVES, LOG, PREDICTION, SNAPSHOTS, TRACEBACK
from bench.store.record import Failure

_DONE: tuple[Failure, str] = ("", "")


def main(jobs: Sequence[Job], channel: connection.Connection) -> None:
    """Run one job, or several that differ in their seed and its folders alone.

    Sends fractions of progress, at last a list of `Report`, one a job, through the channel.
    """
    server.let_go()
    os.setsid()
    processes.adopt_orphans()
    _die_with_parent()
    start, cpu = time.monotonic(), _cpu_seconds()
    try:
        runs = _prepare(jobs, channel)
        channel.send(0.0)
        ends = _attempt(jobs, runs)
    except blame.MachineError as error:
        _leave(channel, [Report(stop=str(error))] * len(jobs))
    cuda = jobs[0].device == "cuda"
    common = Report(
        wall_seconds=round(time.monotonic() - start, 4),
        cpu_seconds=round(_cpu_seconds() - cpu, 4),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        peak_device_memory=torch.cuda.max_memory_allocated() if cuda else 0,
        device=torch.cuda.get_device_name() if cuda else "",
    )
    reports = [
        replace(common, failure=failure, message=message, resumed=run.resumed)
        for (failure, message), run in zip(ends, runs, strict=True)
    ]
    _leave(channel, reports)


def _leave(channel: connection.Connection, reports: list[Report]) -> NoReturn:
    """Report and end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the last lines of a log, on a disk that is full
            stream.flush()
    channel.send(reports)
    channel.close()
    # No clean-up of the interpreter: a method's threads or exit hooks could hang it.
    os._exit(0)


def _cpu_seconds() -> float:
    """Of this process and of all that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _prepare(jobs: Sequence[Job], channel: connection.Connection) -> list[WorkerRun]:
    """Make this process the cells': its log, its limits, its seeds.

    Raises:
        MachineError: its log cannot be written.
    """
    job = jobs[0]
    with blame.ours():
        log = os.open(job.attempt / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):  # whatever the terminal's encoding is
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    os.environ[registry.PLUGINS] = os.pathsep.join(map(str, job.plugins))
    os.environ.update(job.environment)
    sys.modules["__main__"] = importlib.import_module("bench.run.child")
    for other in jobs[1:]:
        with contextlib.suppress(OSError):  # a file system without links: one log for all
            os.link(job.attempt / LOG, other.attempt / LOG)
    if job.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (job.memory, job.memory))
    torch.set_num_threads(job.threads)
    if job.device == "cuda":
        deterministic.begin()
    runs = [
        WorkerRun(
            task=one.inputs.name,
            seed=one.seed,
            preset=one.preset,
            device=one.device,
            dtype=one.dtype,
            work=one.work,
            needs=one.needs,
            report=channel.send if one is job else lambda _fraction: None,
            checkpoint_seconds=one.checkpoint_seconds,
            method=one.method,
            fingerprint=one.code,
        )
        for one in jobs
    ]
    seed_global(runs[0])
    return runs


def seed_global(run: WorkerRun) -> None:
    """Methods draw from named generators; this is for libraries that reach for the global ones."""
    random.seed(run.seed)
    np.random.seed(run.seed % 2**32)  # noqa: NPY002
    torch.manual_seed(run.seed_for("init"))


def _attempt(jobs: Sequence[Job], runs: Sequence[WorkerRun]) -> list[tuple[Failure, str]]:
    """Fit and store; what goes wrong becomes, for each job, the name of a state and one line.

    Raises:
        MachineError: something is wrong with the machine.
    """
    fitted: list[Any]
    worker = os.getpid()
    try:
        registry.use(jobs[0].plugins)
        info = registry.get(jobs[0].method)
        task = open_task(jobs[0].inputs)
        method = info.build(jobs[0].params)
        many = method.fit_many if len(jobs) > 1 else None
        fitted = many(task, runs) if many else [method.fit(task, runs[0])]
        if not isinstance(fitted, list) or len(fitted) != len(jobs):
            raise scores.InvalidPrediction(f"fit_many returned no list of {len(jobs)} predictions")
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return [_failed(job, error) for job in jobs]
    finally:
        if os.getpid() != worker:  # a process that the method forked and did not end
            os._exit(1)
    ends = []
    for job, run, result in zip(jobs, runs, fitted, strict=True):
        try:
            if isinstance(result, Exception):
                raise result
            prediction = scores.check(result, task, artifact=info.artifact)
            scores.check_snapshots(run.snapshots, task)
            with blame.ours():
                outputs.save(job.attempt / PREDICTION, prediction)
                _save_curves(job.attempt, run)
            ends.append(_DONE)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            ends.append(_failed(job, error))
    return ends


def _failed(job: Job, error: BaseException) -> tuple[Failure, str]:
    """Name a failure, and keep the traceback beside the log.

    Raises:
        MachineError: it is none of the method's.
    """
    if reason := blame.of_machine(error, job.attempt):
        raise blame.MachineError(reason) from error
    with contextlib.suppress(OSError):
        text = "".join(traceback.format_exception(error))
        (job.attempt / TRACEBACK).write_text(text, encoding="utf-8", errors="backslashreplace")
    return blame.of_method(error)


def _save_curves(attempt: Path, run: WorkerRun) -> None:
    """Leave logged values and snapshots for the harness, which scores them."""
    if run.logged or run.snapshots:
        steps = sorted(run.snapshots)
        text = json.dumps({"logged": run.logged, "snapshots": {"step": steps}})
        (attempt / CURVES).write_text(text, encoding="utf-8")
        if steps:
            stacked = np.stack([run.snapshots[s] for s in steps])
            np.save(attempt / SNAPSHOTS, stacked, allow_pickle=False)


def _die_with_parent() -> None:
    """End this process, with all that it started, as soon as the harness is gone."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        processes.end_below(os.getpid())
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
