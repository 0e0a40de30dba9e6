"""Where cells are computed, as a run sees it: submit a group, learn how each of it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.run.job import Job, Report


class Executor(Protocol):
    """Computes groups of cells somewhere; `bench.run.pool.Pool` in processes of this machine."""

    @property
    def free(self) -> int:
        """How many more groups may start."""

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin a group: one job, or several that differ in their seed and its folders alone.

        Raises:
            BenchError: nothing can be computed there.
        """

    def wait(self, seconds: float) -> list[tuple[Job, Report]]:
        """The jobs that ended, waited for no longer than this; each has left its files."""

    def stop(self) -> None:
        """End all that runs, with whatever it started."""
