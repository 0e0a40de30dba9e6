"""Which executor a run has, and its options in a TOML file: a table for each."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import weights
from bench.errors import BenchError
from bench.run import slurm
from bench.run.away import Away, Engine, Packing
from bench.run.dask_cluster import Dask, DaskOptions
from bench.run.slurm import Slurm, SlurmOptions
from bench.store import jobs
from bench.store.folders import Store
from bench.typed import parsed, typed

_TOLD = (weights.FOLDER, "BENCH_DATA")
"""Variables of the environment that cells read."""
_AT_LEAST_ONE = ("cells", "cpus", "jobs")
"""Options of which none would be a run that never ends; no other number is below 0."""


@dataclass(frozen=True)
class Options:
    """What such a file may hold."""

    slurm: SlurmOptions = field(default_factory=SlurmOptions)
    dask: DaskOptions = field(default_factory=DaskOptions)


def read(path: Path | None, device: str) -> Options:
    """The options in a file, or all defaults; on GPUs a job has at least one.

    Raises:
        BenchError: it cannot be read, has a key that nobody knows, or a value that cannot be.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = parsed(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise BenchError(f"--executor-options {path}: {why}") from error
    found = typed(Options, content, str(path))
    for table in ("slurm", "dask"):
        for name, value in vars(getattr(found, table)).items():
            least = int(name in _AT_LEAST_ONE)
            if isinstance(value, int | float) and not value >= least:
                raise BenchError(f"{path}: {table}: {name} = {value} must be at least {least}")
    for flag in found.slurm.flags:
        if flag.replace("_", "-") in slurm.OURS:
            raise BenchError(f"{path}: slurm.flags: {flag} is the run's own to set: leave it out")
    if device == "cuda" and not found.slurm.gpus:
        found = replace(found, slurm=replace(found.slurm, gpus=1))
    return found


def end_orphans(root: Path) -> None:
    """Cancel what runs that are no more have left in the queue; what came back stays."""
    for orphan in jobs.orphans(root):
        if orphan.executor == Slurm.name:
            slurm.cancel(orphan.name)


@contextlib.contextmanager
def opened(name: str, options: Options, store: Store, workers: int) -> Iterator[Away]:
    """The executor of another name than local, for the time of a run.

    What runs that are no more have left in the queue is cancelled.

    Raises:
        BenchError: there is none of this name here.
    """
    end_orphans(store.root)
    given, lock = jobs.begin(store)
    told = {one: str(Path(os.environ[one]).absolute()) for one in _TOLD if os.environ.get(one)}
    engine: Engine
    mine: SlurmOptions | DaskOptions
    with contextlib.ExitStack() as stack:
        stack.callback(lock.release)
        stack.callback(given.remove)
        if name == "slurm":
            mine, at_once = options.slurm, options.slurm.at_once
            engine = Slurm(options.slurm, given.name, given.scripts)
        else:
            mine, at_once = options.dask, 1
            engine = Dask(options.dask, workers)
        packing = Packing(mine.cells, 60 * mine.share_minutes, 60 * mine.unknown_minutes, at_once)
        executor = Away(engine, given, lock, packing, told)
        stack.callback(executor.stop)
        yield executor
