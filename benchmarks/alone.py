"""A run without a harness around it, for methods that a benchmark calls by itself."""

from __future__ import annotations

from bench.run.context import WorkerRun
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
            work=None,
            needs={},
            report=lambda _fraction: None,
        )
        self._needed = needed

    def needed(self, role: str) -> Prediction:  # noqa: ARG002 - the same for all
        """The output that was given."""
        return self._needed
