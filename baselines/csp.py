"""CSP: Wang, Qian, Davidson, "On constrained spectral clustering and its applications", 2014.

The CSP rows of CCN's tables 1 and 5 (Hsu, Lv, Kira, ICLR 2018: Omniglot ACC 62.5 with K known,
65.4 with K = 100). Of all relaxed cuts of the images' graph it takes those that meet the pairs that
are called similar and dissimilar to more than a level beta, and of these the cheapest K - 1.

    python -m bench run ccn --methods csp

takes about a second for 900 images, whatever the number of pairs. As in the released K-way code:
beta lies between the K-th and the next singular value of Q, and vectors of one sign are dropped.
Singular values are absolute, so that dissimilar pairs use up places when K is large; `ordering` =
"algebraic" takes eigenvalues. Our readings: the affinity's width is the mean squared distance (that
of the released demonstration is 0 between all images), and a pair counts as what both of its orders
say on the average. Fewer than K - 1 vectors are clustered where no more meet the level.

The released demonstration sets the affinity of an image to itself to 0. Pixels have affinities so
much alike that the weight 1 - cost of the chosen vectors then runs from some .01 through 0 to -1/N:
the middle ones count for nothing, the worst for more. `self_affinity` = 1 keeps all above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import eigh
from sklearn.metrics.pairwise import euclidean_distances

from bench.declared import refuse_below
from bench.nn.clustering import constraints
from bench.nn.clustering.kmeans import kmeans
from bench.nn.clustering.unfit import refuse_unfit
from bench.registry import method
from bench.tasks import ClusterTask, Floats, Prediction, Run

from .constrained import DTYPES, Constrained

Ordering = Literal["singular", "algebraic"]
_NULL = 1e-10
"""Eigenvalues of the normalised Laplacian, which lie in 0..2, below which they are 0."""
_BELOW = 1e-6
"""What beta is below the middle of two values."""


@method("csp", kinds=("cluster",), dtypes=DTYPES, neutral={"self_affinity": 0.0})
@dataclass(frozen=True)
class CSP(Constrained):
    """Constrained spectral clustering of pixels."""

    ordering: Ordering = "singular"
    """Which K-th value of Q beta is above."""
    normalise: bool = False
    """Take D^-1/2 Q D^-1/2 for Q, as the paper and the two-way code do."""
    self_affinity: float = 0.0
    """What the affinity of an image to itself is, >= 0; the formula's would be 1."""
    n_init: int = 20
    """Restarts of the final K-means."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_below(1, self, "n_init")
        refuse_below(0, self, "self_affinity")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster; a single stage, so a resumed cell starts over."""
        points, k = self.points(task), task.n_clusters
        refuse_unfit(points, k)
        q = constraints.signed(self.similar(task, run))
        np.fill_diagonal(q, 1.0)
        w = affinity(points, self.self_affinity)
        found, _ = embedded(w, q, k, ordering=self.ordering, normalise=self.normalise)
        labels, _ = kmeans(found, k, run.seed_for("init"), n_init=self.n_init)
        return Prediction(assignments=labels)


def affinity(points: Floats, itself: float = 0.0) -> Floats:
    """exp(-d^2 / (2 m)), m the mean squared distance of two points; `itself` of one; (N, N)."""
    squares = euclidean_distances(points, squared=True)
    n, mean = len(squares), squares.sum() / max(squares.size - len(squares), 1)
    found: Floats = np.exp(-squares / (2.0 * mean)) if mean > 0 else np.ones((n, n))
    np.fill_diagonal(found, itself)
    return found


def level(q: Floats, k: int, ordering: Ordering = "singular") -> float:
    """beta: a little below the middle of the K-th largest value of Q and the next."""
    values = np.linalg.eigvalsh(q)
    values = np.sort(np.abs(values) if ordering == "singular" else values)[::-1]
    pair = values[k - 1 : k + 1]
    return float(pair.mean()) - _BELOW


def embedded(
    w: Floats, q: Floats, k: int, *, ordering: Ordering = "singular", normalise: bool = False
) -> tuple[Floats, Floats]:
    """What K-means is given of each point.

    Args:
        w: Affinities, symmetric, >= 0, (N, N).
        q: Constraints, symmetric, (N, N): above 0 for similar, below for dissimilar.
        k: Clusters, 1..N.
        ordering: See `CSP`.
        normalise: See `CSP`.

    Returns:
        The chosen vectors in the scale of indicators, times 1 - their costs, (N, at most k - 1);
        and the costs v^T L v of all feasible v, ascending, those of one sign included.

    Raises:
        ValueError: no vector but those of one sign meets the constraints, for k > 1.
    """
    degrees = w.sum(axis=1)
    inverse = 1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0))
    laplacian = np.eye(len(w)) - inverse[:, None] * w * inverse
    q = inverse[:, None] * q * inverse if normalise else q
    excess = q - level(q, k, ordering) * np.eye(len(q))
    _, vectors = pencil(laplacian, excess)
    feasible = np.einsum("ij,ij->j", vectors, excess @ vectors) >= 0
    vectors = vectors[:, feasible]
    costs = np.einsum("ij,ij->j", vectors, laplacian @ vectors)
    order = np.argsort(costs, kind="stable")
    vectors, costs = vectors[:, order], costs[order]
    first = 0
    while first < len(costs) and np.abs(np.sign(vectors[:, first]).sum()) == len(vectors):
        first += 1
    if k == 1:
        return np.zeros((len(w), 1)), costs
    chosen, cost = vectors[:, first:][:, : k - 1], costs[first:][: k - 1]
    if not len(cost):
        raise ValueError(f"no cut into {k} clusters meets the constraints: they are met by none")
    scaled: Floats = inverse[:, None] * chosen * np.sqrt(degrees.sum()) * (1.0 - cost)
    return scaled, costs


def pencil(laplacian: Floats, excess: Floats) -> tuple[Floats, Floats]:
    """Values and unit vectors of L v = lambda (Q - beta I) v, lambda ascending.

    L is singular and Q - beta I indefinite, so that neither can be factorised as a library wants.
    With Z the null space of L, A = Q - beta I and v = L^(+1/2) w + Z a, lambda other than 0 asks
    for Z^T A v = 0, which gives a, and leaves w = lambda S w with a symmetric S.

    Args:
        laplacian: Symmetric, >= 0, (N, N).
        excess: Symmetric, (N, N).

    Returns:
        (N,) and (N, N); infinite values where lambda has no bound.
    """
    values, basis = eigh(laplacian)
    null = basis[:, values < _NULL]
    root = basis[:, values >= _NULL] / np.sqrt(values[values >= _NULL])
    across = null.T @ excess
    inner, rotation = eigh(across @ null) if null.shape[1] else (np.zeros(0), np.zeros((0, 0)))
    inner = np.where(np.abs(inner) > 1e-12, inner, np.inf)
    removed = rotation / inner @ rotation.T
    pushed = across @ root
    inverse, w = eigh(root.T @ excess @ root - pushed.T @ removed @ pushed)
    vectors = np.hstack([root @ w - null @ (removed @ (pushed @ w)), null @ rotation])
    with np.errstate(divide="ignore"):
        found = np.concatenate([1.0 / inverse, np.zeros(null.shape[1])])
    vectors /= np.linalg.norm(vectors, axis=0)
    order = np.argsort(found, kind="stable")
    return found[order], vectors[:, order]
