"""How often near neighbours in a space of features share their true class.

Zhou and Zhang, "Deep clustering with features from self-supervised pretraining", 2022, figure 1:
the 20 nearest neighbours by the inner product. The paper does not say how it averages; here every
neighbour counts alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.tasks import Ints

NEIGHBOURS = 20
QUERIES = 10_000
"""Images whose neighbours are looked at, at most: the first, which are a uniform sample since the
canonical order is by hash. Their neighbours are sought among all."""
_BLOCK = 500


def label_consistency(features: npt.NDArray[np.floating], labels: Ints) -> float:
    """The share of the nearest neighbours, by the inner product, that are of the image's class.

    Args:
        features: (N, D), finite.
        labels: int64, (N,).

    Raises:
        ValueError: fewer than two images, or another number of labels.
    """
    n = len(features)
    if n < 2 or len(labels) != n:
        raise ValueError(f"{n} rows of features, {len(labels)} labels: at least two, and as many")
    rows = np.asarray(features, np.float32).reshape(n, -1)
    k, queries, shared = min(NEIGHBOURS, n - 1), min(QUERIES, n), 0
    for start in range(0, queries, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, queries))
        products = rows[block] @ rows.T
        products[np.arange(len(block)), block] = -np.inf
        near = np.argpartition(products, -k, axis=1)[:, -k:]
        shared += int((labels[near] == labels[block][:, None]).sum())
    return shared / (queries * k)
