"""Constrained clustering networks: KCL, which CCN's tables call CCN, and MCL.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 5.1: Omniglot ACC 82.4 with K known and 78.1 with K = 100, the mean of 20 alphabets
(table 1). MCL is from "Multi-class classification without multi-class labels", ICLR 2019; the
authors' released code reports 85.7 and 82.5 for it, and 82.4 and 75.0 for KCL.

    python -m bench run ccn

A transferred similarity network labels the pairs of every batch, and the clustering network
learns to agree with it. Adam at 1e-3 for 150 epochs with a tenth at 100, batches of 100 and the
labelling network's training mode are of the released code. The quick preset has half the channels
and 40 epochs, whose larger and later decaying learning rate makes up for part of the missing steps
(chosen on two alphabets): 25 to 60 s for an alphabet on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench.nn import pairs, training, transferred
from bench.nn.features import extract
from bench.nn.images import to_tensor
from bench.nn.similarity import vggs
from bench.registry import method
from bench.tasks import ClusterTask, Need, Prediction, Run, TaskInfo

_IMAGES = 200
"""Whole images at a time, when clusters are assigned."""
_SNAPSHOTS = 8
"""Points of the curve over training."""
_QUICK = {
    "widths": (32, 64, 128, 128),
    "epochs": 40,
    "milestones": (34,),
    "learning_rate": 3e-3,
}


@dataclass(frozen=True)
class PairClustering:
    """A network trained on pair labels that a transferred similarity network gives."""

    widths: tuple[int, ...] = (64, 128, 256, 256)
    """Channels of the blocks, each of which halves height and width."""
    hidden: int = 512
    """Units of the layer before the one of K outputs."""
    similarity_mode: Literal["train", "eval"] = "train"
    """Batch-norm of the labelling network: statistics of the batch, as in the released code, or
    those of its own training, as in the forerunner of 2016."""
    batch_size: int = 100
    epochs: int = 150
    milestones: tuple[int, ...] = (100,)
    """Epochs from which the learning rate is a tenth of what it was."""
    learning_rate: float = 1e-3
    """Of Adam."""

    def __post_init__(self) -> None:
        if min(self.batch_size - 1, self.epochs, self.hidden, *self.widths) < 1:
            raise ValueError("batch_size must be at least 2; epochs, hidden and widths at least 1")

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The similarity network, one for all tasks with the same auxiliary set."""
        if "similarity" not in task.related:
            raise ValueError(f"{task.name} names no similarity task to transfer from")
        return {"similarity": Need("similarity", task=task.related["similarity"])}

    def loss(self, p: Tensor, similar: Tensor) -> Tensor:
        """A scalar, of probabilities (n, K) and pair labels, bool (n, n)."""
        raise NotImplementedError

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Train on crops of the target; a whole image's cluster is its largest output."""
        needed = run.needed("similarity")
        labeller, views = transferred.load(needed.architecture, needed.tensors)
        self._refuse_unfit(task, views.size)
        labeller.to(run.device).train(self.similarity_mode == "train")
        network = self._network(task, views.size, run.seed_for("init")).to(run.device)
        optimiser = torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        order, crops = run.generator("batches"), run.generator("augment")
        parts = {"network": network, "optimiser": optimiser, "order": order, "crops": crops}
        state = run.resume()
        if state:
            training.unpack(state, **parts)

        def outputs(x: Tensor) -> Tensor:
            with training.autocast(run.device, run.dtype):
                return network(x).float()

        def clusters() -> Any:
            logits = extract(network, task.target, _IMAGES, of=lambda x: outputs(views.clean(x)))
            return logits.argmax(dim=1).numpy()

        for epoch in range(state["epoch"] if state else 0, self.epochs):
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            losses = []
            for rows in training.batches(len(task.target), self.batch_size, order):
                if len(rows) == 1:
                    continue  # A last image on its own makes no pair, and has no batch statistics.
                x = views.augmented(to_tensor(task.target[rows.numpy()], run.device), crops)
                with training.autocast(run.device, run.dtype):
                    similar = transferred.label(labeller, x)
                loss = self.loss(outputs(x).softmax(dim=1), similar)
                losses.append(training.step(optimiser, loss))
            run.log(epoch + 1, loss=sum(losses) / max(len(losses), 1))
            run.progress(epoch + 1, self.epochs)
            if (epoch + 1) % max(self.epochs // _SNAPSHOTS, 1) == 0:
                run.snapshot(epoch + 1, clusters())
            run.checkpoint({"epoch": epoch + 1, **training.pack(**parts)})
        return Prediction(assignments=clusters())

    def _network(self, task: ClusterTask, size: int, seed: int) -> nn.Sequential:
        """Trunk, hidden layer and K outputs, with fresh weights."""
        channels, features = task.target.shape[3], self.widths[-1] * (size >> len(self.widths)) ** 2
        with transferred.seeded(seed):
            return nn.Sequential(
                vggs(channels, self.widths),
                nn.Linear(features, self.hidden),
                nn.BatchNorm1d(self.hidden),
                nn.ReLU(),
                nn.Linear(self.hidden, task.n_clusters),
            )

    def _refuse_unfit(self, task: ClusterTask, size: int) -> None:
        """Raise a ValueError for what would fail later with another's words."""
        n, k = len(task.target), task.n_clusters
        if not 1 <= k <= n:
            raise ValueError(f"{task.name}: n_clusters = {k} for {n} images: must lie in 1..{n}")
        if size < 2 ** len(self.widths):
            raise ValueError(f"{len(self.widths)} widths halve {size} pixels to none: give fewer")


@method("ccn", kinds=("cluster",), quick=_QUICK)
@method("kcl", kinds=("cluster",), quick=_QUICK)
@dataclass(frozen=True)
class KCL(PairClustering):
    """Clustering by the KL-divergence based contrastive loss, which CCN's tables call CCN."""

    margin: float = 2.0
    """What a dissimilar pair's divergence must reach, in nats."""

    def loss(self, p: Tensor, similar: Tensor) -> Tensor:
        """CCN, equation 5, over the mean of the n² ordered pairs."""
        return pairs.kcl(p, similar, margin=self.margin)


@method("mcl", kinds=("cluster",), quick=_QUICK)
@dataclass(frozen=True)
class MCL(PairClustering):
    """Clustering by the meta classification likelihood."""

    def loss(self, p: Tensor, similar: Tensor) -> Tensor:
        """The mean over the n² ordered pairs."""
        return pairs.mcl(p, similar)
