"""A `bench.tasks.Run` in memory, for tests of methods without a harness around them."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.errors import NonFiniteError
from bench.run.shared import Shared
from bench.store import checkpoint
from bench.tasks import Prediction


@dataclass
class FakeRun:
    """Records what a method does; `resumed` makes the run that continues from a checkpoint."""

    seed: int = 0
    preset: str = "quick"
    device: str = "cpu"
    dtype: str = "float32"
    needs: dict[str, Prediction] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    """What `resume` hands over."""
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    snapshots: dict[int, npt.NDArray[Any]] = field(default_factory=dict)
    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def resumed(self, state: dict[str, Any]) -> FakeRun:
        """The same cell in a new process, which has only this checkpoint."""
        return FakeRun(self.seed, self.preset, self.device, self.dtype, self.needs, state)

    def seed_for(self, axis: str) -> int:
        digest = hashlib.sha256(f"{self.seed} {axis}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def generator(self, axis: str) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed_for(axis))

    def rng(self, axis: str) -> np.random.Generator:
        return np.random.default_rng(self.seed_for(axis))

    def needed(self, role: str) -> Prediction:
        return self.needs[role]

    def shared(self, name: str, module: str, compute: Any, side: int, **facts: Any) -> Any:
        """Nothing is shared: there is no store."""
        return Shared(compute, side).of

    def log(self, step: int, **values: float) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                raise NonFiniteError(f"{name} is {value} at step {step}")
        self.logged.append((step, values))

    def progress(self, step: int, total: int) -> None:
        assert 0 <= step <= total

    def snapshot(self, step: int, assignments: npt.ArrayLike) -> None:
        self.snapshots[step] = np.array(assignments)

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Through the harness's own file format, so that nothing survives that a file drops."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state.safetensors"
            checkpoint.save(path, state)
            self.checkpoints.append(checkpoint.load(path))

    def resume(self) -> dict[str, Any] | None:
        return self.state
