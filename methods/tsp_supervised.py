"""An upper bound for clustering on frozen features: a linear classifier that sees the labels.

Logistic regression on the features that TSP's head has, out of fold: each image is predicted by the
model whose fifth of the images leaves it out. No row of the paper, whose "Supervised" trains the
whole network; it says what a linear head could reach. Tables mark it and leave it out of rankings.

    python -m bench run tsp-lite --methods tsp-supervised

takes about a minute a seed on 5,000 images of 1,280 features. Both presets are alike.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.registry import method
from bench.tasks import ClusterTask, Prediction, Run

from .features import OnFeatures


@method("tsp-supervised", kinds=("cluster",), uses_target_labels=True)
@dataclass(frozen=True)
class TSPSupervised(OnFeatures):
    """Cross-fitted logistic regression on the same features: an upper bound that sees labels."""

    folds: int = 5
    """Parts of the images, each predicted by a fit on all others."""
    inverse_penalty: float = 1.0
    """C of scikit-learn: the inverse of the L2 penalty's weight."""
    max_iter: int = 100
    """Iterations of L-BFGS; fewer than it needs stop it early, as a regulariser would."""

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds = {self.folds}: out-of-fold prediction needs at least 2")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Predict each fold from the others; class c of the labels is cluster c.

        Raises:
            ValueError: there are no labels, or fewer images than folds.
        """
        labels = task.target_labels
        if labels is None or len(labels) < self.folds:
            raise ValueError(f"{task.name}: tsp-supervised needs labels of {self.folds} images")
        features = self.features(run).cpu().numpy()
        fold_of = run.rng("split").permutation(len(labels)) % self.folds
        state: dict[str, Any] = run.resume() or {"done": 0}
        assignments = np.array(state.get("assignments", np.zeros(len(labels), np.int64)))
        for fold in range(int(state["done"]), self.folds):
            held_out = fold_of == fold
            model = LogisticRegression(C=self.inverse_penalty, max_iter=self.max_iter)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter says so
                model.fit(features[~held_out], labels[~held_out])
            assignments[held_out] = model.predict(features[held_out])
            run.progress(fold + 1, self.folds)
            run.checkpoint({"done": fold + 1, "assignments": assignments})
        return Prediction(assignments=assignments)
