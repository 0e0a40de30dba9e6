"""The harness's own measuring cell: how well classes can be read off another cell's network.

SeLa's protocol (Asano, Rupprecht, Vedaldi, ICLR 2020; tables 2, 5 and 6): a linear classifier on
each block, and neighbours' votes on the final features. It holds the training labels, which the
method that made the network never saw, and imports no method. Left out: the paper's random
crops while the classifier is trained; features are of clean images.

    python -m bench run my.toml            with a table whose task is digits/represent

adds this cell to each of the row's by itself; in the quick preset it takes a few seconds on the
digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.nn import probes
from bench.nn.features import extract
from bench.nn.network import Network
from bench.nn.networks import load
from bench.nn.views import described
from bench.registry import method
from bench.tasks import Images, Labelled, Prediction, ProbeTask, Run


@method("probe", kinds=("probe",), quick={"limit": 1024, "epochs": 12, "milestones": (4, 8)})
@dataclass(frozen=True)
class Probe:
    """Linear and nearest-neighbour accuracy of a frozen network."""

    limit: int = 9600
    """Features of a block at most; larger maps are max-pooled."""
    epochs: int = 36
    """Of each linear classifier."""
    learning_rate: float = 0.01
    milestones: tuple[int, ...] = (5, 15, 25)
    """Epochs at which the learning rate falls to a fifth."""
    k: int = 50
    """Neighbours; all training images vote where there are fewer."""
    sigma: float = 0.1
    """Temperature of the votes."""
    dims: int = 128
    """Principal components that the neighbours are found in; fewer features are used as is."""

    def fit(self, task: ProbeTask, run: Run) -> Prediction:
        """Fit on the training images, rank the classes of the test images (best five)."""
        needed = run.needed("network")
        network = _Prepared(needed.architecture, needed.tensors).to(run.device)
        done: dict[str, Any] = run.resume() or {}
        names = _block_names(network, task.target)
        for index, name in enumerate(names):
            if f"linear {name}" not in done:
                done[f"linear {name}"] = self._linear(network, name, task, run)
                run.progress(index + 1, len(names) + 1)
                run.checkpoint(done)
        classes = {**done, "knn": self._neighbours(network, task)}
        return Prediction(classes={name: np.asarray(ranked) for name, ranked in classes.items()})

    def _linear(self, network: Network, block: str, task: ProbeTask, run: Run) -> Any:
        """Ranked classes of the test images by a linear classifier on one block."""

        def pooled(x: Tensor) -> Tensor:
            return probes.pool(network.blocks(x)[block], self.limit)

        ranked = probes.linear_probe(
            extract(network, task.train.images, of=pooled),
            _labels(task.train),
            extract(network, task.target, of=pooled),
            n_classes=task.train.n_classes,
            generator=run.generator("batches"),
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            milestones=self.milestones,
        )
        return ranked.numpy()

    def _neighbours(self, network: Network, task: ProbeTask) -> Any:
        """Ranked classes of the test images by their neighbours' votes."""
        train, test = extract(network, task.train.images), extract(network, task.target)
        if train.shape[1] > self.dims and len(train) >= self.dims:
            train, test = probes.pca(train, test, self.dims)
        ranked = probes.weighted_knn(
            train,
            _labels(task.train),
            test,
            k=min(self.k, len(train)),
            sigma=self.sigma,
            n_classes=task.train.n_classes,
        )
        return ranked.numpy()


class _Prepared(Network):
    """A network that is given images as they are, and prepares them as it was trained on them."""

    def __init__(self, architecture: str, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = load(architecture, tensors)
        self.views = described(architecture) if "views" in json.loads(architecture) else None

    def _prepared(self, x: Tensor) -> Tensor:
        return self.views.clean(x) if self.views else x

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        return self.network.blocks(self._prepared(x))

    def features(self, x: Tensor) -> Tensor:
        return self.network.features(self._prepared(x))


def _labels(part: Labelled) -> Tensor:
    return torch.from_numpy(np.array(part.labels))


def _block_names(network: Network, images: Images) -> list[str]:
    """The network's blocks, found by running one image through it."""
    names: list[str] = []

    def note(x: Tensor) -> Tensor:
        blocks = network.blocks(x)
        names.extend(blocks)
        return torch.zeros(len(x), 1)

    extract(network, images[:1], of=note)
    return names
