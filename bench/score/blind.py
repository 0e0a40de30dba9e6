"""What a method scores that knows nothing: how far down a broken one can fall."""

from __future__ import annotations

from functools import cache

import numpy as np

from bench.score import metric_names
from bench.score.metrics import cluster_scores, contingency


def score(metric: str, classes: int, images: int) -> float:
    """Chance where it is known, else 0.

    Args:
        metric: A name of `bench.score.metric_names`.
        classes: K, which are taken to be of one size; 0 where nobody says it.
        images: N, which decide how much random labels have in common with the classes.
    """
    known = metric_names.metric(metric)
    if known is None or not classes:
        return 0.0
    if known.higher_is_better is False:
        return float(classes)
    if metric in ("NMI", "NMI-arithmetic"):
        return _of_random_labels(metric, classes, images)
    if metric in ("dissimilar precision", "dissimilar recall"):
        return 1.0 - 1.0 / classes
    if metric in ("similar precision", metric_names.FEATURES):
        return 1.0 / classes
    return min(1.0, known.top / classes)


@cache
def _of_random_labels(metric: str, classes: int, images: int) -> float:
    """The score of labels drawn at random, each class as likely as any other."""
    labels = np.arange(max(images, classes)) % classes
    drawn = np.random.default_rng(0).integers(classes, size=len(labels))
    return cluster_scores(contingency(labels, drawn, n_clusters=classes), classes)[metric]
