"""A method that takes many seeds at once, and ways in which that goes wrong."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.registry import method
from bench.tasks import Prediction

from .steps import note


@method("many", kinds=("cluster", "similarity"))
@dataclass(frozen=True)
class Many:
    """A sum of random numbers for each seed, with a checkpoint after each."""

    notes: str = ""
    steps: int = 4
    seconds: float = 0.0
    """How long each step takes, whatever the number of seeds."""
    way: str = ""
    """What goes wrong."""
    bad_seed: int = -1
    """Whose loss is NaN at the end."""

    def fit(self, task, run):
        (result,) = self._fit(task, [run])
        if isinstance(result, Exception):
            raise result
        return result

    def fit_many(self, task, runs):
        if self.way == "raises":
            raise RuntimeError("all at once was too much")
        if self.way == "too few":
            return self._fit(task, runs)[1:]
        return self._fit(task, runs)

    def _fit(self, task, runs):
        note(self.notes, f"start {os.getpid()} {[run.seed for run in runs]}")
        print("a line of the log")
        assert task.target_labels is None
        members = [
            (run, run.rng("init"), run.resume() or {"step": 0, "total": 0.0}) for run in runs
        ]
        for _, rng, state in members:
            if "rng" in state:
                rng.bit_generator.state = state["rng"]
        for step in range(self.steps):
            time.sleep(self.seconds)
            for run, rng, state in members:
                if state["step"] > step:
                    continue
                state |= {"step": step + 1, "total": state["total"] + rng.random()}
                run.log(step, total=state["total"])
                run.checkpoint({**state, "rng": rng.bit_generator.state})
            note(self.notes, f"step {step}")
            if self.way == "dies once" and step == 2 and not Path(f"{self.notes}.died").exists():
                note(f"{self.notes}.died", "")
                os._exit(9)
        return [self._end(task, run, state) for run, _, state in members]

    def _end(self, task, run, state):
        try:
            run.log(self.steps, loss=float("nan") if run.seed == self.bad_seed else 0.0)
        except ValueError as error:
            return error
        shift = int(1e6 * state["total"])
        if task.__class__.__name__ == "SimilarityTask":
            return Prediction(scores=np.full(len(task.pairs), 0.5))
        drawn = np.random.default_rng(shift).integers(task.n_clusters, size=len(task.target))
        return Prediction(assignments=drawn)
