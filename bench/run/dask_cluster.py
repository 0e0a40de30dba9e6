"""Batches as tasks of Dask, through `distributed`: of a scheduler's address, or on this machine."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError
from bench.run.remote import Batch


@dataclass(frozen=True)
class DaskOptions:
    """Where the scheduler is, and what a cell asks of a worker."""

    address: str = ""
    """Such as "tcp://head:8786"; "": a cluster on this machine, for as long as the run takes."""
    workers: int = 0
    """Of a cluster on this machine; 0: as many as `--workers` says."""
    resources: dict[str, float] = field(default_factory=dict)
    """What a cell takes of those that workers declare: `{ GPU = 1 }`."""
    share_minutes: float = 0.0
    """Short cells share a task until it takes so long."""
    unknown_minutes: float = 1.0
    """What a cell counts as of which nobody knows what it takes."""
    cells: int = 1000
    """Groups of cells that the scheduler knows at a time."""
    poll_seconds: float = 2.0
    """How often it is asked what became of tasks."""
    patience_seconds: float = 30.0
    """How long a scheduler may take to answer at first."""


class Dask:
    """An `Engine`."""

    name = "dask"
    hold_seconds = 0.0

    def __init__(self, options: DaskOptions, workers: int) -> None:
        """Ask for the scheduler.

        Args:
            options: See there.
            workers: Of a cluster on this machine, unless the options say.

        Raises:
            BenchError: it does not answer, or `distributed` is not installed.
        """
        try:
            from distributed import Client, LocalCluster
            from distributed.comm import get_address_host_port
            from distributed.gc import disable_gc_diagnosis
        except ImportError as error:
            wanted = "pip install 'bench-clustering[dask]'"
            raise BenchError(f"--executor dask needs distributed: {wanted}") from error
        self._resources, self.poll_seconds = options.resources, options.poll_seconds
        self._cluster: Any = None
        if not options.address:
            self._cluster = LocalCluster(
                n_workers=options.workers or workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                memory_limit=0,
                resources=options.resources or None,
                # It warns of every task that is cancelled at the end, and workers whose run was
                # killed print a traceback each; what became of a task is asked, not read.
                silence_logs=logging.CRITICAL,
            )
            # A Ctrl-C that comes while this calls back from a garbage collection would be lost.
            disable_gc_diagnosis(force=True)
        where = options.address or self._cluster
        try:
            if options.address:  # a client that cannot begin prints a traceback when it is dropped
                get_address_host_port(options.address)
            self._client = Client(where, timeout=options.patience_seconds, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise BenchError(f"no Dask scheduler answers at {options.address}: {error}") from error
        self.workers = max(1, sum(self._client.nthreads().values()))
        self._futures: dict[str, Any] = {}

    def submit(self, batches: Sequence[Batch]) -> list[str]:
        """Give them to the scheduler.

        Raises:
            BenchError: it is gone.
        """
        futures = [
            self._client.submit(compute, one, pure=False, resources=self._resources or None)
            for one in batches
        ]
        self._futures |= {str(future.key): future for future in futures}
        return [str(future.key) for future in futures]

    def gone(self, ids: Collection[str]) -> dict[str, str]:
        """Those that ended -> how.

        Raises:
            BenchError: the scheduler is gone.
        """
        if self._client.status not in ("running", "connecting"):
            raise BenchError("the Dask scheduler is gone; the same command goes on from here")
        for key in self._futures.keys() - set(ids):  # all of it has been fetched
            del self._futures[key]
        ended = {key: future for key, future in self._futures.items() if future.done()}
        return {key: _why(future) for key, future in ended.items()}

    def stop(self) -> None:
        """Cancel all and let the scheduler go."""
        with contextlib.suppress(Exception):  # it may be gone
            self._client.cancel(list(self._futures.values()), force=True)
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)


def _why(future: Any) -> str:
    """How a task ended, in a word."""
    if future.status != "error":
        return str(future.status)
    return type(future.exception()).__name__


def compute(batch: Batch) -> None:
    """Runs in a worker of Dask's."""
    # Dask starts its workers as daemons, which may have no processes; they end with it all the
    # same, since they watch it themselves.
    multiprocessing.current_process().daemon = False
    batch()
