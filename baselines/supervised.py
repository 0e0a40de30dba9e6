"""An upper bound that sees the labels: logistic regression on pixels, out of fold.

No paper's row: it says what a linear classifier reaches on the same pixels when it is told the
labels of the other four fifths of the target. Tables mark it and leave it out of rankings. Each
image is predicted by the model whose fold leaves it out, so that the number is not a fit to
itself; folds come from the "split" axis.

    python -m bench run digits --methods supervised

takes about a second a seed on the 1,797 digits.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.registry import method
from bench.tasks import ClusterTask, Method, Prediction, Run


@method("supervised", kinds=("cluster",), uses_target_labels=True, quick={"max_iter": 100})
@dataclass(frozen=True)
class Supervised(Method):
    """Cross-fitted logistic regression on the target's labels: an upper bound."""

    folds: int = 5
    """Parts of the images, each predicted by a fit on all others."""
    inverse_penalty: float = 1.0
    """C of scikit-learn: the inverse of the L2 penalty's weight, pixels being in 0..1."""
    max_iter: int = 1000
    """Iterations of L-BFGS; fewer than it needs stop it early, as a regulariser would."""

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds = {self.folds}: out-of-fold prediction needs at least 2")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Predict each fold from the others; class c of the labels is cluster c."""
        labels = self._labels(task)
        pixels = task.target.reshape(len(labels), -1).astype(np.float32) / 255.0
        fold_of = run.rng("split").permutation(len(labels)) % self.folds
        state: dict[str, Any] = run.resume() or {
            "done": 0,
            "assignments": np.zeros(len(labels), np.int64),
        }
        assignments = np.array(state["assignments"])
        for fold in range(int(state["done"]), self.folds):
            held_out = fold_of == fold
            model = LogisticRegression(C=self.inverse_penalty, max_iter=self.max_iter)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter says so
                model.fit(pixels[~held_out], labels[~held_out])
            assignments[held_out] = model.predict(pixels[held_out])
            run.progress(fold + 1, self.folds)
            run.checkpoint({"done": fold + 1, "assignments": assignments})
        return Prediction(assignments=assignments)

    def _labels(self, task: ClusterTask) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The target's labels, checked against what the prediction may hold."""
        labels = task.target_labels
        if labels is None:
            raise ValueError(f"supervised needs the target's labels, and {task.name} came without")
        if len(labels) < self.folds:
            raise ValueError(f"{len(labels)} images are too few for {self.folds} folds")
        if labels.max() >= task.n_clusters:
            raise ValueError(
                f"{task.name} has class {labels.max()}, beyond its {task.n_clusters} clusters"
            )
        return labels
