"""Scores of the assignments that a method hands over while it trains, for curves over training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.score import metrics
from bench.score.metrics import Table
from bench.tasks import Ints


def entropies(table: Table) -> npt.NDArray[np.float64]:
    """Entropy of the true classes in each cluster that has samples, in nats.

    "Self-labelling via simultaneous clustering and representation learning" (SeLa), figures A.4 to
    A.8. 0 for a cluster of one class.

    Args:
        table: (classes, clusters).

    Returns:
        float64, (at most clusters,), in the clusters' order.
    """
    share = table[:, table.any(axis=0)].astype(np.float64)
    share /= share.sum(axis=0)
    log = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray(np.abs(share * log).sum(axis=0))


SNAPSHOT_METRICS: dict[str, Callable[[Table], float]] = {
    "ACC": metrics.clustering_accuracy,
    "NMI": lambda table: metrics.nmi(table, "sqrt"),
    "lowest entropy": lambda table: float(entropies(table).min()),
    "mean entropy": lambda table: float(entropies(table).mean()),
    "highest entropy": lambda table: float(entropies(table).max()),
}
"""Name -> score; the names are `bench.score.metric_names.SNAPSHOTS`."""


def score(snapshots: Any, labels: Ints) -> dict[str, list[float]]:
    """All scores of all snapshots, by name.

    Args:
        snapshots: Integers, (S, N).
        labels: int64, (N,).
    """
    tables = [metrics.contingency(labels, a.astype(np.int64)) for a in np.asarray(snapshots)]
    return {name: [of(table) for table in tables] for name, of in SNAPSHOT_METRICS.items()}
