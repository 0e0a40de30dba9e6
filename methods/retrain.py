"""Networks trained anew on labels that stay as they are: SeLa's label transfer and upper bound.

Asano, Rupprecht, Vedaldi, "Self-labelling via simultaneous clustering and representation learning",
ICLR 2020, section 4.3 and table 5: labels that one network gave itself train another from scratch,
in 90 epochs. "+Rot" of tables 7 and 9 adds a head that tells how far an image is turned (Gidaris,
Singh, Komodakis, "Unsupervised representation learning by predicting image rotations", ICLR 2018).
`supervised-network` is the same training on the true labels, the papers' "Supervised".

    python -m bench run sela --methods label-transfer,supervised-network

Milestones of the 90 epochs are not printed: our reading keeps SeLa's, in proportion. The released
`retrain_with_rotnet.py` has a rate of 0.05, a tenth of it at 30, 60 and 80, decay 1e-5, batches of
64 and all four turns: the paper preset of `sela` has these. The quick preset takes 40 epochs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from bench.nn import training
from bench.nn.images.augment import PLAIN, Augmentation
from bench.nn.networks import build, completed
from bench.registry import method
from bench.tasks import Images, Method, Need, Prediction, RepresentTask, Run, TaskInfo

TURNS = 4
"""Outputs of the rotation head."""
_QUICK = {**PLAIN, "network": "convnet", "epochs": 40, "milestones": (24, 32)}
"""The quick preset."""
_NEUTRAL = {"turns": "random"}


@dataclass(frozen=True)
class _OnFixedLabels(Augmentation, Method):
    """What both methods share: parameters and the loop."""

    network: str = "alexnet"
    """The name or description of the network, as SeLa takes it."""
    rotation: bool = False
    """Whether a second head learns how far an image is turned ("+Rot")."""
    turns: Literal["random", "all"] = "random"
    """For "+Rot", each image is shown turned once more: by a random multiple of 90 degrees, or by
    all four, as in the released code."""
    epochs: int = 90
    """Passes over the images, as section 4.3 has them."""
    milestones: tuple[int, ...] = (54, 72)
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
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")
        completed(self.network)

    def _train(self, images: Images, labels: Tensor, run: Run) -> Prediction:
        """Train a fresh network on fixed labels, int64, (heads, N)."""
        (heads, n), clusters = labels.shape, int(labels.max()) + 1
        crops = self.crops(images)
        options = {"outputs": heads * clusters + TURNS * self.rotation, "views": asdict(crops)}
        architecture = completed(self.network, channels=images.shape[3], **options)
        network = build(architecture, run.seed_for("init")).to(run.device).train()
        optimiser = torch.optim.SGD(
            network.parameters(), self.learning_rate, self.momentum, weight_decay=self.weight_decay
        )
        order, augment = run.generator("batches"), run.generator("augment")
        epochs = training.Epochs(
            run, self.epochs, network=network, optimiser=optimiser, order=order, augment=augment
        )
        for epoch in epochs:
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            torch.manual_seed(run.seed_for(f"dropout {epoch}"))  # AlexNet's, whatever the device
            for rows in training.batches(n, self.batch_size, order):
                if len(rows) == 1:
                    continue  # One image has no batch statistics.
                x = self.view(images[rows.numpy()], crops, run.device, augment)
                logits = network(x)
                loss = _loss(logits[:, : heads * clusters], labels[:, rows], clusters)
                if self.rotation:
                    turned, turns = all_turns(x) if self.turns == "all" else turn(x, augment)
                    logits = network(turned)
                    loss = loss + functional.cross_entropy(logits[:, -TURNS:], turns)
                epochs.step(optimiser, loss)
        return Prediction(tensors=training.weights(network), architecture=architecture)


@method("label-transfer", kinds=("represent",), quick=_QUICK, neutral=_NEUTRAL)
@dataclass(frozen=True)
class LabelTransfer(_OnFixedLabels):
    """A fresh network trained on the labels of a finished SeLa."""

    source: str = ""
    """The network that made the labels, as SeLa's `network`; "" for the one that SeLa has."""
    clusters: int = 0
    """K of that SeLa; 0: as it is by itself."""
    heads: int = 0
    """Its T; 0: as it is by itself."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The SeLa cell of the same task and seed."""
        asked = {"network": self.source, "clusters": self.clusters, "heads": self.heads}
        return {"labels": Need("sela", {name: value for name, value in asked.items() if value})}

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Train on the labels of all heads."""
        labels = torch.from_numpy(run.needed("labels").classes["heads"]).T.contiguous()
        return self._train(task.target, labels.to(run.device), run)


@method(
    "supervised-network",
    kinds=("represent",),
    uses_target_labels=True,
    quick=_QUICK,
    neutral=_NEUTRAL,
)
@dataclass(frozen=True)
class SupervisedNetwork(_OnFixedLabels):
    """A network trained on the true labels: an upper bound."""

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Train on the target's labels."""
        if task.target_labels is None:
            raise ValueError(
                f"supervised-network needs the target's labels; {task.name} came without"
            )
        labels = torch.tensor(task.target_labels, device=run.device)[None]
        return self._train(task.target, labels, run)


def turn(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Turn each image by a random multiple of 90 degrees.

    Args:
        x: (N, channels, side, side).
        generator: On the CPU.

    Returns:
        The turned images, and by how many quarters each, int64, (N,), 0..3.
    """
    quarters = torch.randint(TURNS, (len(x),), generator=generator).to(x.device)
    turned = x.clone()
    for k in range(1, TURNS):
        rows = quarters == k
        turned[rows] = torch.rot90(x[rows], k, dims=(2, 3))
    return turned, quarters


def all_turns(x: Tensor) -> tuple[Tensor, Tensor]:
    """Every image turned by 0, 90, 180 and 270 degrees, (4 N, …), and by how many quarters."""
    turned = torch.cat([torch.rot90(x, k, dims=(2, 3)) for k in range(TURNS)])
    return turned, torch.arange(TURNS, device=x.device).repeat_interleave(len(x))


def _loss(logits: Tensor, labels: Tensor, clusters: int) -> Tensor:
    """Cross-entropy averaged over heads; logits (n, heads * clusters), labels (heads, n)."""
    each = logits.view(len(logits), -1, clusters).transpose(0, 1).flatten(0, 1)
    return functional.cross_entropy(each, labels.flatten())
