"""One cell in one process: open its inputs, fit, leave the prediction in a folder, report, end."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import registry, score
from bench.errors import NonFiniteError
from bench.record import Failure
from bench.run import outputs
from bench.run.context import CHECKPOINT_SECONDS, WorkerRun
from bench.run.inputs import Inputs, open_task
from bench.store import CURVES, LOG, PREDICTION, TRACEBACK

SNAPSHOTS = "snapshots.npy"


@dataclass(frozen=True)
class Job:
    """A cell as it travels to a worker."""

    key: str
    method: str
    params: Mapping[str, Any]
    seed: int
    preset: str
    device: str
    dtype: str
    threads: int
    inputs: Inputs
    needs: Mapping[str, tuple[Path, str]]
    """Role -> folder and output hash of the needed cell."""
    plugins: tuple[Path, ...]
    work: Path
    """Of the cell: checkpoints, kept over attempts."""
    attempt: Path
    """Of this attempt: what becomes the cell's folder."""
    memory: int
    """Bytes of memory it may take; 0: no limit."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS


@dataclass(frozen=True)
class Report:
    """How a worker ended."""

    failure: Failure = ""
    message: str = ""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    peak_device_memory: int = 0
    resumed: bool = False
    device: str = ""
    """The GPU's name; "" on a CPU."""


def main(job: Job, channel: connection.Connection) -> None:
    """Run one job; sends fractions of progress, at last a `Report`, through the channel."""
    os.setsid()
    _die_with_parent()
    start, cpu = time.monotonic(), time.process_time()
    run = _prepare(job, channel)
    channel.send(0.0)
    failure, message = _attempt(job, run)
    sys.stdout.flush()
    sys.stderr.flush()
    channel.send(
        Report(
            failure=failure,
            message=message,
            wall_seconds=round(time.monotonic() - start, 4),
            cpu_seconds=round(time.process_time() - cpu, 4),
            peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            peak_device_memory=torch.cuda.max_memory_allocated() if job.device == "cuda" else 0,
            resumed=run.resumed,
            device=torch.cuda.get_device_name() if job.device == "cuda" else "",
        )
    )
    channel.close()
    # No clean-up of the interpreter: a method's threads or exit hooks could hang it.
    os._exit(0)


def _prepare(job: Job, channel: connection.Connection) -> WorkerRun:
    """Make this process the cell's: its log, its limits, its seeds."""
    log = os.open(job.attempt / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if job.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (job.memory, job.memory))
    torch.set_num_threads(job.threads)
    if job.device == "cuda":
        # One thread on a CPU always adds in one order; a GPU has to be told to.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
    run = WorkerRun(
        task=job.inputs.name,
        seed=job.seed,
        preset=job.preset,
        device=job.device,
        dtype=job.dtype,
        work=job.work,
        needs=job.needs,
        report=channel.send,
        checkpoint_seconds=job.checkpoint_seconds,
    )
    # Methods draw from named generators; this is for libraries that reach for the global ones.
    random.seed(job.seed)
    np.random.seed(job.seed % 2**32)  # noqa: NPY002
    torch.manual_seed(run.seed_for("init"))
    return run


def _attempt(job: Job, run: WorkerRun) -> tuple[Failure, str]:
    """Fit and store; what goes wrong becomes the name of a state and one line."""
    try:
        registry.load(job.plugins)
        info = registry.get(job.method)
        task = open_task(job.inputs)
        prediction = info.build(job.params).fit(task, run)
        prediction = score.check(prediction, task, artifact=info.artifact)
        score.check_snapshots(run.snapshots, task)
        outputs.save(job.attempt / PREDICTION, prediction)
        _save_curves(job.attempt, run)
    except NonFiniteError as error:
        return _failed(job, "non-finite", error)
    except score.InvalidPrediction as error:
        return _failed(job, "invalid prediction", error)
    except MemoryError as error:
        return _failed(job, "out of memory", error)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        no_memory = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(
            error
        )
        return _failed(job, "out of memory" if no_memory else "exception", error)
    return "", ""


def _failed(job: Job, failure: Failure, error: BaseException) -> tuple[Failure, str]:
    """Keep the traceback beside the log."""
    with contextlib.suppress(OSError):
        (job.attempt / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
    first = (str(error) or type(error).__name__).strip().split("\n", 1)[0]
    known = failure in ("non-finite", "invalid prediction")
    return failure, first if known else f"{type(error).__name__}: {first}"


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
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
