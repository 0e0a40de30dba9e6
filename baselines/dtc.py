"""DTC: deep transfer clustering, in its four modes.

Han, Vedaldi, Zisserman, "Learning to discover novel visual categories via deep transfer
clustering", ICCV 2019; SUPREME's table 1 quotes it (CIFAR-10, classes 5-9 from 0-4: ACC .875), and
what stands there as DEC are, by our reading, numbers of its mode without consistency.

    python -m bench run supreme --methods dtc

Features of a network pretrained on the source are reduced to K dimensions; K-means there gives
centres, and Student's t soft assignments with their sharpened target. A new linear layer to K
dimensions is fitted to that target; then network and centres are trained to sharpen further, with
targets refreshed every few epochs. Consistency: of two views of an image ("PI"), with the running
mean of its assignments ("TE"), which may make the targets instead ("TEP"). Defaults are those of
the released code for CIFAR-10; `recipe` = "dtc" takes those of its script for the data at hand. The
quick preset has 20 epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional

from bench.declared import of_data, refuse_below, refuse_overridden
from bench.nn import networks, training
from bench.nn.clustering.kmeans import kmeans
from bench.nn.clustering.unfit import refuse_number
from bench.nn.images.tensors import flip, to_tensor, translate
from bench.nn.losses.student import (
    SoftClusters,
    kl_divergence,
    soft_assignment,
    target_distribution,
)
from bench.nn.networks.base import Network
from bench.nn.networks.features import extract
from bench.registry import method
from bench.tasks import ClusterTask, Method, Need, Prediction, Run, TaskInfo

_IMAGES = 500
"""Whole images at a time."""
_SNAPSHOTS = 10
"""Points of the curve over training, at least."""
RECIPES: dict[str, dict[str, Any]] = {
    "cifar10": {},
    "cifar100": {
        "warmup_epochs": 30,
        "milestones": (20, 40, 60, 80),
        "weight_decay": 1e-5,
        "refresh": 10,
    },
    "svhn": {"learning_rate": 0.001, "weight_decay": 0.0, "epochs": 60},
}
"""Data set -> what DTC's script for it has, where that is not the default here. ImageNet's values
stand in supreme-imagenet.toml, since its quick preset keeps some of them and not others."""


@method(
    "dtc",
    kinds=("cluster",),
    neutral={"recipe": "own"},
    quick={"warmup_epochs": 5, "epochs": 20},
)
@dataclass(frozen=True)
class DTC(Method):
    """Transfer clustering by sharpened assignments with consistency."""

    recipe: Literal["own", "dtc"] = "own"
    """"own": as the other parameters say; "dtc": `RECIPES` overrides them where it knows the data.
    Mode and flips are the row's."""
    mode: Literal["baseline", "PI", "TE", "TEP"] = "PI"
    """The consistency, or none of it; see above."""
    alpha: float = 1.0
    """Degrees of freedom of Student's t."""
    n_init: int = 20
    """Restarts of K-means."""
    warmup_epochs: int = 10
    """Epochs that fit the new layer to the first target."""
    warmup_learning_rate: float = 0.1
    """Their learning rate."""
    epochs: int = 100
    """Epochs after them."""
    learning_rate: float = 0.05
    """Learning rate of SGD."""
    milestones: tuple[int, ...] = ()
    """Epochs from which the learning rate is half of what it was."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 1e-4
    """Of all weights and biases."""
    batch_size: int = 128
    """Images in a batch."""
    refresh: int = 5
    """Epochs between two targets, the first after epoch 0."""
    consistency: float = 10.0
    """Weight of the consistency at its height."""
    rampup: int = 5
    """Epochs until it is reached."""
    ensemble: float = 0.6
    """Weight of the past in the running mean of TE and TEP."""
    shift: float = 0.125
    """Largest random translation as a fraction of the image's side: 4 pixels of 32."""
    mirror: bool = False
    """Random flips from left to right: for objects, not for digits."""
    pretrain_seed: int | None = None
    """Seed of the pretrained network; None: one for each seed. The paper's ten runs share one."""

    def __post_init__(self) -> None:
        refuse_below(2, self, "batch_size")
        refuse_below(1, self, "epochs", "refresh", "n_init")
        refuse_below(0, self, "warmup_epochs")
        if self.recipe == "dtc":
            refuse_overridden(self, RECIPES)

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The network pretrained on the source."""
        if not task.has_source:
            raise ValueError(f"dtc transfers from labelled classes, and {task.name} has none")
        return {"network": Need("pretrain", seed=self.pretrain_seed)}

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Initialise, warm up, sharpen; a cluster is the largest soft assignment."""
        return self.by_recipe(task.name)._fit(task, run)

    def by_recipe(self, task: str) -> DTC:
        """The parameters for a task of this name, as the recipe has them."""
        return replace(self, recipe="own", **self.decided(task))

    def decided(self, task: str) -> dict[str, Any]:
        """What DTC's script has for a task's data, where it is not the default."""
        return of_data(RECIPES, task) if self.recipe == "dtc" else {}

    def _fit(self, task: ClusterTask, run: Run) -> Prediction:
        self._refuse_unfit(task)
        needed = run.needed("network")
        network = networks.load(needed.architecture, needed.tensors).to(run.device)
        features = extract(network, task.target, _IMAGES)
        centres, target = self._initial(features, task, run)
        with networks.seeded(run.seed_for("init")):
            layer = nn.Linear(features.shape[1], task.n_clusters)
        model = Assigner(network, layer, SoftClusters(centres, self.alpha)).to(run.device).train()
        order, views = run.generator("batches"), run.generator("augment")
        sharpening = Sharpening(self, model, target.to(run.device))
        total = self.warmup_epochs + self.epochs
        epochs = training.Epochs(
            run,
            total,
            model=model,
            optimiser=sharpening.optimiser,
            target=sharpening.target,
            mean=sharpening.mean,
            ensemble=sharpening.ensemble,
            order=order,
            views=views,
        )

        def inputs(rows: Tensor) -> Tensor:
            return self._view(to_tensor(task.target[rows.numpy()], run.device), views)

        def everyone() -> Tensor:
            return extract(model, task.target, _IMAGES, of=model).to(run.device)

        for epoch in epochs:
            rows = training.batches(len(task.target), self.batch_size, order)
            pairs = (r for r in rows if len(r) > 1)  # One image has no batch statistics.
            losses = sharpening.run_epoch(epoch, pairs, inputs, everyone)
            for loss in losses:
                epochs.add(loss)
            due = training.ends_share(epoch + 1, self.epochs, _SNAPSHOTS)
            if due and epoch + 1 > self.warmup_epochs:
                run.snapshot(epoch + 1, everyone().argmax(dim=1).cpu().numpy())
        return Prediction(assignments=everyone().argmax(dim=1).cpu().numpy())

    def _initial(self, features: Tensor, task: ClusterTask, run: Run) -> tuple[Tensor, Tensor]:
        """Centres (K, K) of K-means after PCA to K dimensions, and the first target (N, K)."""
        k = task.n_clusters
        if features.shape[1] < k:
            raise ValueError(f"{features.shape[1]} features are too few for {k} components")
        reduced = PCA(k, random_state=0, svd_solver="full").fit_transform(features.double().numpy())
        _, centres = kmeans(reduced, k, run.seed_for("init"), n_init=self.n_init)
        points, means = torch.from_numpy(reduced), torch.from_numpy(centres)
        q = soft_assignment(points, means, self.alpha)
        return means.float(), target_distribution(q).float()

    def _view(self, x: Tensor, views: torch.Generator) -> Tensor:
        """A random translation with reflection, and flips where they are wanted."""
        x = translate(x, round(self.shift * min(x.shape[2:])), views, fill="reflect")
        return flip(x, views) if self.mirror else x

    def _refuse_unfit(self, task: ClusterTask) -> None:
        """Raise a ValueError for what would fail later with another's words."""
        k = task.n_clusters
        refuse_number(k, len(task.target), f"images of {task.name}", least=2)
        if self.batch_size < k:
            raise ValueError(f"batch_size = {self.batch_size} is smaller than the {k} clusters")


class Assigner(nn.Module):
    """Images -> features -> K dimensions -> soft assignment to trained centres, (n, K)."""

    def __init__(self, network: Network, layer: nn.Module, clusters: SoftClusters) -> None:
        super().__init__()
        self.network, self.layer, self.clusters = network, layer, clusters

    def forward(self, x: Tensor) -> Tensor:
        """Soft assignments."""
        out: Tensor = self.clusters(self.layer(self.network.features(x)))
        return out


class Sharpening:
    """The loop: what lasts from epoch to epoch, and one epoch at a time.

    Epochs are counted through, warm-up first; each stage starts the optimiser afresh. Tensors are
    changed in place, as checkpoints want it.
    """

    def __init__(self, how: DTC, model: nn.Module, target: Tensor) -> None:
        self.how, self.model, self.target = how, model, target.clone()
        self.mean, self.ensemble = torch.zeros_like(target), torch.zeros_like(target)
        rate = how.warmup_learning_rate if how.warmup_epochs else how.learning_rate
        self.optimiser = torch.optim.SGD(
            model.parameters(), rate, how.momentum, weight_decay=how.weight_decay
        )

    def run_epoch(
        self,
        epoch: int,
        batches: Iterable[Tensor],
        inputs: Callable[[Tensor], Tensor],
        everyone: Callable[[], Tensor],
    ) -> list[float]:
        """One pass over the target.

        Args:
            epoch: Its number, from 0, warm-up included.
            batches: Rows, int64 (n,), n >= 2.
            inputs: From rows to a random view of them; asked twice for PI.
            everyone: Soft assignments of all whole images, (N, K), in evaluation mode.

        Returns:
            The loss of each batch, before its step.
        """
        main = epoch - self.how.warmup_epochs
        rate = training.step_decay(self.how.learning_rate, main, self.how.milestones, factor=0.5)
        if main >= 0:
            training.set_learning_rate(self.optimiser, rate)
        seen = torch.full_like(self.target, math.nan)
        losses = []
        for rows in batches:
            at = rows.to(self.target.device)
            q = self.model(inputs(rows))
            loss = kl_divergence(self.target[at], q, mean_over="elements")
            if main >= 0:
                loss = loss + self._consistency(q, at, partial(inputs, rows), main)
            losses.append(training.step(self.optimiser, loss))
            seen[at] = q.detach()
        if main == -1:
            self.target.copy_(target_distribution(everyone()))
            self.optimiser.state.clear()  # no momentum of the warm-up
        elif main >= 0:
            self._refresh(main, seen, everyone)
        return [float(loss) for loss in losses]

    def _consistency(
        self, q: Tensor, at: Tensor, again: Callable[[], Tensor], epoch: int
    ) -> Tensor | float:
        """The weighted mean square between two assignments of the same images."""
        if self.how.mode not in ("PI", "TE"):
            return 0.0
        other = self.model(again()) if self.how.mode == "PI" else self.ensemble[at]
        weight = self.how.consistency * rampup(epoch, self.how.rampup)
        return weight * functional.mse_loss(q, other)

    def _refresh(self, epoch: int, seen: Tensor, everyone: Callable[[], Tensor]) -> None:
        """Running means after each epoch, a new target after every few."""
        due, mode, keep = epoch % self.how.refresh == 0, self.how.mode, self.how.ensemble
        q = everyone() if due or mode == "TEP" else self.ensemble
        if mode in ("TE", "TEP"):
            # An image alone in the last batch was left out of it, and would pull its mean to 0.
            new = q if mode == "TEP" else torch.where(seen.isnan(), q, seen)
            self.mean.copy_(keep * self.mean + (1.0 - keep) * new)
            self.ensemble.copy_(self.mean / (1.0 - keep ** (epoch + 1)))
        if due:
            self.target.copy_(target_distribution(self.ensemble if mode == "TEP" else q))


def rampup(epoch: int, length: int) -> float:
    """A weight that rises from exp(-5) to 1 over `length` epochs; 1 where that is 0."""
    return math.exp(-5.0 * (1.0 - min(epoch, length) / length) ** 2) if length else 1.0
