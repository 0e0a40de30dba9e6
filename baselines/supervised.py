"""An upper bound that sees the labels: logistic regression on pixels, out of fold.

No paper's row: it says what a linear classifier reaches on the same pixels when it is told the
labels of the other four fifths of the target. Tables mark it and leave it out of rankings. Each
image is predicted by the model whose fold leaves it out, so that the number is not a fit to
itself; folds come from the "split" axis.

    python -m bench run digits --methods supervised

takes about a second a seed on the 1,797 digits.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bench.nn import out_of_fold
from bench.nn.images.flat import flattened
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
        out_of_fold.refuse_one_fold(self.folds)

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Predict each fold from the others; class c of the labels is cluster c."""
        return out_of_fold.predicted(flattened(task.target), task, run, **asdict(self))
