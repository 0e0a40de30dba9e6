"""An upper bound for clustering on frozen features: a linear classifier that sees the labels.

Logistic regression on the features that TSP's head has, out of fold: each image is predicted by the
model whose fifth of the images leaves it out. No row of the paper, whose "Supervised" trains the
whole network; it says what a linear head could reach. Tables mark it and leave it out of rankings.

    python -m bench run tsp-lite --methods tsp-supervised

takes about a minute a seed on 5,000 images of 1,280 features. Both presets are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.nn import out_of_fold
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
        out_of_fold.refuse_one_fold(self.folds)

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Predict each fold from the others; class c of the labels is cluster c."""
        return out_of_fold.predicted(
            self.features(run).cpu().numpy(),
            task,
            run,
            folds=self.folds,
            inverse_penalty=self.inverse_penalty,
            max_iter=self.max_iter,
        )
