"""K-means as the papers use it: k-means++ starts, the best of several restarts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from bench.nn.clustering.unfit import refuse_unfit


def kmeans(
    features: npt.ArrayLike, n_clusters: int, seed: int, *, n_init: int = 20, max_iter: int = 300
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.floating]]:
    """Lloyd's algorithm from `n_init` k-means++ starts; the lowest inertia wins.

    Args:
        features: (N, D), finite.
        n_clusters: 1..N.
        seed: Any non-negative integer.
        n_init: Restarts; 20 in DEC and DTC.
        max_iter: Iterations of one restart at most.

    Returns:
        Labels, int64, (N,), in 0..n_clusters-1, and centres, (n_clusters, D), in the dtype of
        the features.

    Raises:
        ValueError: more clusters than points, fewer than one, or features that are not finite.
    """
    features = np.asarray(features)
    refuse_unfit(features, n_clusters)
    model = KMeans(
        n_clusters,
        n_init=n_init,
        max_iter=max_iter,
        random_state=seed % 2**32,  # all that scikit-learn takes
    ).fit(features)
    return model.labels_.astype(np.int64), model.cluster_centers_


def in_span(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The points in coordinates of the space that they span, where that saves three quarters.

    A rotation changes no distance, and with it no step of K-means but by rounding. 520 images of
    105 by 105 pixels have 520 coordinates in place of 11,025.

    Args:
        points: (N, D).

    Returns:
        (N, N) where D is at least 4 N, centred; else the points as they are.
    """
    n, dimensions = points.shape
    if dimensions < 4 * n:
        return points
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    triangle = np.asarray(np.linalg.qr(centred.T, mode="r"))
    return triangle.T.astype(np.float32)
