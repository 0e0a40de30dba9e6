"""Methods that bear witness: to a cell that others need, to a network, to what a method is given.

Only what any commit has is used, so that an older one can load this file.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench.registry import method
from bench.tasks import Dtype, Kind, Need, Prediction, Run, TaskInfo

DTYPES: tuple[Dtype, ...] = ("float32", "bfloat16")
KINDS: tuple[Kind, ...] = ("cluster", "adapt", "represent", "similarity", "pairs")


def _answer(task: Any, tensors: dict[str, torch.Tensor] | None = None) -> Prediction:
    """A prediction that fits any task."""
    n, kind = len(task.target), type(task).__name__
    tensors = tensors or {"nothing": torch.ones(1)}
    if kind == "SimilarityTask":
        return Prediction(scores=np.linspace(0, 1, len(task.pairs)), tensors=tensors)
    if kind == "RepresentTask":
        return Prediction(tensors=tensors, architecture="none")
    return Prediction(assignments=np.arange(n) % 4, tensors=tensors)


@method("needing", kinds=KINDS, dtypes=DTYPES)
@dataclass(frozen=True)
class Needing:
    """Needs another cell, so that one which has no column of its own gets computed."""

    of: str = "autoencoder"

    def needs(self, task: TaskInfo) -> dict[str, Need]:  # noqa: ARG002
        """The cell."""
        return {"needed": Need(self.of)}

    def fit(self, task: Any, run: Run) -> Prediction:
        """Read it."""
        assert run.needed("needed").tensors
        return _answer(task)


@method("network", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class OfNetwork:
    """A network forwards and backwards, in training and in evaluation."""

    architecture: str = '{"name": "convnet", "channels": 1, "outputs": 4}'
    size: int = 32
    """Height and width that the images are enlarged to."""
    flat: bool = False
    """It takes vectors, as an autoencoder does."""
    images: int = 6

    def fit(self, task: Any, run: Run) -> Prediction:
        """Its weights, features, outputs and gradients."""
        from bench.nn import networks

        network: Any = networks.build(self.architecture, run.seed_for("init"))
        x = torch.from_numpy(np.asarray(task.target[: self.images])).permute(0, 3, 1, 2) / 255
        x = functional.interpolate(x, size=(self.size, self.size), mode="bilinear")
        # Networks that drop units draw from the global generator.
        torch.manual_seed(run.seed_for("batches") % 2**32)
        tensors = {f"weights/{name}": value for name, value in network.state_dict().items()}
        tensors = {"weights": _digest(tensors)}
        reduced = torch.autocast("cpu", torch.bfloat16, enabled=run.dtype == "bfloat16")
        for training in (True, False):
            network.train(training)
            with torch.no_grad(), reduced:
                tensors[f"features/{training}"] = _of(network, x, "features").float()
        network.train()
        with reduced:
            out = network(x).float()
        (out.square() * torch.linspace(0.5, 1.5, out.shape[1])).mean().backward()
        gradients = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
        tensors |= {"outputs": out.detach(), "gradients": _digest(gradients)}
        return _answer(task, tensors)


def _of(network: Any, x: torch.Tensor, name: str) -> torch.Tensor:
    """What one of a network's functions gives, where it has that function."""
    found: torch.Tensor = getattr(network, name)(x) if hasattr(network, name) else network(x)
    return found


def _digest(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """SHA-256 of named tensors, uint8: large networks need not lie on the disk."""
    found = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().contiguous().numpy().tobytes())
    return torch.frombuffer(bytearray(found.digest()), dtype=torch.uint8)


@method("given", kinds=(*KINDS, "probe", "finetune"))
@dataclass(frozen=True)
class Given:
    """What the harness gives to a method: images in order, labels, answers, seeds, settings."""

    def fit(self, task: Any, run: Run) -> Prediction:
        """Digests of all of it."""
        arrays: dict[str, Any] = {}
        for name, value in sorted(vars(task).items()):
            # A labelled part or answers; an array that is mapped from a file has fields, too.
            inner = vars(value) if is_dataclass(value) else {"": value}
            for field, part in inner.items():
                arrays[f"{name}/{field}"] = np.asarray("none" if part is None else part)
        if hasattr(task, "answers"):
            rows = np.arange(0, task.answers.n, 3)
            similar, known = task.answers.block(rows, rows[::-1])
            arrays |= {"block/similar": similar, "block/known": known}
        arrays["seeds"] = [run.seed, *map(run.seed_for, ("init", "batches", "augment", "split"))]
        arrays["drawn"] = [
            run.rng("init").random(),
            float(torch.rand(1, generator=run.generator("init"))),
        ]
        arrays["global"] = [random.random(), np.random.rand(), float(torch.rand(1))]  # noqa: NPY002
        arrays["settings"] = [
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            str(torch.get_default_dtype()),
            run.device,
            run.dtype,
            run.preset,
        ]
        lines = [f"{name} {np.asarray(v).dtype} {_hash(v)}" for name, v in sorted(arrays.items())]
        print("\n".join(lines))
        tensors = {line.split(" ")[0]: _digest_text(line) for line in lines}
        return _answer(task, tensors)


def _hash(value: Any) -> str:
    array = np.ascontiguousarray(value)
    return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()


def _digest_text(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(hashlib.sha256(text.encode()).digest()), dtype=torch.uint8)
