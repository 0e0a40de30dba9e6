"""SKLR: kernel K-means after a kernel was learned from relative distances.

Amid, Gionis, Ukkonen, "Semi-supervised kernel metric learning using relative comparisons", 2016.
CCN (Hsu, Lv, Kira, ICLR 2018), table 1, has it on Omniglot with the pairs of a similarity network:
ACC 66.9 with K known, 46.8 with K = 100.

    python -m bench run ccn --methods sklr

The method takes triples (i, j | k), and CCN does not say how pairs became triples: here `per_image`
for each image i, with j of those that are called similar to i and k of the others, at random. Each
pixel gets mean 0 and deviation 1 (a constant one stays 0); the first kernel is
exp(-d_ij^2 / (s_i s_j)), s_i being the distance to the 100th neighbour, centred and cut to 99 % of
its energy. As the method has no slack, noisy triples never end: it makes 20 sweeps, where the
authors allow 1,000 (their demonstration 100). The kernel does not depend on K and is a cell of its
own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bench.nn.clustering import constraints, triples
from bench.nn.clustering.distances import squared_distances
from bench.nn.clustering.logdet import Distances, centred, factor, refuse_energy
from bench.nn.clustering.mean_shift import bandwidths
from bench.registry import method
from bench.tasks import ClusterTask, Floats, Need, Prediction, Run, TaskInfo

from .constrained import DTYPES, Constrained, OnLearned


@dataclass(frozen=True)
class Learning(Constrained):
    """What decides the kernel."""

    per_image: int = 10
    """Triples for each image."""
    gamma: float = 2.0
    """Ratio of the squared distances that a triple asks for."""
    sweeps: int = 20
    """Over the triples, at most."""
    neighbour: int = 100
    """Whose distance is a point's width in the first kernel; the farthest where there are less."""
    energy: float = 0.99
    """Share of the eigenvalues' sum that the first kernel keeps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.per_image, self.sweeps, self.neighbour) < 1:
            raise ValueError("per_image, sweeps and neighbour must be at least 1")
        if not self.gamma > 0:
            raise ValueError(f"gamma = {self.gamma} must be above 0")
        refuse_energy(self.energy)


@method("sklr-kernel", kinds=("cluster",), artifact=True, dtypes=DTYPES)
@dataclass(frozen=True)
class SKLRKernel(Learning):
    """The kernel of the target's pixels that SKLR learns from predicted pairs."""

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Learn; "points", float32 (n, rank), have the kernel as inner products."""
        points, similar = standardised(self.points(task)), self.similar(task, run)
        same = constraints.groups(points)
        start = factor(centred(first_kernel(points, self.neighbour)), self.energy)
        distances = Distances(start)
        drawn = triples.draw_triples(
            similar, same, self.per_image * len(points), run.rng("batches")
        )

        def said(sweep: int, violated: int) -> None:
            run.log(sweep, violated=violated / (2 * len(drawn)))
            run.progress(sweep, self.sweeps)

        if len(drawn):
            triples.learn(distances, drawn, gamma=self.gamma, sweeps=self.sweeps, said=said)
        found = distances.coordinates().astype(np.float32)
        return Prediction(tensors={"points": torch.from_numpy(found)})


def standardised(points: Floats) -> Floats:
    """Columns of mean 0 and deviation 1; a constant one is 0 everywhere."""
    constant = points.max(axis=0) == points.min(axis=0)
    found: Floats = (points - points.mean(axis=0)) / np.where(constant, 1.0, points.std(axis=0))
    return np.where(constant, 0.0, found)


def first_kernel(points: Floats, neighbour: int) -> Floats:
    """exp(-d_ij^2 / (s_i s_j)), (N, N), s_i being the distance to the so many-th neighbour."""
    if len(points) == 1:
        return np.ones((1, 1))
    widths = bandwidths(points, neighbour)
    squared = squared_distances(points, points)
    np.fill_diagonal(squared, 0.0)
    found: Floats = np.exp(-squared / (widths[:, None] * widths))
    return found


@method("sklr", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class SKLR(OnLearned, Learning):
    """Kernel K-means with a kernel learned from relative distances."""

    learned = "kernel"

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The kernel, one for all K."""
        return {"kernel": Need("sklr-kernel", self.inherited(Learning))}
