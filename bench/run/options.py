"""How a plan is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.run.job import CHECKPOINT_SECONDS


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run; nothing here changes a result."""

    workers: int
    data_root: Path
    timeout: float = 1200.0
    """Seconds a cell."""
    budget: float | None = None
    """Seconds for the whole run."""
    memory: int = 0
    """Bytes a worker may take; 0: no limit."""
    retry_failed: bool = False
    rerun_stale: bool = False
    plugins: tuple[Path, ...] = ()
    devices: tuple[str, ...] = ()
    """GPUs as CUDA names them, of which each worker sees one; (): all see what this run does."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS
