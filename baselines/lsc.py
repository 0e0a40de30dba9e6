"""LSC: Chen and Cai, "Large scale spectral clustering with landmark-based representation", 2011.

The LSC rows of CCN's tables 1, 5 and 8 (Omniglot ACC 23.6 with K known), and the SC-LS rows of its
forerunner of 2016 (MNIST-train NMI .706), which cites the same paper.

    python -m bench run digits --methods lsc

takes about a second a seed on 1,797 digits. Each point is a mixture of its five nearest landmarks,
which K-means finds, and the singular vectors of the mixtures are clustered, the first of which is
dropped. Our reading: distances are not squared in exp(-d / (2 s^2)), s their mean; the released
code squares them, in s too, so that its kernel depends on the points' scale. Its 1,000 landmarks
are more than an alphabet has images: there are half as many as points where that is fewer, but
always more than clusters. The final K-means starts from k-means++, not at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances

from bench.nn.clustering.kmeans import kmeans
from bench.nn.clustering.neighbours import graph
from bench.nn.clustering.unfit import refuse_unfit
from bench.registry import method
from bench.tasks import ClusterTask, Floats, Prediction, Run

from .points import OnPoints

_LANDMARK_ITERATIONS = 5
"""Of the K-means that places the landmarks, from one random start."""


@method("lsc", kinds=("cluster",))
@dataclass(frozen=True)
class LSC(OnPoints):
    """Spectral clustering by landmarks."""

    landmarks: int = 1000
    """At most half as many as points; at least one more than clusters."""
    neighbours: int = 5
    """Landmarks that a point is a mixture of."""
    n_init: int = 10
    """Restarts of the final K-means."""
    max_iter: int = 100
    """Iterations of one restart at most."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.landmarks, self.neighbours, self.n_init, self.max_iter) < 1:
            raise ValueError("landmarks, neighbours, n_init and max_iter must be at least 1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster; a single stage, so a resumed cell starts over."""
        points, k = self.points(task, run).astype(np.float64), task.n_clusters
        refuse_unfit(points, k)
        seed = run.seed_for("init")
        landmarks = KMeans(
            number_of_landmarks(self.landmarks, len(points), k),
            init="random",
            n_init=1,
            max_iter=_LANDMARK_ITERATIONS,
            random_state=seed % 2**32,
        )
        mixtures = mixed(points, landmarks.fit(points).cluster_centers_, self.neighbours)
        found = embedded(mixtures, k)
        labels, _ = kmeans(found, k, seed, n_init=self.n_init, max_iter=self.max_iter)
        return Prediction(assignments=labels)


def number_of_landmarks(wanted: int, n: int, k: int) -> int:
    """As many as wanted, n / 2 at most, k + 1 at least, and never more than n points."""
    return min(max(min(wanted, n // 2), k + 1), n)


def mixed(points: npt.NDArray[np.floating], landmarks: Floats, neighbours: int) -> csr_array:
    """Each point's weights of its nearest landmarks, which sum to 1.

    Args:
        points: (N, D).
        landmarks: (p, D).
        neighbours: Landmarks of a point, p at most.

    Returns:
        Sparse, float64, (N, p): exp(-d / (2 s^2)) with s the mean of all N p distances, normalised.
    """
    distances = euclidean_distances(points, landmarks)
    scale = 2.0 * np.mean(distances) ** 2
    near = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    chosen = np.take_along_axis(distances, near, axis=1)
    # What is common to a row is normalised away, and may not underflow before.
    weights = np.exp(-(chosen - chosen[:, :1]) / scale) if scale > 0 else np.ones_like(chosen)
    weights /= weights.sum(axis=1, keepdims=True)
    return graph(near, weights, len(landmarks))


def scaled(mixtures: csr_array) -> csr_array:
    """Columns divided by the root of their sum."""
    sums = np.asarray(mixtures.sum(axis=0)).ravel()
    found: csr_array = mixtures.multiply(1.0 / np.sqrt(np.maximum(sums, 1e-12))).tocsr()
    return found


def embedded(mixtures: csr_array, k: int) -> Floats:
    """Left singular vectors 2 to k + 1 of the scaled mixtures, rows of unit length.

    Args:
        mixtures: What `mixed` gives, (N, p).
        k: Vectors; there are p - 1 where that is fewer.

    Returns:
        float64, (N, min(k, p - 1)); one column of zeros where p is 1.
    """
    matrix = scaled(mixtures)
    squares, right = eigh((matrix.T @ matrix).toarray())
    squares, right = squares[::-1][1 : k + 1], right[:, ::-1][:, 1 : k + 1]
    if not len(squares):
        return np.zeros((matrix.shape[0], 1))
    # Of fewer groups of points than vectors the last have no length, and say nothing.
    singular = np.sqrt(np.where(squares > 1e-12, squares, np.inf))
    left = (matrix @ right) / singular
    found: Floats = left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-12)
    return found
