"""What the constrained baselines have in common: points, and pairs that are called similar.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 5.1.1: all are given the same images as the networks, and all pairs' predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench.nn.clustering import constraints
from bench.nn.images.flat import flattened
from bench.tasks import ClusterTask, Method, Need, Run, TaskInfo


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
        return {"similar": Need("similarity-matrix", self.of_matrix())}

    def of_matrix(self) -> dict[str, Any]:
        """The parameters that decide the matrix."""
        return {name: getattr(self, name) for name in ("mode", "invert", "similarity_seed")}

    def similar(self, task: ClusterTask, run: Run) -> constraints.Bools:
        """The matrix R, bool, (n, n): `bench.nn.clustering.constraints` says more."""
        return constraints.similar(run.needed("similar").tensors, len(task.target))


@dataclass(frozen=True)
class Constrained(Predicted):
    """A method on pixels and on the pairs that a similarity network calls similar."""

    size: int = 0
    """Height and width that images are resized to before they are flattened, in pixels: 32 for
    Omniglot (CCN, section 5.1.1); 0: their own."""

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size = {self.size} must be at least 0")

    def points(self, task: ClusterTask) -> npt.NDArray[np.float64]:
        """Pixels in 0..1, (n, D)."""
        return flattened(task.target, self.size).astype(np.float64)
