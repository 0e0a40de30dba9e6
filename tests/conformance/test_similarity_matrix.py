"""The whole matrix that a similarity network predicts, against the network pair by pair."""

import sys

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from harness import DATA, PLUGINS

from bench import registry
from bench.nn.clustering import constraints
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.plan import graph
from bench.plan.experiment import load
from bench.tasks import ClusterTask, Prediction, TaskInfo

IMAGES = np.random.default_rng(0).integers(256, size=(11, 12, 12, 1), dtype=np.uint8)


@pytest.fixture
def trained():
    """A network with random weights, which has an opinion on any pair."""
    architecture = transferred.describe(1, (8, 16), Views(size=8, mean=0.1, std=0.3))
    network, views = transferred.build(architecture, seed=2)
    with torch.no_grad():
        logits = network.eval()(views.clean(to_tensor(IMAGES)))
        # Half of the pairs are to lie on either side.
        network.head.output.bias[1] -= (logits[..., 1] - logits[..., 0]).median() + 1e-4
    return Prediction(tensors=network.state_dict(), architecture=architecture)


def matrix(trained, images=IMAGES, **params):
    method = registry.get("similarity-matrix").build(params)
    found = method.fit(
        ClusterTask("made/cluster", images, 3), FakeRun(needs={"similarity": trained})
    )
    assert set(found.tensors) == {"similar"}
    return constraints.similar(found.tensors, len(images))


@pytest.mark.parametrize("block", [2**20, 40])
def test_it_is_what_the_network_says_of_each_ordered_pair(trained, block, monkeypatch):
    module = sys.modules[registry.get("similarity-matrix").module]
    monkeypatch.setattr(module, "_PAIRS", block)
    found = matrix(trained)
    network, views = transferred.load(trained.architecture, trained.tensors)
    pairs = np.stack(np.meshgrid(range(11), range(11), indexing="ij"), axis=-1).reshape(-1, 2)
    scores = transferred.score(network, views, IMAGES, pairs).reshape(11, 11)
    assert np.abs(scores - 0.5).min() > 1e-6
    assert np.array_equal(found, scores > 0.5)
    assert 0.1 < found.mean() < 0.9
    assert not np.array_equal(found, found.T)


def test_training_mode_takes_the_statistics_of_all_images(trained):
    found = matrix(trained, mode="train")
    network, views = transferred.load(trained.architecture, trained.tensors)
    similar = transferred.label(network.train(), views.clean(to_tensor(IMAGES)))
    assert np.array_equal(found, similar.numpy())
    assert not np.array_equal(found, matrix(trained))
    with pytest.raises(ValueError, match="needs two images or more"):
        matrix(trained, IMAGES[:1], mode="train")


def test_ink_is_as_where_the_similarity_was_learned_unless_it_is_said(trained):
    assert np.array_equal(matrix(trained), matrix(trained, invert=True))
    assert not np.array_equal(matrix(trained), matrix(trained, invert=False))


def test_the_same_images_give_the_same_matrix_and_all_alike_one_answer(trained):
    assert np.array_equal(matrix(trained), matrix(trained))
    assert len(np.unique(matrix(trained, np.repeat(IMAGES[:1], 5, axis=0)))) == 1
    assert matrix(trained, IMAGES[:1]).shape == (1, 1)


def test_a_task_without_a_similarity_is_refused():
    with pytest.raises(ValueError, match="made names no similarity task to take a network from"):
        registry.get("similarity-matrix").build({}).needs(
            TaskInfo("made", "cluster", False, True, {})
        )


def test_one_matrix_serves_every_number_of_clusters(tmp_path):
    path = tmp_path / "matrix.toml"
    path.write_text("""
title = "Matrix"
[[table]]
name = "one"
caption = "One."
column = [
  { label = "K known", metric = "ACC", task = "tiny/cluster" },
  { label = "K = 7", metric = "ACC", task = "tiny/cluster", setting = { n_clusters = 7 } },
]
row = [{ label = "K-means on pairs", method = "kmeans-pairs" }]
""")
    registry.load([PLUGINS])
    plan = graph.make([load(str(path))], graph.Options(seeds=(0, 1), data_root=DATA))
    asked = [cell for cell in plan.cells.values() if cell.method == "similarity-matrix"]
    assert [cell.seed for cell in asked] == [0, 1]
    assert all(cell.setting == () and dict(cell.needs).keys() == {"similarity"} for cell in asked)
    users = [cell for cell in plan.cells.values() if cell.method == "kmeans-pairs"]
    assert len(users) == 4
    assert {dict(cell.needs)["similar"] for cell in users} == {cell.key for cell in asked}
