"""What a linear classifier reaches that is told the labels of other images: an upper bound."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.tasks import ClusterTask, Prediction, Run


def predicted(
    features: npt.NDArray[np.float32],
    task: ClusterTask,
    run: Run,
    *,
    folds: int,
    inverse_penalty: float,
    max_iter: int,
) -> Prediction:
    """Logistic regression, each image predicted by the model whose fold leaves it out.

    Args:
        features: (N, D), of the target's images.
        task: With their labels; class c is cluster c.
        run: Whose "split" axis draws the folds; a checkpoint after each.
        folds: Parts of the images, at least 2.
        inverse_penalty: C of scikit-learn.
        max_iter: Iterations of L-BFGS.

    Raises:
        ValueError: there are no labels, fewer images than folds, or more classes than clusters.
    """
    labels = _labels(task, folds)
    fold_of = run.rng("split").permutation(len(labels)) % folds
    state: dict[str, Any] = run.resume() or {"done": 0}
    assignments = np.array(state.get("assignments", np.zeros(len(labels), np.int64)))
    for fold in range(int(state["done"]), folds):
        held_out = fold_of == fold
        model = LogisticRegression(C=inverse_penalty, max_iter=max_iter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter says so
            model.fit(features[~held_out], labels[~held_out])
        assignments[held_out] = model.predict(features[held_out])
        run.progress(fold + 1, folds)
        run.checkpoint({"done": fold + 1, "assignments": assignments})
    return Prediction(assignments=assignments)


def refuse_one_fold(folds: int) -> None:
    """Raise a ValueError for folds of which none is left to learn from."""
    if folds < 2:
        raise ValueError(f"folds = {folds}: out-of-fold prediction needs at least 2")


def _labels(task: ClusterTask, folds: int) -> npt.NDArray[np.int64]:
    """The target's labels, checked against what the prediction may hold."""
    labels = task.target_labels
    if labels is None:
        raise ValueError(f"{task.name} came without the target's labels, which an upper bound sees")
    if len(labels) < folds:
        raise ValueError(f"{len(labels)} images are too few for {folds} folds")
    if labels.max() >= task.n_clusters:
        raise ValueError(
            f"{task.name} has class {labels.max()}, beyond its {task.n_clusters} clusters"
        )
    return labels
