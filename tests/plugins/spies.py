"""Methods that write down every integer they can reach, for the tests of hidden labels."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from bench.registry import method
from bench.tasks import Kind, Need, Prediction

SHORTEST = 40
KINDS: tuple[Kind, ...] = get_args(Kind)


def tensor():
    """Torch's class; the harness's own process imports plug-ins and may do without."""
    import torch

    return torch.Tensor


def as_integers(value):
    """The value as a flat or two-dimensional array of integers; None where it is none."""
    if isinstance(value, tensor()):
        value = value.detach().cpu().numpy()
    elif isinstance(value, bytes | bytearray | memoryview):
        value = np.frombuffer(value, np.uint8)
    elif isinstance(value, list | tuple):
        if len(value) < SHORTEST or not all(isinstance(v, int | float | np.number) for v in value):
            return None
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or value.size < SHORTEST or value.dtype.kind not in "biuf":
        return None
    if value.dtype.kind == "f" and not (
        np.isfinite(value).all() and (value == value.round()).all()
    ):
        return None
    return value.reshape(len(value), -1).astype(np.int64)


def reachable(task):
    """Everything that the garbage collector, the frames and the loaded modules lead to."""
    seen, queue = {}, [task, *gc.get_objects(), *sys._current_frames().values()]
    while queue:
        value = queue.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, np.ndarray | memoryview | tensor()):
            queue += [
                b
                for b in (getattr(value, "base", None), getattr(value, "obj", None))
                if b is not None
            ]
        queue += gc.get_referents(value)
    return seen.values()


def write_down(task, out):
    """Save the arrays and the names of the files that this process has open or mapped."""
    found: dict[str, Any] = {}
    for value in list(reachable(task)):
        array = as_integers(value)
        if array is not None:
            found[f"{len(found)} {type(value).__name__}"] = array
    mapped = Path("/proc/self/maps").read_text().splitlines()
    files = {line.split(maxsplit=5)[5] for line in mapped if len(line.split(maxsplit=5)) == 6}
    files |= {os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()}
    found["files"] = np.array(sorted(files))
    np.savez(out, **found)


def answer(task):
    """A prediction that fits any task."""
    n = len(task.target)
    kind = type(task).__name__
    if kind == "SimilarityTask":
        return Prediction(scores=np.full(len(task.pairs), 0.5))
    if kind == "RepresentTask":
        return Prediction(tensors={"w": tensor()(1)}, architecture="none")
    if kind == "ProbeTask":
        return Prediction(classes={"spy": np.zeros(n, np.int64)})
    if kind == "FineTuneTask":
        return Prediction(class_scores={"spy": np.zeros(task.train.labels.shape)})
    return Prediction(assignments=np.zeros(n, np.int64))


@method("spy", kinds=KINDS)
@dataclass(frozen=True)
class Spy:
    """Looks for the target's labels."""

    out: str = ""

    def fit(self, task, run):
        write_down(task, self.out)
        return answer(task)


@method("oracle-spy", kinds=KINDS, uses_target_labels=True)
@dataclass(frozen=True)
class OracleSpy(Spy):
    """The same, given the labels: shows that the search finds them."""


@method("artifact-spy", kinds=KINDS, artifact=True)
@dataclass(frozen=True)
class ArtifactSpy(Spy):
    """The same, as a cell that others need."""

    def fit(self, task, run):
        write_down(task, self.out)
        return Prediction(tensors={"w": tensor()(1)})


@method("spy-carrier", kinds=("cluster",))
@dataclass(frozen=True)
class SpyCarrier:
    """Needs the artifact, so that it gets computed."""

    out: str = ""

    def needs(self, task):
        return {"spy": Need("artifact-spy", {"out": self.out})}

    def fit(self, task, run):
        return answer(task)
