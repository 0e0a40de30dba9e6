"""Scores over training: entropies of pseudo-classes by their definition, figures that show them."""

import numpy as np
import pytest

from bench.score import metric_names, metrics, snapshots


def test_entropies_are_those_of_scipy_cluster_by_cluster():
    from scipy.stats import entropy

    rng = np.random.default_rng(0)
    labels, assignments = rng.integers(7, size=200), rng.integers(12, size=200) // 2 * 2
    found = snapshots.entropies(metrics.contingency(labels, assignments, n_clusters=12))
    wanted = [entropy(np.bincount(labels[assignments == c])) for c in range(0, 12, 2)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_cluster_of_one_class_has_no_entropy_and_one_of_two_alike_log_2():
    found = snapshots.entropies(np.array([[4, 3, 0], [0, 3, 0]]))
    np.testing.assert_allclose(found, [0, np.log(2)])
    assert not np.signbit(found).any()


def test_every_snapshot_gets_every_score():
    labels = np.array([0, 0, 1, 1])
    found = snapshots.score(np.array([[0, 0, 0, 0], [0, 0, 1, 2]], np.int16), labels)
    assert found["ACC"] == [0.5, 0.75]
    assert found["mean entropy"] == pytest.approx([np.log(2), 0])
    assert found["lowest entropy"] == pytest.approx([np.log(2), 0])
    assert found["highest entropy"] == pytest.approx([np.log(2), 0])
    assert set(found) == set(snapshots.SNAPSHOT_METRICS)
    assert tuple(snapshots.SNAPSHOT_METRICS) == metric_names.SNAPSHOTS
    assert set(metric_names.SNAPSHOTS) > metric_names.NATS
