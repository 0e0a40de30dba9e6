"""From predictions to metrics, in the one process that holds the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.errors import NonFiniteError
from bench.score import metrics, strata
from bench.score.average_precision import mean_average_precision
from bench.score.label_consistency import label_consistency
from bench.score.metric_names import FEATURES
from bench.tasks import Floats, Ints, Prediction, Signs, Task


class InvalidPrediction(ValueError):
    """A method gave back something that does not fit its task."""


def check(prediction: Any, task: Task, *, artifact: bool) -> Prediction:
    """The prediction, if it is what the task asks for; runs in the worker, where no labels are.

    Raises:
        InvalidPrediction: wrong type, length or range.
        NonFiniteError: NaN or infinite values.
    """
    if not isinstance(prediction, Prediction):
        raise InvalidPrediction(f"fit returned a {type(prediction).__name__}, not a Prediction")
    if artifact:
        if not prediction.tensors:
            raise InvalidPrediction("fit returned no tensors for the cells that need them")
        return prediction
    kind = type(task).__name__
    n = len(task.target)
    if kind in ("ClusterTask", "PairsTask", "AdaptTask"):
        top = task.source.n_classes if kind == "AdaptTask" else task.n_clusters  # type: ignore[union-attr]
        check_integers("assignments", prediction.assignments, n, top)
    elif kind == "SimilarityTask":
        _probabilities(prediction.scores, len(task.pairs))  # type: ignore[union-attr]
    elif kind == "FineTuneTask":
        _class_scores(prediction, (n, task.train.labels.shape[1]))  # type: ignore[union-attr]
    elif prediction.assignments is not None:
        check_integers("assignments", prediction.assignments, n, None)
    if kind == "RepresentTask" and not (prediction.tensors and prediction.architecture):
        raise InvalidPrediction("fit returned no architecture and tensors of a network")
    if kind == "ProbeTask" and not prediction.classes:
        raise InvalidPrediction("fit returned no classes")
    for name, classes in prediction.classes.items():
        check_integers(f"classes['{name}']", classes, n, None)
    return prediction


def check_snapshots(snapshots: Mapping[int, Any], task: Task) -> None:
    """Refuse snapshots that could not be scored; runs in the worker.

    Raises:
        InvalidPrediction: wrong type, length or range.
        NonFiniteError: NaN or infinite values.
    """
    for step, assignments in snapshots.items():
        check_integers(
            f"the snapshot at step {step}: assignments", assignments, len(task.target), None
        )


def check_integers(name: str, values: Any, n: int, top: int | None) -> None:
    """Refuse what is no array of n integers in 0..top-1; "classes" may have several for each."""
    if values is None:
        raise InvalidPrediction(f"fit returned no {name}")
    array = np.asarray(values)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NonFiniteError(f"{name} hold NaN or infinite values")
    dimensions = (1, 2) if name.startswith("classes") else (1,)
    if array.ndim not in dimensions or len(array) != n:
        raise InvalidPrediction(f"{name} have shape {array.shape}; the task has {n} images")
    if array.dtype.kind not in "iu":
        raise InvalidPrediction(f"{name} are of type {array.dtype}; integers are wanted")
    if array.min(initial=0) < 0 or (top is not None and array.max(initial=0) >= top):
        raise InvalidPrediction(
            f"{name} range over {array.min()}..{array.max()}; "
            f"0..{top - 1 if top is not None else ''} is wanted"
        )


def _class_scores(prediction: Prediction, shape: tuple[int, int]) -> None:
    """Refuse what is not, by name, arrays of finite numbers of this shape."""
    if not prediction.class_scores:
        raise InvalidPrediction("fit returned no class_scores")
    for name, scores in prediction.class_scores.items():
        array = np.asarray(scores)
        if array.shape != shape or array.dtype.kind != "f":
            raise InvalidPrediction(
                f"class_scores['{name}'] are {array.dtype} of shape {array.shape}; floats of shape "
                f"{shape} are wanted"
            )
        if not np.isfinite(array).all():
            raise NonFiniteError(f"class_scores['{name}'] hold NaN or infinite values")


def _probabilities(scores: Any, n: int) -> None:
    """Refuse what is no array of n probabilities."""
    if scores is None:
        raise InvalidPrediction("fit returned no scores")
    array = np.asarray(scores)
    if array.shape != (n,):
        raise InvalidPrediction(f"scores have shape {array.shape}; the task asks {n} pairs")
    if not np.isfinite(array).all():
        raise NonFiniteError("scores hold NaN or infinite values")
    if array.min() < 0 or array.max() > 1:
        raise InvalidPrediction(f"scores range over {array.min()}..{array.max()}; 0..1 is wanted")


def score(
    kind: str,
    prediction: Prediction,
    labels: Ints | Signs,
    *,
    n_classes: int,
    setting: Mapping[str, Any],
    pairs: Ints | None = None,
) -> dict[str, float]:
    """The metrics of a prediction.

    Args:
        kind: Of the task.
        prediction: As it was stored.
        labels: int64, (N,), the target's; int8, (N, classes), of a fine-tune task.
        n_classes: How many classes the target has.
        setting: Of the protocol; `n_clusters` is the declared number, for NDC.
        pairs: int64, (P, 2), for similarity tasks.

    Returns:
        Name -> value, as `bench.score.metric_names.METRICS` names them; for probes "NAME top-1",
        "NAME top-5", for fine-tuning "NAME mAP", left out where a class is in no target image.
    """
    if kind == "similarity" and pairs is not None and prediction.scores is not None:
        return _of_pairs(prediction.scores, pairs, np.asarray(labels, np.int64), setting)
    if kind in ("probe", "finetune"):
        return _of_network(prediction, labels)
    if prediction.assignments is None:
        return {}
    if kind == "adapt":
        return {"accuracy": metrics.accuracy(labels, prediction.assignments)}
    assignments = np.asarray(prediction.assignments, np.int64)
    declared = setting.get("n_clusters") or int(assignments.max(initial=0)) + 1
    table = metrics.contingency(labels, assignments, n_classes=n_classes, n_clusters=declared)
    return metrics.cluster_scores(table, declared)


def _of_pairs(
    found: Floats, pairs: Ints, labels: Ints, setting: Mapping[str, Any]
) -> dict[str, float]:
    """What the scores of pairs are worth, by the way in which the pairs were drawn."""
    similar = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    if n_way := setting.get("n_way"):
        return {"N-way accuracy": metrics.n_way_accuracy(similar, found, n_way)}
    if "n_similar" in setting:
        return strata.pair_scores(similar, found, strata.prior(labels))
    return metrics.pair_scores(similar, found)


def _of_network(prediction: Prediction, labels: Ints | Signs) -> dict[str, float]:
    """What a probe or fine-tuning found a network to be worth."""
    found: dict[str, float] = {}
    for name, ranked in prediction.classes.items():
        columns = ranked.reshape(len(ranked), -1)
        found[f"{name} top-1"] = metrics.accuracy(labels, columns[:, 0])
        if columns.shape[1] >= 5:
            found[f"{name} top-5"] = metrics.top_k_accuracy(labels, columns[:, :5])
    for name, scores in prediction.class_scores.items():
        value = mean_average_precision(labels, scores)
        if value is not None:
            found[f"{name} mAP"] = value
    return found


def score_features(features: Any, labels: Ints) -> dict[str, float]:
    """The metric of an artifact's features, where they are one row for each image, else none.

    Args:
        features: Floats, (N, D).
        labels: int64, (N,).
    """
    if len(features) != len(labels) or len(labels) < 2 or np.ndim(features) < 2:
        return {}
    return {FEATURES: label_consistency(features, labels)}
