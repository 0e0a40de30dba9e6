"""How a plan is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.run.job import CHECKPOINT_SECONDS, LEAST_TIMEOUT

ESTIMATES = 5.0
"""A cell is waited for five times as long as it may take, which a slower machine needs."""


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run; nothing here changes a result."""

    workers: int
    data_root: Path
    timeout: float | None = None
    """Seconds a cell; None: `patience` of what it may take."""
    budget: float | None = None
    """Seconds for the whole run."""
    memory: int = 0
    """Bytes a worker may take; 0: no limit."""
    plugins: tuple[Path, ...] = ()
    devices: tuple[str, ...] = ()
    """GPUs as CUDA names them, of which each worker sees one; (): all see what this run does."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS

    def patience(self, seconds: float) -> float:
        """Seconds after which a cell is killed that may take so many, 0 where nobody knows."""
        if self.timeout is not None:
            return self.timeout
        return max(LEAST_TIMEOUT, ESTIMATES * seconds)
