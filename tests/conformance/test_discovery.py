"""The ClusterNet of 2016 on made-up characters, and its network applied to other images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from characters import LONG, PLAIN, G, build, characters, similarity_task
from fake_run import FakeRun

from bench import registry
from bench.datasets import get_task
from bench.errors import BenchError
from bench.plan import experiment, graph
from bench.score import metrics
from bench.tasks import ClusterTask, Prediction, TaskInfo

LABELS = np.repeat(np.arange(3), 10)
RELATED = {"similarity": "made/similarity", "trained": "made/discovery"}


def info(**related):
    return TaskInfo("made/cluster", "cluster", False, True, related)


def accuracy(assignments):
    return metrics.clustering_accuracy(metrics.contingency(LABELS, assignments))


def discover(task, needed, run=None, name="discovery", **params):
    run = run or FakeRun()
    run.needs["similarity"] = needed
    return build(name, **{**PLAIN, "hidden": 16, **params}).fit(task, run)


def feed(task, needed, **params):
    run = FakeRun(needs={"trained": needed})
    return build("feed-forward", **params).fit(task, run).assignments


@pytest.fixture(scope="module")
def similarity():
    return build("similarity", **G).fit(similarity_task(), FakeRun())


@pytest.fixture(scope="module")
def task():
    return ClusterTask("made/discovery", characters(3, 10, seed=1)[0], 3)


@pytest.fixture(scope="module")
def found(task, similarity):
    return discover(task, similarity, **LONG)


# The method


def test_it_is_kcl_with_the_similarity_network_in_evaluation_mode(task, similarity):
    runs = {name: FakeRun() for name in ("2016", "kcl", "released")}
    discover(task, similarity, runs["2016"], epochs=3)
    discover(task, similarity, runs["kcl"], "kcl", epochs=3, similarity_mode="eval")
    discover(task, similarity, runs["released"], "kcl", epochs=3)
    assert runs["2016"].logged == runs["kcl"].logged != runs["released"].logged


def test_it_gives_back_its_network_and_what_that_puts_out(task, similarity, found):
    assert accuracy(found.assignments) > 0.8
    assert found.tensors["outputs"].shape == (30, 3)
    assert np.array_equal(found.tensors["outputs"].argmax(dim=1).numpy(), found.assignments)
    assert not discover(task, similarity, name="kcl", epochs=1).tensors


def test_colour_images_are_clustered_too(similarity):
    def colour(images):
        return np.repeat(images, 3, axis=3)

    grey = similarity_task()
    auxiliary = replace(grey.auxiliary, images=colour(grey.auxiliary.images))
    learned = replace(grey, auxiliary=auxiliary, target=colour(grey.target))
    needed = build("similarity", **{**G, "epochs": 1, "mirror": True}).fit(learned, FakeRun())
    coloured = ClusterTask("made/colour", colour(characters(3, 10, seed=1)[0]), 3)
    found = discover(coloured, needed, epochs=2, mirror=True)
    assert feed(coloured, found).shape == (30,)


def test_ink_may_be_bright_where_the_similarity_knew_it_dark(task, similarity):
    bright = replace(task, target=255 - task.target)
    inverted = discover(task, similarity, epochs=2)
    as_it_is = discover(bright, similarity, epochs=2, invert=False)
    torch.testing.assert_close(
        inverted.tensors["outputs"], as_it_is.tensors["outputs"], rtol=0, atol=1e-3
    )
    wrong = discover(bright, similarity, epochs=2).tensors["outputs"]
    assert (wrong - inverted.tensors["outputs"]).abs().max() > 0.1


def test_all_seeds_may_share_one_similarity_network():
    related = info(**RELATED)
    assert build("discovery").needs(related)["similarity"].seed is None
    assert build("discovery", similarity_seed=0).needs(related)["similarity"].seed == 0


# Other images, fed forward


def test_the_same_images_fed_forward_get_the_same_clusters(task, found):
    assert np.array_equal(feed(task, found), found.assignments)


def test_other_images_get_the_clusters_of_their_like(found):
    images = characters(3, 20, seed=1)[0].reshape(3, 20, 12, 12, 1)[:, 10:].reshape(30, 12, 12, 1)
    assert accuracy(feed(ClusterTask("made/fed-forward", images, 3), found)) > 0.7


def test_each_image_is_clustered_on_its_own(task, found):
    order = np.random.default_rng(0).permutation(30)[:7]
    some = replace(task, target=task.target[order])
    assert np.array_equal(feed(some, found), found.assignments[order])


def test_the_views_are_those_of_the_training(task, similarity):
    """Bright ink was declared there, and the network's description carries it."""
    bright = replace(task, target=255 - task.target)
    found = discover(bright, similarity, epochs=3, invert=False)
    assert np.array_equal(feed(bright, found), found.assignments)


def test_it_needs_the_network_of_the_task_that_it_belongs_to():
    (need,) = build("feed-forward").needs(info(**RELATED)).values()
    assert (need.method, need.task, need.seed) == ("discovery", "made/discovery", None)
    with pytest.raises(ValueError, match="made/cluster names no task that a network is trained on"):
        build("feed-forward").needs(info())


def test_a_network_of_more_clusters_than_declared_is_refused(task, found):
    with pytest.raises(ValueError, match="the network has 3 outputs and the task declares 2"):
        feed(replace(task, n_clusters=2), found)


def test_what_holds_no_network_is_refused(task, found):
    with pytest.raises(ValueError, match="does not say how images are prepared"):
        feed(task, replace(found, architecture='{"name": "vggs"}'))
    broken = {**found.tensors, "head.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match="weights do not fit"):
        feed(task, replace(found, tensors=broken))
    with pytest.raises(ValueError, match="weights do not fit"):
        feed(task, Prediction(tensors={}, architecture=found.architecture))


# Tasks and tables


@pytest.mark.parametrize("name", ["omniglot-mnist", "cifar100-cifar10", "cifar100-test-cifar10"])
def test_training_and_fed_forward_images_are_two_splits(name):
    train, test = get_task(f"{name}/discovery"), get_task(f"{name}/fed-forward")
    assert (train.target.split, test.target.split) == ("train", "test")
    assert test.related == {"trained": train.name}
    assert get_task(train.related["similarity"]).auxiliary == train.auxiliary
    assert test.auxiliary is None


@pytest.mark.parametrize("name", ["discovery", "discovery-cifar10", "discovery-imagenet"])
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_rows_of_test_images_use_the_network_of_the_rows_of_train_images(name, preset, tmp_path):
    registry.load()
    options = graph.Options(preset=preset, data_root=tmp_path)
    cells = graph.make([experiment.load(name)], options).cells
    trained = {key for key, cell in cells.items() if cell.method == "discovery"}
    used = {key for cell in cells.values() for role, key in cell.needs if role == "trained"}
    assert trained == used != set()


def test_other_images_are_fed_through_the_network_of_the_parameters_named():
    given = {"frozen": True, "learning_rate": 0.01}
    method = build("feed-forward", parameters='{"frozen": true, "learning_rate": 0.01}')
    assert method.needs(info(**RELATED))["trained"].params == given
    assert build("feed-forward").needs(info(**RELATED))["trained"].params == {}
    for slip in ("{", "[1]"):
        with pytest.raises(BenchError, match="JSON"):
            build("feed-forward", parameters=slip)
