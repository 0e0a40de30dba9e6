"""What a method scores that knows nothing."""

import numpy as np
import pytest

from bench.score import blind
from bench.score.metrics import cluster_scores, contingency


@pytest.mark.parametrize(
    ("metric", "classes", "found"),
    [
        ("ACC", 10, 0.1),
        ("linear conv5 top-5", 20, 0.25),
        ("top-5", 3, 1.0),  # five guesses of three classes
        ("ADif", 20, 20.0),  # no cluster at all
        ("dissimilar precision", 20, 0.95),  # all pairs called dissimilar
        ("similar precision", 20, 0.05),
        ("similar recall", 20, 0.0),
        ("ARI", 20, 0.0),
        ("loss", 20, 0.0),  # a method's own
        ("ACC", 0, 0.0),
    ],
)
def test_chance_where_it_is_known(metric, classes, found):
    assert blind.score(metric, classes, 1000) == pytest.approx(found)


def test_random_labels_share_more_with_many_classes_of_few_images():
    known = [blind.score("NMI", k, n) for k, n in ((10, 2000), (10, 200), (100, 900))]
    assert known == sorted(known)
    assert known[0] < 0.02
    labels = np.arange(900) % 100
    drawn = np.random.default_rng(5).integers(100, size=900)
    other = cluster_scores(contingency(labels, drawn, n_clusters=100), 100)["NMI"]
    assert known[2] == pytest.approx(other, abs=0.02)
