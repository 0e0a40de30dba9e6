"""Normalised cuts: Shi and Malik, PAMI 22, 2000; discretised as by Yu and Shi, ICCV 2003.

The N-Cuts rows of "Deep image category discovery using a transferred similarity function", tables
2 and 3 (MNIST-train NMI .411, ImageNet-10R ACC .172).

    python -m bench run digits --methods ncuts

takes under a second on 1,797 digits. As published in Shi's toolbox: affinity exp(-(d / s)^2) with s
a twentieth of the largest distance, affinities below 1e-6 cut, an offset of 1/2 on the diagonal.
In 64 dimensions and more that scale cuts nearly all pairs, and the clusters are near chance, as the
published ones on photographs are; `scale` = .2, or a graph of nearest neighbours, is what a reader
would choose. Above `dense` points each keeps its affinities to its nearest neighbours alone, and
the largest distance is that among `dense` points drawn at random: our readings, as is the solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import eigh
from scipy.sparse import diags_array
from scipy.sparse.linalg import ArpackError, eigsh
from sklearn.metrics.pairwise import euclidean_distances

from bench.nn.clustering.neighbours import graph, nearest
from bench.nn.clustering.unfit import refuse_unfit
from bench.registry import method
from bench.tasks import ClusterTask, Floats, Ints, Prediction, Run

from .points import OnPoints

Affinity = Any
"""A symmetric matrix, (N, N): an array, or a sparse one."""

_CUT = 1e-6
"""Affinities below are none."""
_OFFSET = 0.5
"""Added to the diagonal of the affinity, and twice to the degrees."""
_ROTATIONS = 20
"""Steps of the discretisation at most."""


@method("ncuts", kinds=("cluster",))
@dataclass(frozen=True)
class NCuts(OnPoints):
    """Normalised cuts of a graph of all pairs, or of nearest neighbours."""

    affinity: Literal["distances", "neighbours"] = "distances"
    """"distances": exp(-(d / s)^2). "neighbours": 1 where one is among the other's nearest."""
    scale: float = 0.05
    """s as a share of the largest distance; .05 in Shi's toolbox."""
    neighbours: int = 10
    """Nearest others of a point that count: of "neighbours", and above `dense` points."""
    dense: int = 5000
    """Points up to which all pairs have an affinity."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scale > 0 or self.neighbours < 1 or self.dense < 1:
            raise ValueError("scale must be above 0, neighbours and dense at least 1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cut; a single stage, so a resumed cell starts over."""
        points, draw = self.points(task, run), run.rng("init")
        refuse_unfit(points, task.n_clusters)
        vectors = eigenvectors(self._affinity(points, draw), task.n_clusters, draw)
        return Prediction(assignments=discretised(vectors, draw))

    def _affinity(self, points: npt.NDArray[np.float32], draw: np.random.Generator) -> Affinity:
        n = len(points)
        if self.affinity == "distances" and n <= self.dense:
            distances = euclidean_distances(points.astype(np.float64))
            return gaussian(distances, self.scale * distances.max())
        if n == 1:
            return np.ones((1, 1))
        others = nearest(torch.from_numpy(points), min(self.neighbours, n - 1))
        near, distances = others.indices.numpy(), others.distances.numpy()
        if self.affinity == "neighbours":
            weights = np.ones_like(distances)
        else:
            some = points[draw.choice(n, self.dense, replace=False)]
            weights = gaussian(distances, self.scale * euclidean_distances(some).max())
        found = graph(near, weights, n)
        found = found.maximum(found.T)
        return found.toarray() if n <= self.dense else found


def gaussian(distances: Floats, width: float) -> Floats:
    """exp(-(d / width)^2), and 0 where that is below 1e-6; 1 where all distances are 0."""
    affinity = np.exp(-np.square(distances / width)) if width > 0 else np.ones_like(distances)
    affinity[affinity < _CUT] = 0.0
    return affinity


def eigenvectors(affinity: Affinity, k: int, draw: np.random.Generator) -> Floats:
    """Those of the k smallest normalised cuts, as Shi's toolbox regularises them.

    Args:
        affinity: Symmetric, >= 0, (N, N).
        k: 1..N.
        draw: What the iteration for a sparse matrix starts from.

    Returns:
        (N, k), the smallest cut first.

    Raises:
        ValueError: the iteration for a sparse matrix came to no end.
    """
    n = affinity.shape[0]
    inverse = 1.0 / np.sqrt(np.asarray(affinity.sum(axis=1)).ravel() + 2.0 * _OFFSET)
    if isinstance(affinity, np.ndarray):
        cut = inverse[:, None] * (affinity + _OFFSET * np.eye(n)) * inverse
        vectors = eigh(cut, subset_by_index=(n - k, n - 1))[1]
    else:
        half = diags_array(inverse)
        cut = half @ (affinity + diags_array(np.full(n, _OFFSET))) @ half
        try:
            vectors = eigsh(cut, k, which="LA", tol=1e-8, v0=draw.standard_normal(n))[1]
        except ArpackError as error:
            raise ValueError(f"no {k} eigenvectors of {n} points' graph: {error}") from error
    found: Floats = inverse[:, None] * vectors[:, ::-1]
    return found


def discretised(vectors: Floats, draw: np.random.Generator) -> Ints:
    """The nearest partition to a rotation of eigenvectors, found by rotating and rounding in turn.

    Yu and Shi, "Multiclass spectral clustering", ICCV 2003, section 3: rows of unit length, the
    first rotation out of k of them that are far from one another, the next by a singular value
    decomposition.

    Args:
        vectors: (N, k).
        draw: Which row is the first.

    Returns:
        Clusters, int64, (N,), in 0..k-1.
    """
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    n, k = rows.shape
    chosen, overlap = [int(draw.integers(n))], np.zeros(n)
    for _ in range(k - 1):
        overlap += np.abs(rows @ rows[chosen[-1]])
        chosen.append(int(overlap.argmin()))
    rotation, last = rows[chosen].T, 0.0
    for _ in range(_ROTATIONS):
        labels: Ints = (rows @ rotation).argmax(axis=1)
        sums = np.zeros((k, k))
        np.add.at(sums, labels, rows)
        left, values, right = np.linalg.svd(sums)
        if abs(values.sum() - last) < np.finfo(float).eps:
            break
        last, rotation = values.sum(), (left @ right).T
    return labels
