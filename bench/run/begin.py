"""Where a worker begins: who starts one need not import what it computes with."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing import connection

from bench.run.job import Job


def main(jobs: Sequence[Job], channel: connection.Connection) -> None:
    """`bench.run.worker.main`, imported in the process that runs it."""
    from bench.run import worker

    worker.main(jobs, channel)
