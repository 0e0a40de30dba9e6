"""LPNMF: Cai et al., "Locality preserving nonnegative matrix factorization", IJCAI 2009.

The LPNMF rows of CCN's tables 1, 5 and 8 (Omniglot ACC 22.2 with K known). With `alpha` = 0 there
is no graph, and it is factorisation by the Kullback-Leibler divergence: what the released
comparisons of JULE, on which the NMF-LP rows of CCN's forerunner of 2016 seem to stand (MNIST-train
NMI .452), ran under this name.

    python -m bench run digits --methods lpnmf

takes some 3 s a seed on 1,797 digits. X ~ V U^T with all entries >= 0 minimises KL(X || V U^T) +
alpha sum_k v_k^T L log v_k, L being the Laplacian of a graph of five nearest neighbours; K-means on
V's rows gives the clusters. As in the released code ten starts of ten steps by K-means and least
squares, the best of which goes on until the objective stands still. Our readings: the graph has
weights of 1 in place of a heat kernel; pixels are as stored, Omniglot's paper bright and its ink
dark (`invert` turns that round, which no distance would notice and this does); where a feature is
below 0, the least value of all is subtracted from all; the final K-means starts from k-means++.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.sparse import csr_array, eye_array
from scipy.sparse.csgraph import laplacian
from scipy.sparse.linalg import cg
from scipy.special import xlogy
from sklearn.cluster import KMeans

from bench.nn.clustering.kmeans import kmeans
from bench.nn.clustering.neighbours import graph, nearest
from bench.nn.clustering.unfit import refuse_unfit
from bench.registry import method
from bench.tasks import ClusterTask, Floats, Prediction, Run

from .points import OnPoints

_LEAST = 1e-10
"""Denominators and logarithms are taken of no less."""
_DENSE = 5000
"""Points up to which one eigendecomposition of the Laplacian serves all systems."""
_PAST = 0.1
"""Weight of the past in the running mean of the objective."""
Solve = Callable[[Floats, Floats, Floats], Floats]
"""From right sides, (N, K), shifts, (K,), and a guess, (N, K), to solutions, (N, K)."""


@method("lpnmf", kinds=("cluster",), neutral={"invert": False})
@dataclass(frozen=True)
class LPNMF(OnPoints):
    """Nonnegative factorisation whose codes are smooth on a graph of neighbours."""

    alpha: float = 100.0
    """Weight of the graph; 0: none, which is NMF by the Kullback-Leibler divergence."""
    neighbours: int = 5
    """Nearest others of a point in the graph."""
    starts: int = 10
    """Starts, the best of which goes on."""
    trial: int = 10
    """Steps of a start."""
    tolerance: float = 1e-5
    """The run ends when the objective is no further than this below its running mean."""
    max_iter: int = 1000
    """Steps of the run at most; the released code has no limit."""
    n_init: int = 10
    """Restarts of the final K-means."""
    invert: bool = False
    """Bright pixels dark and dark ones bright: to factorise ink and not the paper around it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = (self.neighbours, self.starts, self.trial, self.max_iter, self.n_init)
        if min(counts) < 1 or self.alpha < 0 or not self.tolerance > 0:
            raise ValueError(
                "alpha must be at least 0, tolerance above 0, and neighbours, starts, trial, "
                "max_iter and n_init at least 1"
            )
        if self.invert and self.features != "pixels":
            raise ValueError("invert = true is for pixels alone")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster; a single stage, so a resumed cell starts over."""
        points, k = self.points(task, run).astype(np.float64), task.n_clusters
        refuse_unfit(points, k)
        if self.invert:
            points = 1.0 - points
        points -= min(points.min(), 0.0)
        seeds = [int(s) for s in run.rng("init").integers(2**32, size=self.starts)]
        smooth = solve = None
        if self.alpha:
            smooth = self.alpha * laplacian(neighbours(points, self.neighbours))
            solve = solver(smooth)
        best = None
        for seed in seeds:
            model = Factorisation(points, *started(points, k, seed), smooth, solve)
            for _ in range(self.trial):
                model.step()
            if best is None or model.objective < best.objective:
                best = model
        assert best is not None
        best.run(self.tolerance, self.max_iter)
        labels, _ = kmeans(best.normalised()[1], k, run.seed_for("init"), n_init=self.n_init)
        return Prediction(assignments=labels)


def neighbours(points: Floats, k: int) -> csr_array:
    """1 where one point is among the other's k nearest, sparse, (N, N)."""
    n = len(points)
    if n == 1:
        return csr_array((1, 1))
    near = nearest(torch.from_numpy(points), min(k, n - 1)).indices.numpy()
    found = graph(near, np.ones(near.shape), n)
    return found.maximum(found.T)


def started(points: Floats, k: int, seed: int) -> tuple[Floats, Floats]:
    """Ten steps of K-means and least squares: U, (D, k), and V, (N, k)."""
    model = KMeans(k, init="random", n_init=1, max_iter=10, random_state=seed).fit(points)
    u = np.maximum(model.cluster_centers_.T, _LEAST)
    v = np.linalg.lstsq(u, points.T, rcond=None)[0].T
    return u, np.maximum(v, _LEAST)


def solver(matrix: csr_array) -> Solve:
    """Solves (alpha L + s_k) v_k = y_k for all k at once, given the sparse matrix alpha L."""
    if matrix.shape[0] > _DENSE:

        def by_iteration(y: Floats, shifts: Floats, guess: Floats) -> Floats:
            columns = zip(y.T, shifts, guess.T, strict=True)
            one = eye_array(len(y))
            found = [cg(matrix + s * one, b, x0=x, rtol=1e-10)[0] for b, s, x in columns]
            return np.stack(found, axis=1)

        return by_iteration
    values, vectors = eigh(matrix.toarray())

    def at_once(y: Floats, shifts: Floats, _guess: Floats) -> Floats:
        found: Floats = vectors @ ((vectors.T @ y) / (values[:, None] + shifts))
        return found

    return at_once


class Factorisation:
    """X ~ V U^T, step by step."""

    def __init__(
        self, x: Floats, u: Floats, v: Floats, smooth: csr_array | None, solve: Solve | None
    ) -> None:
        """Begin at U and V, normalised.

        Args:
            x: (N, D), >= 0.
            u: (D, K), > 0.
            v: (N, K), > 0.
            smooth: alpha L of the objective, (N, N); None for alpha = 0.
            solve: `solver` of it; None for alpha = 0.
        """
        self._x, self._smooth, self._solve = x, smooth, solve
        self._constant = float(xlogy(x, x).sum() - x.sum())
        self.u, self.v = u, v
        self.u, self.v = self.normalised()
        self._fit = self._product()

    def step(self) -> None:
        """First V, by the graph's system, then U, by the multiplicative rule."""
        y, sums = self.v * (self._ratio() @ self.u), np.maximum(self.u.sum(axis=0), _LEAST)
        self.v = y / sums if self._solve is None else self._solve(y, sums, self.v)
        self._fit = self._product()
        self.u = self.u * (self._ratio().T @ self.v) / np.maximum(self.v.sum(axis=0), _LEAST)
        self._fit = self._product()

    @property
    def objective(self) -> float:
        """KL(X || V U^T) + alpha sum_k v_k^T L log v_k."""
        value = self._constant - (self._x * np.log(self._fit)).sum() + self._fit.sum()
        if self._smooth is not None:
            value += ((self._smooth @ self.v) * np.log(np.maximum(self.v, _LEAST))).sum()
        return float(value)

    def run(self, tolerance: float, limit: int) -> int:
        """Step until the objective stands still; how many steps that took, at most `limit`."""
        mean = 10.0 * self.objective
        for step in range(1, limit + 1):
            self.step()
            now = self.objective
            mean = _PAST * mean + (1.0 - _PAST) * now
            if not mean - now > tolerance * mean:
                return step
        return limit

    def normalised(self) -> tuple[Floats, Floats]:
        """U with columns of unit length, and V by as much longer."""
        norms = np.maximum(np.linalg.norm(self.u, axis=0), _LEAST)
        return self.u / norms, self.v * norms

    def _product(self) -> Floats:
        return np.maximum(self.v @ self.u.T, _LEAST)

    def _ratio(self) -> Floats:
        ratio: Floats = self._x / self._fit
        return ratio
