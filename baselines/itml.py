"""ITML: K-means after information-theoretic metric learning on predicted pairs.

Davis, Kulis, Jain, Sra, Dhillon, "Information-theoretic metric learning", ICML 2007. CCN (Hsu,
Lv, Kira, ICLR 2018), table 1, has it on Omniglot with the pairs of a similarity network: ACC 56.7
with K known, 47.2 with K = 100.

    python -m bench run ccn --methods itml

Parameters are the authors' defaults: gamma 1, similar pairs below the 5th percentile of the squared
distances, dissimilar ones above the 95th, at most 100,000 pairs, which their code tests at the end
of a sweep alone: one sweep over all ordered pairs of an alphabet, in random order. The metric does
not depend on K and is a cell of its own. Bounds are of all pairs of different points; the code
draws some, and takes the ends of a histogram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bench.nn.clustering import constraints, pair_bounds
from bench.nn.clustering.distances import squared_distances
from bench.nn.clustering.logdet import Distances
from bench.registry import method
from bench.tasks import ClusterTask, Need, Prediction, Run, TaskInfo

from .constrained import DTYPES, Constrained, OnLearned


@dataclass(frozen=True)
class Learning(Constrained):
    """What decides the metric."""

    gamma: float = 1.0
    """How little bounds give way to pairs that contradict them."""
    most: int = 100_000
    """Pairs to visit, repetitions counted, before a sweep is the last."""
    tolerance: float = 0.01
    """Relative change of the duals in a sweep that ends them."""
    low: float = 5.0
    """Percentile of the squared distances that similar pairs are to be below."""
    high: float = 95.0
    """Percentile that dissimilar pairs are to be above."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.gamma > 0 or self.most < 1 or not 0 <= self.low < self.high <= 100:
            raise ValueError(
                f"gamma = {self.gamma}, most = {self.most}, low = {self.low}, high = {self.high}: "
                "gamma must be above 0, most at least 1, and 0 <= low < high <= 100"
            )


@method("itml-metric", kinds=("cluster",), artifact=True, dtypes=DTYPES)
@dataclass(frozen=True)
class Metric(Learning):
    """The target's pixels under the metric that ITML learns from predicted pairs."""

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Learn; "points", float32 (n, rank), have the learned distances as Euclidean ones."""
        points, similar = self.points(task), self.similar(task, run)
        pairs = constraints.ordered_pairs(constraints.groups(points), run.rng("batches"))
        distances = Distances(points)
        if len(pairs):
            i, j = pairs.T
            squared = squared_distances(points, points)[i, j]
            near, far = pair_bounds.percentiles(squared, self.low, self.high)
            bounds = pair_bounds.Bounds.of(pairs, similar[i, j], near, far)
            pair_bounds.learn(
                distances, bounds, gamma=self.gamma, most=self.most, tolerance=self.tolerance
            )
        found = distances.coordinates().astype(np.float32)
        return Prediction(tensors={"points": torch.from_numpy(found)})


@method("itml", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class ITML(OnLearned, Learning):
    """K-means on pixels under the metric that ITML learns from predicted pairs."""

    learned = "metric"

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The metric, one for all K."""
        return {"metric": Need("itml-metric", self.inherited(Learning))}
