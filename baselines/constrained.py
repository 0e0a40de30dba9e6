"""What the constrained baselines have in common: points, and pairs that are called similar.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 5.1.1: all are given the same images as the networks, and all pairs' predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np

from bench.declared import refuse_below
from bench.nn.clustering import constraints
from bench.nn.clustering.kmeans import kmeans
from bench.nn.images.flat import flattened
from bench.tasks import Bools, ClusterTask, Dtype, Floats, Method, Need, Prediction, Run, TaskInfo

DTYPES: tuple[Dtype, ...] = ("float32", "bfloat16")
"""Of the network that is asked about pairs. What is done with its answers is the same for both."""


@dataclass(frozen=True)
class Predicted(Method):
    """A method on the pairs that a similarity network calls similar; it inherits what decides them.

    Methods inherit these parameters in place of nesting them: a cell's key holds them by their
    own names.
    """

    mode: Literal["eval", "train"] = "eval"
    """As for `similarity-matrix`."""
    invert: bool | None = None
    """Whether ink is dark here; None: as where the similarity was learned."""
    similarity_seed: int | None = None
    """Seed of the similarity network; None: one for each seed."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The matrix of predictions, one for all K."""
        return {"similar": Need("similarity-matrix", self.inherited(Predicted))}

    def inherited(self, ancestor: type[Predicted]) -> dict[str, Any]:
        """The parameters that an ancestor has too: those of a cell that is needed."""
        return {f.name: getattr(self, f.name) for f in fields(ancestor)}

    def similar(self, task: ClusterTask, run: Run) -> Bools:
        """The matrix R, bool, (n, n): `bench.nn.clustering.constraints` says more."""
        return constraints.similar(run.needed("similar").tensors, len(task.target))


@dataclass(frozen=True)
class Constrained(Predicted):
    """A method on pixels and on the pairs that a similarity network calls similar."""

    size: int = 0
    """Height and width that images are resized to before they are flattened, in pixels: 32 for
    Omniglot (CCN, section 5.1.1); 0: their own."""

    def __post_init__(self) -> None:
        refuse_below(0, self, "size")

    def points(self, task: ClusterTask) -> Floats:
        """Pixels in 0..1, (n, D)."""
        return flattened(task.target, self.size).astype(np.float64)


@dataclass(frozen=True)
class OnLearned(Constrained):
    """K-means on the points that a needed cell has learned from pairs."""

    learned: ClassVar[str]
    """The role of that cell."""

    n_init: int = 20
    """Restarts, of which the lowest inertia wins."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_below(1, self, "n_init")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster; a single stage, so a resumed cell starts over."""
        points = run.needed(self.learned).tensors["points"].numpy()
        labels, _ = kmeans(points, task.n_clusters, run.seed_for("init"), n_init=self.n_init)
        return Prediction(assignments=labels)
