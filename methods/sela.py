"""SeLa: a network that learns from labels which it gives itself, each as often as every other.

Asano, Rupprecht, Vedaldi, "Self-labelling via simultaneous clustering and representation learning",
ICLR 2020. Cross-entropy training on fixed pseudo-labels (equation 1) alternates with their
reassignment by balanced optimal transport (equation 8); several heads, each with labels of its own,
share the network (section 3.5).

    python -m bench run digits --methods sela

Images are read as bytes, a batch at a time, and may lie on a disk. Beside the network there are
held, in float32, N x K log-probabilities of each head that is relabelled and a copy of one head's;
where N x D features of each view are smaller, these and the log-probabilities of one head.

Defaults are those of the released CIFAR script. The paper prints lambda = 25 where that script has
10; it sums the losses of the heads where the script averages them, which scales the learning rate.
Colours are changed before the crop, not after it. The quick preset has a small network, images as
they are without flips and colours, fewer clusters, heads and epochs: about 5 s on the 899 digits
of digits/represent.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from bench.nn import training
from bench.nn.images.augment import PLAIN, Augmentation
from bench.nn.networks import build, completed
from bench.registry import method
from bench.tasks import Method, Prediction, RepresentTask, Run

from .pseudo_labels import PseudoLabels

_SNAPSHOTS = 20
"""Assignments handed over while training, at least, where there are as many epochs."""


@method(
    "sela",
    kinds=("represent",),
    quick={
        **PLAIN,
        "network": "convnet",
        "clusters": 32,
        "heads": 5,
        "epochs": 40,
        "relabellings": 40,
        "milestones": (24, 32),
    },
    neutral={"components": 0},
)
@dataclass(frozen=True)
class SeLa(Augmentation, Method):
    """Self-labelling by balanced optimal transport."""

    network: str = "alexnet"
    """A name in `bench.nn.networks.known()` with a linear layer `head` on its features, or such a
    network's description with options of its own: `{"name": "alexnet", "variant": "small"}`."""
    clusters: int = 128
    """K, of each head."""
    heads: int = 10
    """T."""
    sharpness: float = 10.0
    """lambda, equation 7; 25 in the paper and for ImageNet."""
    tolerance: float = 0.01
    """Where the transport stops, see `bench.nn.clustering.transport.Stop`; 0.1 for ImageNet."""
    assignment: Literal["transport", "k-means"] = "transport"
    """How labels are made; "k-means" clusters the features, as DeepCluster does, and draws the head
    anew (table 8's "ours (K-means)")."""
    components: int = 0
    """For K-means: principal components of the features, whitened and of unit length, as in
    DeepCluster, which takes 256; 0: the features as they are."""
    relabellings: int = 400
    """M; 0 keeps the random labels of the start (table 1)."""
    schedule: Literal["linear", "quadratic"] = "linear"
    """When they take place; quadratic, early ones closer together, for ImageNet."""
    relabel: Literal["next", "all"] = "next"
    """The heads of a relabelling: one after the other, or all of them, as for ImageNet."""
    mode: Literal["train", "eval"] = "train"
    """The network's mode while labels are made; the released code leaves it in training mode."""
    views: int = 1
    """Random views of an image whose log-probabilities are averaged for its label (section 3.4);
    K-means takes one."""
    head_loss: Literal["mean", "sum"] = "mean"
    """Over heads; the paper writes the sum."""
    epochs: int = 400
    """Passes over the images."""
    milestones: tuple[int, ...] = (240, 320)
    """Epochs from which the learning rate is a tenth of what it was."""
    learning_rate: float = 0.03
    """Learning rate of SGD."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 5e-4
    """Of all weights and biases."""
    batch_size: int = 128
    """Images in a batch."""

    def __post_init__(self) -> None:
        if min(self.clusters, self.heads, self.epochs, self.views, self.batch_size) < 1:
            raise ValueError("clusters, heads, epochs, views and batch_size must be at least 1")
        if min(self.relabellings, self.components) < 0:
            raise ValueError(
                f"relabellings = {self.relabellings} and components = {self.components} must be "
                "at least 0"
            )
        completed(self.network)

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Train and relabel in turn; the first head's labels are the clusters."""
        n = len(task.target)
        if self.clusters > n:
            raise ValueError(f"clusters = {self.clusters} for {n} images: at most one each")
        crops = self.crops(task.target)
        options = {"channels": task.target.shape[3], "outputs": self.clusters * self.heads}
        architecture = completed(self.network, **options, views=asdict(crops))
        network = build(architecture, run.seed_for("init")).to(run.device).train()
        optimiser = torch.optim.SGD(
            network.parameters(), self.learning_rate, self.momentum, weight_decay=self.weight_decay
        )
        order, steps = run.generator("batches"), math.ceil(n / self.batch_size)
        labeller = PseudoLabels(self, network, task.target, crops, run)
        epochs = training.Epochs(
            run,
            self.epochs,
            network=network,
            optimiser=optimiser,
            order=order,
            crops=labeller.generator,
            labels=labeller.labels,
            done=labeller.done,
        )
        for epoch in epochs:
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            torch.manual_seed(run.seed_for(f"dropout {epoch}"))  # AlexNet's, whatever the device
            right, seen = 0.0, 0
            for step, rows in enumerate(training.batches(n, self.batch_size, order)):
                labeller.relabel_if_due((epoch * steps + step) * self.batch_size)
                if len(rows) == 1:
                    continue  # One image has no batch statistics.
                logits = network(labeller.view(rows))
                wanted, seen = labeller.labels[:, rows], seen + len(rows)
                epochs.step(optimiser, self.loss(logits, wanted))
                right += float(
                    (self._by_head(logits).argmax(dim=2) == wanted).float().mean(0).sum()
                )
            epochs.note(accuracy=right / max(seen, 1))
            if epochs.due(_SNAPSHOTS):
                run.snapshot(epoch + 1, labeller.labels[0].cpu().numpy())
        labels = labeller.labels
        return Prediction(
            assignments=labels[0].cpu().numpy(),
            classes={"heads": labels.T.cpu().numpy()},
            tensors=training.weights(network),
            architecture=architecture,
        )

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, equation 1, over all heads.

        Args:
            logits: (n, heads * clusters), head by head.
            labels: int64, (heads, n).
        """
        loss = functional.cross_entropy(self._by_head(logits).flatten(0, 1), labels.flatten())
        return loss * self.heads if self.head_loss == "sum" else loss

    def _by_head(self, logits: Tensor) -> Tensor:
        """(n, heads * clusters) -> (heads, n, clusters)."""
        return logits.view(len(logits), self.heads, self.clusters).transpose(0, 1)
