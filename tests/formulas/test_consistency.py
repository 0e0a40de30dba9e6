"""Label consistency of features: the literal count, and the harness that scores artifacts by it."""

import numpy as np
import pytest
from harness import run, write_experiment

from bench.score import label_consistency as module
from bench.score import scores
from bench.score.label_consistency import label_consistency


def literal(features, labels, k):
    """For each image, the k others with the largest inner product, one after another."""
    shares = []
    for i, x in enumerate(features):
        others = sorted(
            (j for j in range(len(features)) if j != i), key=lambda j: -(x @ features[j])
        )
        shares += [labels[j] == labels[i] for j in others[:k]]
    return np.mean(shares)


@pytest.mark.parametrize("n", [2, 15, 21, 90])
def test_it_is_the_literal_share(n, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 7)
    rng = np.random.default_rng(n)
    features, labels = rng.normal(size=(n, 5)), rng.integers(3, size=n)
    wanted = literal(features, labels, min(20, n - 1))
    assert label_consistency(features, labels) == pytest.approx(wanted, abs=1e-12)


def test_of_many_images_the_first_ask_among_all(monkeypatch):
    monkeypatch.setattr(module, "QUERIES", 2)
    features = np.eye(3)[[0, 1, 2, 2]] + 0.1
    monkeypatch.setattr(module, "NEIGHBOURS", 1)
    features[3] = features[0] * 2
    assert label_consistency(features, np.array([0, 1, 1, 0])) == 0.5


def test_only_features_of_the_tasks_images_are_scored():
    labels = np.array([0, 0, 1, 1])
    features = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert scores.score_features(features, labels) == {"label consistency": pytest.approx(1 / 3)}
    assert scores.score_features(features[:3], labels) == {}
    assert scores.score_features(np.ones(4), labels) == {}
    with pytest.raises(ValueError, match="3 labels"):
        label_consistency(features, labels[:3])


def test_an_experiment_shows_it_of_cells_that_serve_others(tmp_path):
    toml = write_experiment(
        tmp_path / "e.toml", "tiny/cluster", [{"method": "pixels"}], metric="label consistency"
    )
    (found,) = run(toml, tmp_path / "results").records.values()
    assert 0.5 < found.metrics["label consistency"] <= 1
    assert set(found.metrics) == {"label consistency"}
