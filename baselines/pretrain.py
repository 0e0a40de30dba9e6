"""A classifier of the source classes, the starting point of every transfer row.

Follows DTC's pretraining (Han, Vedaldi, Zisserman, ICCV 2019, released code): Adam, 180 epochs, a
tenth of the learning rate at 100 and 150, batches of 128, crops from a border of 4 pixels around
32. With `recipe` = "dtc", network, learning rate and flips are those of its scripts as well. It is
no row of a table: K-means on source features, DTC and SUPREME need it. The target is never looked
at.

    python -m bench run digits --methods kmeans --tasks digits/transfer

computes it first: about 2 s a seed on the 900 source digits. The quick preset has 12 epochs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench import weights
from bench.declared import of_data, refuse_overridden
from bench.nn import training
from bench.nn.images.tensors import flip, to_tensor, translate
from bench.nn.networks import build, completed, describe
from bench.nn.networks.from_timm import start_from
from bench.registry import method
from bench.tasks import AdaptTask, ClusterTask, Method, Need, Prediction, Run, TaskInfo

# Mean and deviation of CIFAR-10's channels, of CIFAR-100's, and ImageNet's, which DTC has for SVHN.
_CIFAR10 = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2023, 0.1994, 0.2010)}
_CIFAR100 = {"mean": (0.507, 0.487, 0.441), "std": (0.267, 0.256, 0.276)}
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
DTC: dict[str, dict[str, Any]] = {
    "cifar10": {
        "network": describe("resnet18", start="torch", **_CIFAR10),
        "learning_rate": 0.1,
        "mirror": True,
    },
    "cifar100": {"network": describe("vgg", **_CIFAR100), "learning_rate": 1e-3, "mirror": True},
    "svhn": {
        "network": describe("resnet18", start="torch", **_IMAGENET),
        "learning_rate": 0.1,
        "mirror": False,
    },
}
"""Data set -> what DTC's script for it has for the parameters of the same names."""


@method(
    "pretrain",
    kinds=("cluster", "adapt"),
    artifact=True,
    neutral={"recipe": "own", "weights": ""},
    quick={"epochs": 12, "milestones": (8, 11)},
)
@dataclass(frozen=True)
class Pretrain(Method):
    """Supervised network of the source classes."""

    recipe: Literal["own", "dtc"] = "own"
    """"own": as the other parameters say; "dtc": `DTC` overrides them where it knows the data."""
    network: str = "convnet"
    """A name in `bench.nn.networks.known()` that takes channels and outputs, or such a network's
    description with options of its own: `{"name": "resnet18", "widths": [16, 32, 64, 128]}`."""
    weights: str = ""
    """Name in `bench.weights` of what a "timm" network starts from, such as "resnet101.tv_in1k"
    for zero-shot data sets (SUPREME, table 2); "": fresh weights."""
    epochs: int = 180
    """Passes over the images."""
    milestones: tuple[int, ...] = (100, 150)
    """Epochs from which the learning rate is a tenth of what it was."""
    learning_rate: float = 1e-3
    """Learning rate of Adam."""
    batch_size: int = 128
    """Images in a batch."""
    shift: float = 0.125
    """Largest random translation as a fraction of the image's side: 4 pixels of 32, 1 of 8."""
    mirror: bool = False
    """Random flips from left to right: for objects, not for digits or letters."""

    def __post_init__(self) -> None:
        completed(self.network)
        if self.batch_size < 2 or self.epochs < (0 if self.weights else 1):
            raise ValueError("batch_size must be at least 2, epochs at least 1 without weights")
        if self.recipe == "dtc":
            refuse_overridden(self, DTC)

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The initial weights, one cell for all tasks."""
        return {"initial": weights.need(self.weights)} if self.weights else {}

    def fit(self, task: ClusterTask | AdaptTask, run: Run) -> Prediction:
        """Train on the source; gives back the network's weights."""
        return replace(self, recipe="own", **self.decided(task.name))._train(task, run)

    def decided(self, task: str) -> dict[str, Any]:
        """What DTC's script has for a task's data."""
        return of_data(DTC, task) if self.recipe == "dtc" else {}

    def _train(self, task: ClusterTask | AdaptTask, run: Run) -> Prediction:
        source = task.source
        if source is None:
            raise ValueError(f"pretrain needs labelled source classes, and {task.name} has none")
        channels = source.images.shape[3]
        architecture = completed(self.network, channels=channels, outputs=source.n_classes)
        network = build(architecture, run.seed_for("init"))
        if self.weights:
            start_from(network, run.needed("initial").tensors)
        network.to(run.device).train()
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        order, views = run.generator("batches"), run.generator("augment")
        labels = torch.from_numpy(np.array(source.labels)).to(run.device)
        epochs = training.Epochs(
            run, self.epochs, network=network, optimiser=optimiser, order=order, views=views
        )
        for epoch in epochs:
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            for rows in training.batches(len(labels), self.batch_size, order):
                if len(rows) == 1:
                    continue  # One image has no batch statistics.
                x = self._view(to_tensor(source.images[rows.numpy()], run.device), views)
                loss = functional.cross_entropy(network(x), labels[rows])
                epochs.step(optimiser, loss)
        return Prediction(tensors=training.weights(network), architecture=architecture)

    def _view(self, x: Tensor, views: torch.Generator) -> Tensor:
        """A random translation of each image, and its mirror image where that is wanted."""
        x = translate(x, round(self.shift * min(x.shape[2:])), views)
        return flip(x, views) if self.mirror else x
