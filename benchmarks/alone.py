"""A run without a harness around it, for methods that a benchmark calls by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.run.context import WorkerRun
from bench.run.shared import Shared
from bench.tasks import Prediction


class Alone(WorkerRun):
    """One thread of the CPU, no folder for checkpoints, and one needed output whatever the role."""

    def __init__(self, seed: int, needed: Prediction) -> None:
        super().__init__(
            task="benchmark",
            seed=seed,
            preset="paper",
            device="cpu",
            dtype="float32",
            work=Path(),
            needs={},
            report=lambda _fraction: None,
            checkpoint_seconds=float("inf"),
        )
        self._needed = needed

    def needed(self, role: str) -> Prediction:  # noqa: ARG002 - the same for all
        """The output that was given."""
        return self._needed

    def shared(self, name: str, module: str, compute: Any, side: int, **facts: Any) -> Any:  # noqa: ARG002 - there is no folder
        """Nothing is shared."""
        return Shared(compute, side).of

    def resume(self) -> None:
        """Nothing: there is no folder for a checkpoint."""
