"""A cell on its way to a worker, and what comes back; without torch, which senders do not need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.run.inputs import Inputs
from bench.store.record import Failure

CHECKPOINT_SECONDS = 30.0
LEAST_TIMEOUT = 1200.0


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
    """The cell's folder for checkpoints, kept over attempts."""
    attempt: Path
    """This attempt's folder, which becomes the cell's."""
    memory: int
    """Bytes of memory it may take; 0: no limit."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    seconds: float = 0.0
    """What it may take; 0: nobody knows."""
    timeout: float = LEAST_TIMEOUT
    """Seconds after which it is killed; of several in one process, their sum."""
    code: str = ""
    """Fingerprint of its method's, of when the run began: a file may be edited before it ends."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What its process is told: where weights are, which GPU is its own."""


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
    hardware: str = ""
    """Of another machine that computed it; "" on this one."""
    group: int = 0
    """Cells that another machine computed with it in one process, itself among them; 0: on this
    one, where the run knows."""
    stop: str = ""
    """Why the run cannot go on, in one sentence: no fault of the cell, which stays missing."""
