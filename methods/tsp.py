"""TSP: a linear head on frozen self-supervised features, agreeing with its neighbours.

Zhou and Zhang, "Deep clustering with features from self-supervised pretraining", 2022. The features
are those of a DINO network pretrained on a much larger set and come from a needed cell; the head
learns that near neighbours share a cluster while the clusters stay balanced (equations 4 and 5),
from K-means centres (appendix A).

    python -m bench run tsp --weights DIR

Readings: features as they are (the factor of appendix A makes sense for their norm alone; a
switch normalises them), Euclidean neighbours without the point itself, one neighbour drawn for each
image and step as SCAN does (a switch takes the expectation), biases from 0, no weight decay, no
augmentation. Both presets are alike but for the number of images: some seconds on 5,000 of them.
The seeds of a cell are trained together, see `bench.nn.clustering.heads`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from bench.declared import refuse_below
from bench.nn import training
from bench.nn.clustering.heads import UNIT, Heads, assign, from_centres, pad_columns
from bench.nn.clustering.kmeans import kmeans
from bench.nn.clustering.neighbours import nearest, probabilities
from bench.nn.clustering.unfit import refuse_outputs
from bench.nn.losses.agreement import floored, log_agreement, negative_entropy
from bench.registry import method
from bench.tasks import ClusterTask, Need, Prediction, Run, TaskInfo

from .features import OnFeatures

_SNAPSHOTS = 10
"""Assignments handed over while training, at least, where there are as many epochs."""


@method("tsp", kinds=("cluster",))
@dataclass(frozen=True)
class TSP(OnFeatures):
    """Neighbours share a cluster: a linear head on frozen features, from K-means."""

    neighbours: int = 20
    """K of equation 4; the paper finds 5 to 30 alike (table 2)."""
    weighting: Literal["distance", "uniform"] = "distance"
    """P(j | i): equation 4, or alike for all K neighbours as in SCAN."""
    expectation: Literal["sampled", "exact"] = "sampled"
    """Expectation of equation 5 over neighbours: one drawn for each image, or the sum of all K."""
    entropy_weight: float = 3.0
    """lambda of equation 5."""
    initial: Literal["k-means", "random"] = "k-means"
    """Rows of the head: normalised centres (appendix A), or torch's default."""
    n_init: int = 1
    """Restarts of that K-means; not stated. The deviation of K-means itself in table 1, up to 9
    points, speaks for single starts."""
    epochs: int = 100
    """Passes over the features."""
    batch_size: int = 256
    """Images in a batch, each with its neighbours."""
    learning_rate: float = 1e-4
    """Learning rate of Adam."""

    def __post_init__(self) -> None:
        if min(self.neighbours, self.epochs, self.batch_size, self.n_init) < 1:
            raise ValueError("neighbours, epochs, batch_size and n_init must be at least 1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Train one head; raises ValueError for fewer images than neighbours + 1."""
        (result,) = self.fit_many(task, [run])
        if isinstance(result, Exception):
            raise result
        return result

    def fit_many(self, task: ClusterTask, runs: Sequence[Run]) -> list[Prediction | Exception]:
        """Train a head for each run, all of them at once; each as `fit` would alone.

        Returns:
            By run its prediction, with the head's "weight" (K, D) and "bias" (K,), or what stopped
            it: a loss that is not finite.
        """
        features = self.features(runs[0])
        # Sigma is that of the third neighbour, even where fewer are drawn.
        near = nearest(features, max(self.neighbours, 3))
        chance = probabilities(near.distances, self.neighbours)
        if self.weighting == "uniform":
            chance = torch.full_like(chance, 1 / self.neighbours)
        data = _Data(features, near.indices[:, : self.neighbours], chance)
        states = [run.resume() or {"epoch": 0} for run in runs]
        results: dict[int, Prediction | Exception] = {}
        # A stop between two seeds' checkpoints leaves them at different epochs.
        places = sorted(range(len(runs)), key=lambda i: states[i]["epoch"])
        for _, some in groupby(places, key=lambda i: states[i]["epoch"]):
            group = list(some)
            members = [_Member(self, runs[i], states[i]) for i in group]
            self._train(data, task.n_clusters, members)
            results |= {i: member.result for i, member in zip(group, members, strict=True)}
        return [results[i] for i in range(len(runs))]

    def _train(self, data: _Data, clusters: int, members: list[_Member]) -> None:
        """Train the heads of some runs that stand at the same epoch, and leave their results."""
        starts = [self._start(data.features, clusters, member) for member in members]
        weight, bias = (torch.stack(part) for part in zip(*starts, strict=True))
        heads = Heads(weight, bias, self.learning_rate)
        n, first = len(data.features), members[0].state["epoch"]
        if first:
            heads.restore([member.state["head"] for member in members])
        for epoch in range(first, self.epochs):
            drawn = [member.draw(data) for member in members]
            rows, weights = (torch.stack(part) for part in zip(*drawn, strict=True))
            total = torch.zeros(len(members), device=data.features.device)
            for start in range(0, n, self.batch_size):
                batch = slice(start, min(start + self.batch_size, n))
                total += self._step(heads, data.features, rows[..., batch], weights[..., batch])
            for i, (member, loss) in enumerate(zip(members, (total / n).tolist(), strict=True)):
                member.ended(epoch + 1, loss, heads, i, data.features)
            if all(member.failed for member in members):
                break
        for i, member in enumerate(members):
            member.finish(heads, i, data.features)

    def _start(self, features: Tensor, clusters: int, member: _Member) -> tuple[Tensor, Tensor]:
        """The first weights (K, D) and biases (K,) of a head."""
        width, run = features.shape[1], member.run
        weight, bias = features.new_zeros(clusters, width), features.new_zeros(clusters)
        if member.state["epoch"]:  # which a checkpoint replaces
            return weight, bias
        if self.initial == "random":
            drawn = torch.rand(clusters, width + 1, generator=run.generator("init"))
            drawn = ((2 * drawn - 1) / width**0.5).to(features.device)
            return drawn[:, :width], drawn[:, width]
        seed = run.seed_for("init")
        found = from_centres(features.cpu().numpy(), clusters, seed, self.n_init)
        return found.to(weight), bias

    def _step(self, heads: Heads, features: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        """One step on a batch of each head; its loss times the number of images, (S,)."""
        count = rows.shape[-1]
        rows, weights = pad_columns(rows), pad_columns(weights / count)
        share = torch.full((count,), 1 / count, device=features.device)
        shape = (len(heads), -1, *rows.shape[1:])

        def loss(logits: Tensor) -> Tensor:
            return self.loss(logits.view(shape), weights, pad_columns(share))

        return heads.step(features, rows.flatten(1), loss) * count

    def loss(self, logits: Tensor, weights: Tensor, share: Tensor) -> Tensor:
        """Equation 5 of each head.

        Args:
            logits: (S, K, 1 + j, n): of n images, and of j neighbours of each.
            weights: (S, j, n): how much each neighbour counts; they sum to 1 over all of a head.
            share: (n,): how much each image counts for the balance; they sum to 1.

        Returns:
            (S,).
        """
        p, q = torch.split(logits.softmax(dim=1), [1, logits.shape[2] - 1], dim=2)
        consistency = -(log_agreement(p, q) * weights).flatten(1).sum(dim=1)
        mean = floored((p * share).sum(dim=(2, 3)))
        # Ones behind, whose logarithm is 0: see `bench.nn.clustering.heads` on lengths.
        mean = functional.pad(mean, (0, -mean.shape[1] % UNIT), value=1.0)
        return consistency + self.entropy_weight * negative_entropy(mean)


@dataclass
class _Data:
    """What all runs share."""

    features: Tensor
    neighbours: Tensor
    """int64, (N, k)."""
    chance: Tensor
    """float64, (N, k): P(j | i)."""

    def __post_init__(self) -> None:
        self.below = self.chance.cumsum(dim=1)[:, :-1]


class _Member:
    """One run among those that are trained together."""

    def __init__(self, method: TSP, run: Run, state: dict[str, Any]) -> None:
        self.method, self.run, self.state = method, run, state
        self.order, self.draws = run.generator("batches"), run.generator("neighbours")
        if "order" in state:
            self.order.set_state(state["order"])
            self.draws.set_state(state["draws"])
        self.result: Prediction | Exception
        self.failed = False

    def draw(self, data: _Data) -> tuple[Tensor, Tensor]:
        """An epoch: all images in random order, each with its neighbours and their weights.

        Returns:
            int64, (1 + j, N), images and below them neighbours; float32, (j, N).
        """
        n, device = len(data.features), data.features.device
        order = torch.randperm(n, generator=self.order).to(device)
        if self.method.expectation == "exact":
            weights = data.chance[order].T.float()
            return torch.cat([order[None], data.neighbours[order].T]), weights
        drawn = torch.rand(n, 1, generator=self.draws, dtype=torch.float64).to(device)
        place = (data.below < drawn).sum(dim=1, keepdim=True)
        chosen = data.neighbours.gather(1, place)[order, 0]
        return torch.stack([order, chosen]), torch.ones(1, n, device=device)

    def ended(self, epoch: int, loss: float, heads: Heads, head: int, features: Tensor) -> None:
        """Tell the harness of an epoch; what it refuses stops this run and no other."""
        if self.failed:
            return
        try:
            self.run.log(epoch, loss=loss)
        except Exception as error:
            self.result, self.failed = error, True
            return
        self.run.progress(epoch, self.method.epochs)
        if training.ends_share(epoch, self.method.epochs, _SNAPSHOTS):
            self.run.snapshot(epoch, heads.assign(head, features).cpu().numpy())
        generators = {"order": self.order.get_state(), "draws": self.draws.get_state()}
        self.run.checkpoint({"epoch": epoch, "head": heads.state(head), **generators})

    def finish(self, heads: Heads, head: int, features: Tensor) -> None:
        """The prediction of a run that was not stopped."""
        if not self.failed:
            self.result = _prediction(heads.weight[head], heads.bias[head], features)


@method("scan", kinds=("cluster",))
@dataclass(frozen=True)
class SCAN(TSP):
    """SCAN's loss (Van Gansbeke et al. 2020) on the same features: uniform neighbours."""

    weighting: Literal["distance", "uniform"] = "uniform"
    entropy_weight: float = 5.0


@method("tsp-kmeans", kinds=("cluster",))
@dataclass(frozen=True)
class TSPKMeans(OnFeatures):
    """K-means on the same features (table 1, "TSP K-means")."""

    n_init: int = 1
    """Restarts, of which the lowest inertia wins; see `TSP.n_init`."""

    def __post_init__(self) -> None:
        refuse_below(1, self, "n_init")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """The nearest centre of each image, as a linear head."""
        features = self.features(run)
        seed = run.seed_for("init")
        _, found = kmeans(features.cpu().numpy(), task.n_clusters, seed, n_init=self.n_init)
        centres = torch.from_numpy(found).to(features)
        return _prediction(centres, -centres.square().sum(dim=1) / 2, features)


@method("tsp-test", kinds=("cluster",))
@dataclass(frozen=True)
class TSPTest(OnFeatures):
    """A head that was trained on another task's images, such as the train split, applied."""

    trained: Literal["tsp", "scan", "tsp-kmeans"] = "tsp"
    """The method whose head it is, with the two below as its parameters, unless it is K-means."""
    neighbours: int = 20
    """See `TSP.neighbours`."""
    initial: Literal["k-means", "random"] = "k-means"
    """See `TSP.initial`."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The head, of the same seed, and the features of this task's images."""
        if "trained" not in task.related:
            raise ValueError(f"{task.name} names no task that a head is trained on")
        names = {f.name for f in fields(TSPKMeans if self.trained == "tsp-kmeans" else TSP)}
        params = {f.name: getattr(self, f.name) for f in fields(self) if f.name in names}
        head = Need(self.trained, params, task=task.related["trained"])
        return {**super().needs(task), "head": head}

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Each image's cluster is the head's largest output."""
        head = run.needed("head").tensors
        refuse_outputs(len(head["bias"]), task.n_clusters, f"{task.name}: the head")
        features = self.features(run)
        return _prediction(head["weight"].to(features), head["bias"].to(features), features)


def _prediction(weight: Tensor, bias: Tensor, features: Tensor) -> Prediction:
    """The clusters of a linear head, which goes with them."""
    tensors = {"weight": weight.cpu().clone(), "bias": bias.cpu().clone()}
    return Prediction(assignments=assign(weight, bias, features).cpu().numpy(), tensors=tensors)
