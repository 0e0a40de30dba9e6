"""The supervised bound on features: out of fold, resumable, and with labels or not at all."""

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import registry
from bench.tasks import ClusterTask, Prediction

registry.load()
Supervised = registry.get("tsp-supervised").cls
RNG = np.random.default_rng(0)


def run_on(points):
    features = torch.from_numpy(points.astype(np.float32))
    return FakeRun(needs={"features": Prediction(tensors={"features": features})})


def task(labels, clusters=2):
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    return ClusterTask("t", images, clusters, target_labels=labels)


def test_it_is_out_of_fold():
    labels = RNG.integers(0, 2, 200)
    noise = RNG.normal(size=(200, 150))
    guessed = Supervised().fit(task(labels), run_on(noise)).assignments
    assert (guessed == labels).mean() < 0.65, "it would be near 1 if it saw its own"
    told = noise + 5 * np.eye(150)[labels]
    known = Supervised().fit(task(labels), run_on(told)).assignments
    assert (known == labels).mean() > 0.95


def test_each_fold_is_predicted_once_and_a_stopped_run_goes_on():
    labels = RNG.integers(0, 2, 60)
    run = run_on(RNG.normal(size=(60, 5)) + labels[:, None])
    whole = Supervised().fit(task(labels), run).assignments
    assert [state["done"] for state in run.checkpoints] == [1, 2, 3, 4, 5]
    for state in run.checkpoints:
        again = Supervised().fit(task(labels), run.resumed(state)).assignments
        assert np.array_equal(again, whole)


def test_it_refuses_what_it_cannot_use():
    images = np.zeros((9, 2, 2, 1), np.uint8)
    run = run_on(np.zeros((9, 2)))
    with pytest.raises(ValueError, match="came without the target's labels"):
        Supervised().fit(ClusterTask("t", images, 2), run)
    with pytest.raises(ValueError, match="3 images are too few for 5 folds"):
        Supervised().fit(task(np.array([0, 1, 0])), run)
    with pytest.raises(ValueError, match="at least 2"):
        Supervised(folds=1)
