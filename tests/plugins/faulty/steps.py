"""Methods that take their time and note what they do."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.registry import method
from bench.tasks import Need, Prediction


def note(file, text):
    """Append a line in one write, so that processes cannot mix theirs."""
    with Path(file).open("ab", buffering=0) as out:
        out.write(f"{text}\n".encode())


@method("counted", kinds=("cluster",))
@dataclass(frozen=True)
class Counted:
    """Notes its start and its end; other values of `number` are other cells."""

    notes: str = ""
    number: int = 0
    seconds: float = 0.2

    def fit(self, task, run):
        note(self.notes, f"start {self.number} {run.seed} {os.getpid()}")
        time.sleep(self.seconds)
        assignments = run.rng("init").integers(task.n_clusters, size=len(task.target))
        note(self.notes, f"end {self.number} {run.seed} {os.getpid()}")
        return Prediction(assignments=assignments)


@method("counted-after", kinds=("cluster",))
@dataclass(frozen=True)
class CountedAfter(Counted):
    """The same, but after a cell that it needs."""

    def needs(self, task):
        return {"before": Need("counted", {"notes": self.notes, "number": 100 + self.number})}


@method("steps", kinds=("cluster",))
@dataclass(frozen=True)
class Steps:
    """A sum of random numbers with a checkpoint after each; stops dead where it is told to."""

    notes: str = ""
    steps: int = 12
    seconds: float = 0.1
    die_once: str = ""
    """A file: where it does not exist, make it and die in the middle."""

    def fit(self, task, run):
        rng = run.rng("init")
        total, first = np.zeros(len(task.target)), 0
        if state := run.resume():
            total, first = np.array(state["total"]), state["step"]
            rng.bit_generator.state = state["rng"]
        for step in range(first, self.steps):
            note(self.notes, f"step {step}")
            total += rng.random(len(total))
            time.sleep(self.seconds)
            run.log(step, mean=total.mean())
            run.snapshot(step, total.astype(int) % task.n_clusters)
            run.checkpoint({"total": total, "step": step + 1, "rng": rng.bit_generator.state})
            if self.die_once and step == self.steps // 2 and not Path(self.die_once).exists():
                note(self.die_once, "died")
                os._exit(9)
        return Prediction(assignments=total.astype(int) % task.n_clusters)
