"""SKKm: kernel K-means after a kernel was learned from predicted pairs.

Anand, Mittal, Tuzel, Meer, "Semi-supervised kernel mean shift clustering", TPAMI 2014, learn the
kernel; K-means on it stands in for their mean shift. CCN (Hsu, Lv, Kira, ICLR 2018), table 1, has
it on Omniglot with the pairs of a similarity network: ACC 62.4 with K known, 46.9 with K = 100.

    python -m bench run ccn --methods skkm

A Gaussian kernel of the pixels, centred, is cut to 99 % of its energy; ITML's updates then pull
similar pairs below a squared distance of .1 and push dissimilar ones above 1.9, of 2 at most (or
below the 5th and above the 95th percentile, where those are stricter), gamma 100, in one sweep over
all ordered pairs in random order. The kernel does not depend on K and is a cell of its own, which
SKMS shares. The authors choose the kernel's width from a list for each of their data sets: here it
is a multiple of the median distance, and the one is taken whose distances contradict the pairs the
least. Classes all but collapse to points, so K-means begins from k-means++, 20 times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bench.nn.clustering import constraints, pair_bounds
from bench.nn.clustering.distances import squared_distances
from bench.nn.clustering.logdet import Distances, centred, factor, refuse_energy
from bench.registry import method
from bench.tasks import Bools, ClusterTask, Floats, Need, Prediction, Run, TaskInfo

from .constrained import DTYPES, Constrained, OnLearned


@dataclass(frozen=True)
class Learning(Constrained):
    """What decides the kernel."""

    scales: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
    """Widths of the Gaussian to choose from, in median distances."""
    energy: float = 0.99
    """Share of the eigenvalues' sum that the first kernel keeps, and that mean shift sees."""
    near: float = 0.1
    """Squared distance that similar pairs are to be below."""
    far: float = 1.9
    """Squared distance that dissimilar pairs are to be above; 2 is that of pixels far apart."""
    gamma: float = 100.0
    """How little bounds give way to pairs that contradict them."""
    most: int = 100_000
    """Pairs to visit, repetitions counted, before a sweep is the last."""
    tolerance: float = 0.01
    """Relative change of the duals in a sweep that ends them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not min(self.scales, default=0) > 0:
            raise ValueError(f"scales = {self.scales} must be one or more numbers above 0")
        refuse_energy(self.energy)
        if not (0 < self.near < self.far and self.gamma > 0 and self.most > 0):
            raise ValueError("near, far, gamma and most must be above 0, far above near")


@method("skms-kernel", kinds=("cluster",), artifact=True, dtypes=DTYPES)
@dataclass(frozen=True)
class SKMSKernel(Learning):
    """The kernel of the target's pixels that SKMS learns from predicted pairs."""

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Learn; a single stage, so a resumed cell starts over.

        Returns:
            "points", float32 (n, rank), whose inner products are the kernel, the largest
            directions first; "neighbour", int64 (1,): that whose distance is mean shift's
            bandwidth.
        """
        points, similar = self.points(task), self.similar(task, run)
        pairs = constraints.ordered_pairs(constraints.groups(points), run.rng("batches"))
        if not len(pairs):
            return _result(np.zeros((len(points), 1)), 1)
        i, j = pairs.T
        wanted, squared = similar[i, j], squared_distances(points, points)
        # A median over pairs of different points is above 0.
        width = np.sqrt(np.median(squared[i, j]))
        costs = [
            contradiction(gaussian(squared[i, j], s * width), wanted, self.near, self.far)
            for s in self.scales
        ]
        width *= self.scales[int(np.argmin(costs))]
        kernel = np.exp(-squared / (2 * width**2))
        start = factor(centred(kernel), self.energy)
        distances = Distances(start)
        low, high = pair_bounds.percentiles(squared_distances(start, start)[i, j], 5, 95)
        near, far = min(self.near, low), max(self.far, high)
        bounds = pair_bounds.Bounds.of(pairs, wanted, near, far)
        pair_bounds.learn(
            distances, bounds, gamma=self.gamma, most=self.most, tolerance=self.tolerance
        )
        found = distances.coordinates(ordered=True)
        return _result(found, typical_neighbour(found, similar, near))


def gaussian(squared: Floats, width: float) -> Floats:
    """Squared distances under a Gaussian kernel, 2 - 2 exp(-d^2 / (2 width^2)), in 0..2."""
    found: Floats = 2 - 2 * np.exp(-squared / (2 * width**2))
    return found


def contradiction(squared: Floats, similar: Bools, near: float, far: float) -> float:
    """The LogDet divergence of distances from what pairs ask for, summed.

    x - log x - 1 with x = near / max(near, d) for a similar pair and far / min(far, d) for a
    dissimilar one.
    """
    x = np.where(similar, near / np.maximum(near, squared), far / np.clip(squared, 1e-12, far))
    return float((x - np.log(x) - 1).sum())


def typical_neighbour(points: Floats, similar: Bools, near: float) -> int:
    """Which neighbour of a point a similar one is, the nearest being 1: the median, rounded up.

    Args:
        points: (N, D).
        similar: (N, N).
        near: Squared distance that a pair must be below to count; where none is, all similar
            pairs count, and where there are none, the nearest neighbour is taken.
    """
    squared = squared_distances(points, points)
    np.fill_diagonal(squared, -1.0)
    rank = squared.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    other = similar & ~np.eye(len(points), dtype=bool)
    counted = other & (squared < near)
    counted = counted if counted.any() else other
    return int(np.ceil(np.median(rank[counted]))) if counted.any() else 1


def _result(points: Floats, neighbour: int) -> Prediction:
    tensors = {"points": torch.from_numpy(points.astype(np.float32))}
    return Prediction(tensors=tensors | {"neighbour": torch.tensor([neighbour])})


@dataclass(frozen=True)
class OnKernel(Learning):
    """A clustering of the points of `skms-kernel`."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The kernel, one for all K."""
        return {"kernel": Need("skms-kernel", self.inherited(Learning))}


@method("skkm", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class SKKm(OnLearned, OnKernel):
    """Kernel K-means with a kernel learned from predicted pairs."""

    learned = "kernel"
