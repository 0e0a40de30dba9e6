"""K-means (MacQueen 1967; k-means++ starts: Arthur and Vassilvitskii 2007).

The K-means rows. On pixels: "Deep image category discovery using a transferred similarity
function", table 2 (MNIST-train NMI .500). On features of a network trained on the source classes:
SUPREME, table 1, whose numbers are DTC's: 20 restarts, on all 512 features or, as DTC's script
starts its centres, on `components`. On those of a standard network with published weights: CCN,
table 8.

    python -m bench run digits --methods kmeans

takes under a second a seed on the 1,797 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sklearn.decomposition import PCA

from bench.declared import refuse_below
from bench.nn.clustering.kmeans import in_span, kmeans
from bench.registry import method
from bench.tasks import ClusterTask, Prediction, Run

from .points import OnPoints

_NEUTRAL = {"weights": "", "size": 0, "components": "all"}


@method("kmeans", kinds=("cluster",), quick={"n_init": 10}, neutral=_NEUTRAL)
@dataclass(frozen=True)
class KMeans(OnPoints):
    """K-means on pixels or on features learned from the source classes."""

    n_init: int = 20
    """Restarts, of which the lowest inertia wins (DEC, DTC)."""
    max_iter: int = 300
    """Iterations of one restart at most."""
    components: Literal["all", "clusters"] = "all"
    """What of the points is clustered: "clusters" takes as many principal components as there are
    clusters, not whitened, as DTC's script does with features."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_below(1, self, "n_init", "max_iter")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster the target; a single stage, so a resumed cell starts over."""
        points = in_span(self.points(task, run))
        if self.components == "clusters":
            count = min(task.n_clusters, *points.shape)
            points = PCA(count, svd_solver="full").fit_transform(points)
        labels, _ = kmeans(
            points,
            task.n_clusters,
            run.seed_for("init"),
            n_init=self.n_init,
            max_iter=self.max_iter,
        )
        return Prediction(assignments=labels)
