"""The estimate of the number of clusters."""

import itertools

import numpy as np
import pytest
from fake_run import FakeRun

from bench import ROOT, registry
from bench.tasks import ClusterTask, Labelled, Prediction, TaskInfo

estimate_k = registry.import_from(ROOT / "baselines", "estimate_k")
EstimateK = estimate_k.EstimateK


def images(classes, each, rng):
    """Noisy images of 4 by 4 pixels, one bright pixel for each class."""
    labels = np.repeat(np.arange(len(classes)), each)
    x = rng.integers(0, 40, (len(labels), 4, 4, 1))
    x.reshape(len(x), -1)[np.arange(len(x)), np.asarray(classes)[labels]] += 200
    return x.astype(np.uint8), labels


def task(most=9, target=(10, 11, 12, 13), source=(0, 1, 2, 3), each=20):
    rng = np.random.default_rng(0)
    x, labels = images(source, each, rng)
    known = Labelled(x, labels, len(source))
    return ClusterTask("blobs", images(target, each, rng)[0], most, known)


@pytest.mark.parametrize("n", [3, 4, 6])
def test_the_number_of_blobs_is_found(n):
    the_task = task(target=tuple(range(15, 15 - n, -1)))
    run = FakeRun()
    found = EstimateK(features="pixels", n_init=20).fit(the_task, run).assignments
    assert sorted(set(found)) == list(range(n))
    assert [step for step, _ in run.logged] == list(range(2, 10))


@pytest.mark.parametrize(
    ("accuracy", "silhouette", "wanted"),
    [
        ([0.5, 0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4, 0.5], 5),  # 3 and 6, rounded up
        ([0.5, 0.6, 0.7, 0.8, 0.9], [0.1, 0.5, 0.3, 0.4, 0.2], 5),  # 6 and 3
        ([0.9, 0.9, 0.9, 0.9, 0.6], [0.1, 0.2, 0.5, 0.4, 0.3], 4),  # 4 among equals, and 4
    ],
)
def test_the_estimate_is_the_mean_of_both_best(monkeypatch, accuracy, silhouette, wanted):
    accuracy, silhouette = iter(accuracy), iter(silhouette)
    monkeypatch.setattr(estimate_k, "matched", lambda *_: next(accuracy))
    monkeypatch.setattr(estimate_k, "_silhouette", lambda *_: next(silhouette))
    found = EstimateK(features="pixels", n_init=1).fit(task(most=6), FakeRun())
    assert len(set(found.assignments)) == wanted


def test_anchors_keep_their_clusters_and_others_join_the_nearest():
    points = np.array([[0.0], [1.0], [10.0], [11.0], [0.4], [10.6], [30.0], [31.0]])
    known = np.array([0, 0, 1, 1, -1, -1, -1, -1])
    draw = np.random.default_rng(0)
    found = estimate_k.anchored_kmeans(points, known, 3, draw, n_init=5, max_iter=20)
    np.testing.assert_array_equal(found, [0, 0, 1, 1, 0, 1, 2, 2])
    wrong = np.where(known >= 0, [0, 1, 0, 1, 0, 0, 0, 0], -1)
    found = estimate_k.anchored_kmeans(points, wrong, 3, draw, n_init=5, max_iter=20)
    np.testing.assert_array_equal(found[:4], wrong[:4])


def test_restarts_do_not_raise_the_inertia():
    rng = np.random.default_rng(1)
    points, known = rng.normal(size=(300, 2)), np.full(300, -1)
    known[:10] = 0

    def inertia(n_init):
        draw = np.random.default_rng(2)
        found = estimate_k.anchored_kmeans(points, known, 25, draw, n_init=n_init, max_iter=50)
        groups = (points[found == c] for c in np.unique(found))
        return sum(((g - g.mean(axis=0)) ** 2).sum() for g in groups)

    values = [inertia(n) for n in (1, 5, 20)]
    assert values[0] >= values[1] >= values[2]
    assert values[0] > values[2]


def test_matched_against_every_matching():
    rng = np.random.default_rng(3)
    labels, clusters = rng.integers(3, size=50), rng.integers(5, size=50)
    every = itertools.permutations(range(5), 3)
    wanted = max(np.mean(np.array(match)[labels] == clusters) for match in every)
    assert estimate_k.matched(labels, clusters) == pytest.approx(wanted)


def test_probes_are_balanced_and_limited():
    probes, labels = EstimateK(per_class=7)._probes(task().source, FakeRun())
    assert probes.shape == (28, 4, 4, 1)
    np.testing.assert_array_equal(np.bincount(labels), [7, 7, 7, 7])
    bright = probes.reshape(28, -1).argmax(axis=1).reshape(4, 7)
    assert (bright == bright[:, :1]).all()
    assert len(set(bright[:, 0])) == 4


def test_source_features_come_from_the_pretrained_network():
    run = FakeRun()
    small = {"epochs": 1, "milestones": ()}
    run.needs["network"] = registry.get("pretrain").cls(**small).fit(task(), FakeRun())
    found = EstimateK(n_init=1).fit(task(), run)
    assert found.assignments.shape == (80,)
    run.needs["network"] = Prediction(architecture="nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        EstimateK(n_init=1).fit(task(), run)


@pytest.mark.parametrize("most", [1, 80])
def test_a_bound_out_of_range_is_refused(most):
    with pytest.raises(ValueError, match=rf"n_clusters = {most} for 80 images"):
        EstimateK(features="pixels").fit(task(most=most), FakeRun())


def test_too_few_probe_classes_are_refused():
    with pytest.raises(ValueError, match="three labelled classes or more"):
        EstimateK(features="pixels").fit(task(source=(0, 1)), FakeRun())


def test_a_task_without_source_is_refused():
    info = TaskInfo("digits/cluster", "cluster", False, False, {})
    with pytest.raises(ValueError, match="digits/cluster has none"):
        EstimateK().needs(info)


@pytest.mark.parametrize("wrong", [{"anchors": 0.0}, {"anchors": 1.0}, {"per_class": -1}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EstimateK(**wrong)
