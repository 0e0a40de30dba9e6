"""K-means on what a similarity network says of an image's pairs, without the image.

A control that no paper prints: row i of the predicted matrix R of ones and zeros is the point of
image i. CCN's table 1 (Hsu, Lv, Kira, ICLR 2018) compares clusterings that are given R beside the
images; one that is not above this control has gained nothing by them.

    python -m bench run ccn --methods kmeans-pairs
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.declared import refuse_below
from bench.nn.clustering.kmeans import kmeans
from bench.registry import method
from bench.tasks import ClusterTask, Prediction, Run

from .constrained import DTYPES, Predicted


@method("kmeans-pairs", kinds=("cluster",), dtypes=DTYPES)
@dataclass(frozen=True)
class KMeansOnPairs(Predicted):
    """K-means on the rows of the matrix of predicted pairs."""

    n_init: int = 20
    """Restarts, of which the lowest inertia wins, as for K-means on pixels."""

    def __post_init__(self) -> None:
        refuse_below(1, self, "n_init")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster the rows; a single stage, so a resumed cell starts over."""
        rows = self.similar(task, run).astype(np.float32)
        labels, _ = kmeans(rows, task.n_clusters, run.seed_for("init"), n_init=self.n_init)
        return Prediction(assignments=labels)
