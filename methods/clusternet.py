"""The ClusterNet on simulated pair answers: how wrong and how few may they be?

Hsu, Lv, Kira, "Deep image category discovery using a transferred similarity function", 2016,
section 4 and figure 6; figure 8 of "Learning to cluster in order to transfer across domains and
tasks", ICLR 2018, is the same study. MNIST's train images, LeNet, SGD at 0.1 with momentum 0.9,
batches of 256, 15 epochs, the best of five restarts.

    python -m bench run diagnosis

The answers are drawn once for each pair of images, by the harness, as a person or a network would
give them; the paper flips labels anew in every batch. The quick preset has 2,000 images of half
the width and height, with convolutions to match, and 30 epochs of 8 batches, where the paper's 15
have 235: about 5 s on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.nn import networks, training
from bench.nn.clustering.unfit import refuse_number
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.losses import pairs
from bench.nn.networks.features import extract
from bench.registry import method
from bench.tasks import Method, PairsTask, Prediction, Run

_IMAGES = 500
"""Whole images at a time, when clusters are assigned."""


@method("clusternet", kinds=("pairs",), quick={"size": 14, "kernel": 3, "epochs": 30})
@dataclass(frozen=True)
class ClusterNet(Method):
    """A network trained on answers to "are these two of one class?"."""

    loss: Literal["kcl", "mcl"] = "kcl"
    """The paper's contrastive loss, or the authors' later likelihood."""
    margin: float = 2.0
    """What a dissimilar pair's divergence must reach, in nats; for "kcl"."""
    size: int = 28
    """Height and width that images are resized to, in pixels."""
    kernel: int = 5
    """Width of LeNet's convolutions."""
    batch_size: int = 256
    """Images in a batch; its answered pairs are learned from."""
    epochs: int = 15
    """Passes over the images."""
    learning_rate: float = 0.1
    """Learning rate of SGD."""
    momentum: float = 0.9
    """Momentum of SGD."""

    def __post_init__(self) -> None:
        if min(self.batch_size - 1, self.epochs) < 1:
            raise ValueError("batch_size must be at least 2 and epochs at least 1")

    def fit(self, task: PairsTask, run: Run) -> Prediction:
        """Train on the answered pairs of each batch; a cluster is the largest output."""
        n, k = len(task.target), task.n_clusters
        refuse_number(k, n, f"images of {task.name}")
        views = self._views(task)
        images = views.clean(to_tensor(task.target, run.device))
        options = {"channels": images.shape[1], "size": self.size, "kernel": self.kernel}
        architecture = networks.describe("lenet", outputs=k, **options)
        network = networks.build(architecture, run.seed_for("init")).train()
        network.to(run.device).to(memory_format=torch.channels_last)  # 1.5 times as fast on a CPU
        optimiser = torch.optim.SGD(network.parameters(), self.learning_rate, self.momentum)
        order = run.generator("batches")
        epochs = training.Epochs(
            run, self.epochs, network=network, optimiser=optimiser, order=order
        )
        for _ in epochs:
            for rows in training.batches(n, self.batch_size, order):
                if len(rows) == 1:
                    continue  # A last image on its own makes no pair, and has no batch statistics.
                p = network(images[rows.to(run.device)]).softmax(dim=1)
                epochs.step(optimiser, self._loss(p, task, rows))
        whole = extract(network, task.target, _IMAGES, of=lambda x: network(views.clean(x)))
        return Prediction(assignments=whole.argmax(dim=1).numpy())

    def _views(self, task: PairsTask) -> Views:
        """Zero mean and unit deviation over all pixels."""
        pixels = task.target / 255
        std = float(pixels.std())
        return Views(self.size, invert=False, mean=float(pixels.mean()), std=std if std > 0 else 1)

    def _loss(self, p: Tensor, task: PairsTask, rows: Tensor) -> Tensor:
        """The mean over the batch's answered pairs; 0 where none is."""
        index = rows.numpy()
        similar, known = map(torch.from_numpy, task.answers.block(index, index))
        similar, known = similar.to(p.device), known.to(p.device)
        if self.loss == "kcl":
            return pairs.kcl(p, similar, known, margin=self.margin)
        return pairs.mcl(p, similar, known)
