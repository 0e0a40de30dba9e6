"""How many clusters? DTC's estimate from classes that are known.

Han, Vedaldi, Zisserman, "Learning to discover novel visual categories via deep transfer
clustering", ICCV 2019, its section on an unknown number of classes, as we read it. Images of known
classes ("probes") join the target: some keep their labels ("anchors"), those of the others are
compared afterwards ("validation"). For each candidate K all are clustered together, anchors fixed.
The estimate is the mean of two K: that whose clusters agree best with the validation classes, and
that whose target clusters have the best silhouette, to which equal accuracies are resolved.

    python -m bench run supreme --methods estimate-k

The declared number of clusters is the largest candidate: declare it too large and read the estimate
off NDC. The target is clustered by K-means into as many clusters as were estimated, and NDC counts
those of at least N / declared images. Two differences from the paper: its network was not
trained on the probes, ours was ("source" features cluster them more tightly than new classes), and
its last step, which drops clusters far smaller than the largest, is left to NDC. Probe classes
should be about as large as the target's: smaller ones are merged before the target's are
separated. The quick preset has fewer restarts and probe images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import silhouette_score

from bench.nn.clustering.distances import squared_distances
from bench.nn.clustering.kmeans import kmeans
from bench.nn.images.flat import flattened
from bench.registry import method
from bench.tasks import ClusterTask, Images, Ints, Labelled, Method, Need, Prediction, Run, TaskInfo

from .points import seen_by_network

Points = npt.NDArray[np.floating]

_SILHOUETTE = 2000
"""Target images at most that the silhouette looks at: its cost is their square."""


@method("estimate-k", kinds=("cluster",), quick={"n_init": 3, "per_class": 400})
@dataclass(frozen=True)
class EstimateK(Method):
    """K-means with the number of clusters that probe classes suggest."""

    features: Literal["pixels", "source"] = "source"
    """As for `kmeans`: pixels in 0..1, or the penultimate layer of the network of the source."""
    anchors: float = 0.5
    """Share of the source classes that keep their labels, at least one; the others validate."""
    per_class: int | None = None
    """Probe images of a source class at most; None: all."""
    n_init: int = 10
    """Restarts of each clustering, of which the lowest inertia wins."""
    max_iter: int = 100
    """Iterations of a restart with probes at most; the final K-means has its own 300."""
    pretrain_seed: int | None = None
    """Seed of the pretrained network; None: one for each seed."""

    def __post_init__(self) -> None:
        if not 0.0 < self.anchors < 1.0:
            raise ValueError(f"anchors = {self.anchors} is no share of the classes in 0..1")
        if min(self.n_init, self.max_iter, self.per_class or 1) < 1:
            raise ValueError("per_class, n_init and max_iter must be at least 1")

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The network pretrained on the source, where its features are wanted."""
        if not task.has_source:
            raise ValueError(f"estimate-k needs labelled probe classes, and {task.name} has none")
        if self.features == "pixels":
            return {}
        return {"network": Need("pretrain", seed=self.pretrain_seed)}

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Estimate K, then cluster the target; a single stage, so a resumed cell starts over."""
        if task.source is None or task.source.n_classes < 3:
            raise ValueError(f"{task.name}: three labelled classes or more are needed as probes")
        if not 2 <= task.n_clusters < len(task.target):
            raise ValueError(
                f"{task.name}: n_clusters = {task.n_clusters} for {len(task.target)} images: the "
                f"largest candidate must lie in 2..{len(task.target) - 1}"
            )
        images, labels = self._probes(task.source, run)
        points = flattened if self.features == "pixels" else seen_by_network(run)
        probes, target = points(images), points(task.target)
        k = self._estimate(probes, labels, target, task.n_clusters, run)
        found, _ = kmeans(target, k, run.seed_for("init"), n_init=self.n_init)
        return Prediction(assignments=found)

    def _estimate(self, probes: Points, labels: Ints, target: Points, most: int, run: Run) -> int:
        """The mean of the two best of the candidates 2..most, rounded half up."""
        n_classes = int(labels.max()) + 1
        n_anchors = min(max(round(self.anchors * n_classes), 1), n_classes - 1)
        points = np.concatenate([probes, target])
        known = np.concatenate([np.where(labels < n_anchors, labels, -1), np.full(len(target), -1)])
        validation, draw = labels >= n_anchors, run.rng("init")
        accuracy, silhouette = [], []
        for k in range(2, most + 1):
            clusters = anchored_kmeans(
                points, known, n_classes + k, draw, n_init=self.n_init, max_iter=self.max_iter
            )
            accuracy.append(matched(labels[validation], clusters[: len(labels)][validation]))
            silhouette.append(_silhouette(target, clusters[len(labels) :]))
            run.log(k, accuracy=accuracy[-1], silhouette=silhouette[-1])
            run.progress(k - 1, most - 1)
        by_silhouette = 2 + int(np.argmax(silhouette))
        # Well separated probes are found at several K alike.
        best = 2 + np.flatnonzero(np.array(accuracy) == max(accuracy))
        by_accuracy = int(best[np.abs(best - by_silhouette).argmin()])
        return (by_accuracy + by_silhouette + 1) // 2

    def _probes(self, source: Labelled, run: Run) -> tuple[Images, Ints]:
        """Images of the source classes, at random, renumbered in random order of the classes."""
        draw = run.rng("split")
        rows, labels = [], []
        for number, c in enumerate(draw.permutation(source.n_classes)):
            mine = draw.permutation(np.flatnonzero(source.labels == c))[: self.per_class]
            rows.append(mine)
            labels.append(np.full(len(mine), number))
        return source.images[np.concatenate(rows)], np.concatenate(labels)


def anchored_kmeans(
    points: Points,
    known: Ints,
    n_clusters: int,
    draw: np.random.Generator,
    *,
    n_init: int,
    max_iter: int,
) -> Ints:
    """K-means in which some points keep the cluster that they are given.

    Their means are the first centres; the others are drawn as in k-means++, far from those at
    hand. The lowest inertia of all restarts wins.

    Args:
        points: (N, D).
        known: Integers, (N,): 0..A-1 for points that are fixed, each number used; -1 for others.
        n_clusters: A or more in all.
        draw: What the starts are drawn from.
        n_init: Restarts.
        max_iter: Iterations of one restart at most.

    Returns:
        Clusters, int64, (N,), in 0..n_clusters-1; `known` where that is no -1.
    """
    n_anchors = int(known.max()) + 1
    means = np.stack([points[known == a].mean(axis=0) for a in range(n_anchors)])
    best, lowest = known, np.inf
    for _ in range(n_init):
        centres, clusters = _start(points, known, means, n_clusters, draw), None
        for _ in range(max_iter):
            distances = squared_distances(points, centres)
            moved = np.where(known >= 0, known, distances.argmin(axis=1))
            if clusters is not None and np.array_equal(moved, clusters):
                break
            clusters = moved
            for c in np.unique(clusters):
                centres[c] = points[clusters == c].mean(axis=0)
        inertia = squared_distances(points, centres)[np.arange(len(points)), moved].sum()
        if inertia < lowest:
            best, lowest = moved, inertia
    return best.astype(np.int64)


def _start(
    points: Points, known: Ints, means: Points, n_clusters: int, draw: np.random.Generator
) -> Points:
    """The anchors' means and further points, each drawn by its squared distance to the rest."""
    centres = np.empty((n_clusters, points.shape[1]), points.dtype)
    centres[: len(means)] = means
    nearest = np.where(known >= 0, 0.0, squared_distances(points, means).min(axis=1))
    for c in range(len(means), n_clusters):
        total = nearest.sum()
        chosen = draw.choice(len(points), p=nearest / total if total > 0 else None)
        centres[c] = points[chosen]
        nearest = np.minimum(nearest, squared_distances(points, centres[c : c + 1])[:, 0])
    return centres


def matched(labels: Ints, clusters: Ints) -> float:
    """The share of points in the cluster that a one-to-one match gives their class, in 0..1."""
    table = np.zeros((int(labels.max()) + 1, int(clusters.max()) + 1), np.int64)
    np.add.at(table, (labels, clusters), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum()) / len(labels)


def _silhouette(target: Points, clusters: Ints) -> float:
    """Its mean over the target, in -1..1; -1 where all are in one cluster or each in its own."""
    target, clusters = target[:_SILHOUETTE], clusters[:_SILHOUETTE]
    if not 2 <= len(np.unique(clusters)) < len(clusters):
        return -1.0
    return float(silhouette_score(target, clusters))
