"""SKMS: mean shift with a kernel that was learned from predicted pairs.

Anand, Mittal, Tuzel, Meer, "Semi-supervised kernel mean shift clustering", TPAMI 2014. CCN (Hsu,
Lv, Kira, ICLR 2018), table 1, has it on Omniglot with the pairs of a similarity network, among the
rows of K = 100: ACC 45.5; it finds the number of clusters itself (table 6).

    python -m bench run ccn --methods skms

`skkm.py` says how the kernel is learned. Mean shift takes its 25 largest directions at most; a
point's bandwidth is the distance to a neighbour, which one being the median place of similar pairs
among neighbours. Where it finds more clusters than the task declares, the smaller ones are given to
the larger ones, since a task knows no further clusters: with K = 100 that is rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.declared import refuse_below
from bench.nn.clustering.mean_shift import bandwidths, largest, mean_shift
from bench.registry import method
from bench.tasks import ClusterTask, Prediction, Run

from .constrained import DTYPES
from .skkm import OnKernel


@method("skms", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class SKMS(OnKernel):
    """Mean shift, which finds the number of clusters, with a kernel learned from pairs."""

    rank: int = 25
    """Directions at most that mean shift takes place in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_below(1, self, "rank")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster; a single stage, so a resumed cell starts over."""
        needed = run.needed("kernel").tensors
        points = needed["points"].numpy().astype(np.float64)
        if len(points) < 2:
            return Prediction(assignments=np.zeros(len(points), np.int64))
        shares = np.cumsum(np.square(points).sum(axis=0))
        enough = int(np.searchsorted(shares, self.energy * shares[-1])) + 1
        points = points[:, : min(enough, self.rank)]
        modes = mean_shift(points, bandwidths(points, int(needed["neighbour"])))
        return Prediction(assignments=largest(modes, points, task.n_clusters))
