"""MPCK-means: Bilenko, Basu, Mooney, "Integrating constraints and metric learning", ICML 2004.

The MPCK-means rows of CCN's tables 1 and 5 (Hsu, Lv, Kira, ICLR 2018: Omniglot ACC 81.9 with K
known, 53.9 with K = 100). K-means with a learned weight of each dimension and a price for each pair
that a clustering contradicts: a similar pair apart costs its distance, a dissimilar pair together
what it lacks to the largest one.

    python -m bench run ccn --methods mpck-means

takes some seconds for 900 images. As in WekaUT: one diagonal metric for all clusters, weights 1 and
1, images moved one at a time in their order, an empty cluster keeps its centre. The pairs are not
closed transitively, as all are given: that is why errors do not spread. Our reading: of a pair's
two orders the first counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components
from sklearn.metrics.pairwise import euclidean_distances

from bench.nn.clustering import constraints
from bench.nn.clustering.unfit import refuse_unfit
from bench.registry import method
from bench.tasks import Bools, ClusterTask, Floats, Ints, Prediction, Run

from .constrained import DTYPES, Constrained

_TOLERANCE = 1e-5
"""Change of the objective at which it ends."""
_BLANK = 20
"""Passes without a move at which it ends."""
_LOG_TERM = 0.01
"""Weight of the metric's logarithm; with one metric for all it is a scale."""


@method("mpck-means", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class MPCKMeans(Constrained):
    """K-means by pixels and pairs, with a learned metric."""

    similar_weight: float = 1.0
    """Price of similar pairs apart, in their distances."""
    dissimilar_weight: float = 1.0
    """Price of dissimilar pairs together."""
    metric: bool = True
    """Learn weights of dimensions; without it is PCK-means."""
    max_iter: int = 100
    """Passes over the images at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.similar_weight, self.dissimilar_weight) < 0 or self.max_iter < 1:
            raise ValueError("weights must be at least 0 and max_iter at least 1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster; a single stage, so a resumed cell starts over."""
        points, similar = self.points(task), constraints.upper(self.similar(task, run))
        refuse_unfit(points, task.n_clusters)
        state = _State(points, similar, (self.similar_weight, self.dissimilar_weight))
        state.centres = started(points, similar, task.n_clusters, run.rng("init"))
        last, blank = np.inf, 0
        for _ in range(self.max_iter):
            moved = state.assign()
            state.place()
            if self.metric:
                state.learn()
            now = state.objective()
            blank = 0 if moved else blank + 1
            if abs(last - now) <= _TOLERANCE or blank >= _BLANK:
                break
            last = now
        return Prediction(assignments=state.labels)


def started(points: Floats, similar: Bools, k: int, draw: np.random.Generator) -> Floats:
    """First centres, (k, D): means of the connected components of similar pairs.

    Of more than k the largest and those that are far from the chosen ones, by distance times size;
    what is lacking to k is the mean of all, each coordinate times 0.65 to 1.35.
    """
    count, component = connected_components(similar, directed=False)
    sizes = np.bincount(component)
    means = np.zeros((count, points.shape[1]))
    np.add.at(means, component, points)
    means /= sizes[:, None]
    chosen = [int(sizes.argmax())]
    gaps = np.full(count, np.inf)
    while len(chosen) < min(k, count):
        gaps = np.minimum(gaps, euclidean_distances(means, means[chosen[-1:]])[:, 0])
        worth = np.where(np.isin(np.arange(count), chosen), -1.0, gaps * sizes)
        chosen.append(int(worth.argmax()))
    shaken = 1.0 + 0.7 * (draw.random((k - len(chosen), points.shape[1])) - 0.5)
    return np.concatenate([means[chosen], points.mean(axis=0) * shaken])


class _State:
    """Labels, centres and metric, and what they cost."""

    def __init__(self, points: Floats, similar: Bools, weights: tuple[float, float]) -> None:
        n = len(points)
        self.points, self._squares = points, np.square(points)
        self._similar = similar & ~np.eye(n, dtype=bool)
        self._dissimilar = ~similar
        self._weights = weights
        # The box around all points and 0, whose corners no two points are further apart than.
        low, high = np.minimum(points.min(axis=0), 0.0), np.maximum(points.max(axis=0), 0.0)
        self._largest = np.square(high - low)
        self.metric = np.ones(points.shape[1])
        self.labels: Ints = np.full(n, -1)
        self.centres: Floats = points[:1]

    def assign(self) -> int:
        """Move the images one at a time to where they cost least; how many moved."""
        prices = self._prices()
        costs = self._distances(self.centres).T  # (n, k), to which come the pairs' prices
        held = np.zeros((len(self.centres), len(self.points)))
        for c in range(len(held)):
            held[c] = prices[:, self.labels == c].sum(axis=1)
        moved = 0
        for i, old in enumerate(self.labels.tolist()):
            new = int((costs[i] + held[:, i]).argmin())
            if new != old:
                if old >= 0:
                    held[old] -= prices[i]
                held[new] += prices[i]
                self.labels[i], moved = new, moved + 1
        return moved

    def place(self) -> None:
        """Centres are means; that of an empty cluster stays."""
        for c in np.unique(self.labels):
            self.centres[c] = self.points[self.labels == c].mean(axis=0)

    def learn(self) -> None:
        """A dimension's weight, from what all points and contradicted pairs cost in it."""
        spread, apart, together = self._costs()
        cost = spread + apart + together
        # One in which nothing differs keeps its weight.
        known = cost > 1e-12 * len(self.points) * self._largest
        scale = _LOG_TERM * len(self.points)
        self.metric = np.where(known, scale / np.where(known, cost, 1.0), self.metric)

    def objective(self) -> float:
        """What is minimised: distances, prices of contradicted pairs, less the metric's size."""
        spread, apart, together = self._costs()
        size = _LOG_TERM * len(self.points) * np.log(self.metric).sum()
        return float(spread @ self.metric + (apart + together) @ self.metric - size)

    def _costs(self) -> tuple[Floats, Floats, Floats]:
        """In each dimension, (D,), of all points, similar pairs apart, dissimilar ones together."""
        same = self.labels[:, None] == self.labels
        similar, dissimilar = self._weights
        spread = np.square(self.points - self.centres[self.labels]).sum(axis=0)
        together = self._dissimilar & same
        lacks = together.sum() / 2 * self._largest - self._between(together)
        return spread, similar * self._between(self._similar & ~same), dissimilar * lacks

    def _between(self, pairs: Bools) -> Floats:
        """Squared differences in each dimension, (D,), summed over unordered pairs, (n, n)."""
        mask = pairs.astype(np.float64)
        found: Floats = mask.sum(axis=1) @ self._squares
        found -= (self.points * (mask @ self.points)).sum(axis=0)
        return found

    def _distances(self, others: Floats) -> Floats:
        """From each of `others`, (m, D), to each point by the metric, (m, n)."""
        root = np.sqrt(self.metric)
        found: Floats = euclidean_distances(others * root, self.points * root, squared=True)
        return found

    def _prices(self) -> Floats:
        """What a pair in one cluster costs, less what it costs apart, (n, n); 0 with itself."""
        distances = self._distances(self.points)
        similar, dissimilar = self._weights
        lack = np.maximum(self._largest @ self.metric - distances, 0.0)
        prices = np.where(self._similar, -similar * distances, dissimilar * lack)
        np.fill_diagonal(prices, 0.0)
        return prices
