"""Methods that start from weights that others trained, or cluster their features."""

from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import registry
from bench.nn import networks, training
from bench.nn.networks.from_timm import TimmNet, convolutions, fit_weights, start_from
from bench.tasks import AdaptTask, ClusterTask, Labelled, Need, Prediction, SimilarityTask, TaskInfo

MODEL = '{"name": "timm", "model": "test_resnet"}'
NAME = "test_resnet.made_up"
NEED = Need("weights", {"name": NAME}, task="digits/cluster", seed=0)
INFO = TaskInfo("a/b", "cluster", False, False, {"similarity": "a/s"})
LABELS = np.arange(40) // 5
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
TINY = {"epochs": 1, "learning_rate": 1e-30, "network": MODEL, "weights": NAME}
"""So small a step that convolutions stay as they were."""


@pytest.fixture(scope="module")
def given():
    architecture = networks.describe("timm", channels=3, outputs=0, model="test_resnet")
    tensors = training.weights(networks.build(architecture, seed=7))
    return Prediction(tensors=tensors, architecture=architecture)


@pytest.fixture(scope="module")
def similarity(given):
    views = {"size": 32, "invert": False, "mean": 0.0, "std": 1.0}
    params = {**TINY, **views, "classes_per_batch": 4, "images_per_class": 5}
    pairs = np.array([[0, 1], [2, 9]])
    task = SimilarityTask("a/s", Labelled(IMAGES, LABELS, 8), IMAGES, pairs)
    method = registry.get("similarity").build(params)
    assert method.needs(INFO) == {"initial": NEED}
    return method.fit(task, FakeRun(needs={"initial": given}))


def kernels(prediction):
    """The convolutions of a trunk, by name."""
    return {
        name.rpartition("trunk.")[2]: tensor
        for name, tensor in prediction.tensors.items()
        if "trunk." in name and tensor.ndim == 4
    }


def test_the_similarity_network_starts_from_them(given, similarity):
    assert kernels(similarity).keys() == kernels(given).keys()
    torch.testing.assert_close(kernels(similarity), kernels(given), rtol=0, atol=1e-20)


@pytest.mark.parametrize("name", ["kcl", "mcl", "discovery"])
def test_the_clustering_network_starts_from_them(name, given, similarity):
    params = {**TINY, "batch_size": 10, "keep": True}
    method = registry.get(name).build(params)
    assert method.needs(INFO) == {"similarity": Need("similarity", task="a/s"), "initial": NEED}
    run = FakeRun(needs={"initial": given, "similarity": similarity})
    found = method.fit(ClusterTask("a/b", IMAGES, 3), run)
    assert kernels(found).keys() == kernels(given).keys()
    torch.testing.assert_close(kernels(found), kernels(given), rtol=0, atol=1e-20)


def test_frozen_convolutions_stay_to_the_last_bit_and_the_head_learns(given, similarity):
    params = {**TINY, "learning_rate": 0.1, "batch_size": 10, "keep": True, "frozen": True}
    found = {}
    for epochs in (1, 2):
        run = FakeRun(needs={"initial": given, "similarity": similarity})
        method = registry.get("discovery").build({**params, "epochs": epochs})
        found[epochs] = method.fit(ClusterTask("a/b", IMAGES, 3), run)
    torch.testing.assert_close(kernels(found[2]), kernels(given), rtol=0, atol=0)
    heads = [one.tensors["head.weight"] for one in found.values()]
    assert (heads[0] - heads[1]).abs().max() > 1e-4


def test_beside_frozen_convolutions_fully_connected_layers_start_afresh():
    """Also where weights of theirs are at hand, as those of ImageNet's thousand classes."""
    network = TimmNet(3, 4, model="vgg11")
    before = {n: t.clone() for n, t in network.state_dict().items()}
    whole = {n: torch.full_like(t, 0.5) for n, t in before.items()}
    start_from(network, convolutions(whole))
    for name, tensor in network.state_dict().items():
        expected = whole if name.startswith("trunk.features.") else before
        assert torch.equal(tensor, expected[name]), name


def test_frozen_is_for_networks_with_convolutions_of_their_own(similarity):
    method = registry.get("discovery").build({"frozen": True, "network": "convnet"})
    with pytest.raises(ValueError, match="frozen = true is for networks of the name 'timm'"):
        method.fit(ClusterTask("a/b", IMAGES, 3), FakeRun(needs={"similarity": similarity}))


def test_a_vgg_keeps_its_fully_connected_layers_free():
    network = TimmNet(3, 4, model="vgg11")
    network.freeze()
    learns = {n for n, p in network.named_parameters() if p.requires_grad}
    assert {n.split(".")[1] for n in learns if n.startswith("trunk.")} == {"pre_logits"}
    assert {"head.weight", "head.bias"} <= learns
    convolutions = {n: t for n, t in network.trunk.state_dict().items() if "pre_logits" not in n}
    other = TimmNet(3, 4, model="vgg11")
    before = other.trunk.state_dict()["pre_logits.fc1.weight"].clone()
    fit_weights(other, convolutions)
    torch.testing.assert_close(other.trunk.state_dict()["pre_logits.fc1.weight"], before)
    with pytest.raises(ValueError, match="tensors are missing"):
        fit_weights(other, dict(list(convolutions.items())[2:]))


def test_the_clustering_network_starts_from_the_similarity_networks_trunk(similarity):
    params = {**TINY, "weights": "similarity", "batch_size": 10, "keep": True}
    method = registry.get("discovery").build(params)
    assert set(method.needs(INFO)) == {"similarity"}
    run = FakeRun(needs={"similarity": similarity})
    found = method.fit(ClusterTask("a/b", IMAGES, 3), run)
    torch.testing.assert_close(kernels(found), kernels(similarity), rtol=0, atol=1e-20)


def test_stochastic_gradient_descent_is_the_literal_form():
    layer = torch.nn.Linear(3, 1, bias=False)
    start, x = layer.weight.detach().clone(), torch.tensor([[1.0, -2.0, 0.5]])
    optimiser = training.optimiser("sgd", layer, 0.1)
    for _ in range(3):
        training.step(optimiser, layer(x).sum())
    velocity, expected = torch.zeros(1, 3), start
    for _ in range(3):
        velocity = 0.9 * velocity + x
        expected = expected - 0.1 * velocity
    torch.testing.assert_close(layer.weight.detach(), expected)
    assert isinstance(training.optimiser("adam", layer, 0.1), torch.optim.Adam)


def test_colours_change_what_a_network_learns_from(given):
    views = {"size": 32, "invert": False, "mean": 0.0, "std": 1.0}
    params = {**TINY, **views, "learning_rate": 0.01, "classes_per_batch": 4}
    task = SimilarityTask("a/s", Labelled(IMAGES, LABELS, 8), IMAGES, np.array([[0, 1]]))
    logged = []
    for colour in (0.0, 0.0, 0.4):
        run = FakeRun(needs={"initial": given})
        registry.get("similarity").build({**params, "colour": colour}).fit(task, run)
        logged.append(run.logged)
    assert logged[0] == logged[1] != logged[2]


@pytest.mark.parametrize("name", ["source-only", "dann", "ccn+", "ccn++"])
def test_adaptation_starts_from_them(name, given, similarity):
    small = {"network": MODEL, "channels": 3, "size": 32, "iterations": 1, "learning_rate": 1.0}
    method = registry.get(name).build({**small, "weights": NAME, "weights_rate": 1e-30})
    assert method.needs(INFO)["initial"] == NEED
    run = FakeRun(needs={"initial": given, "similarity": similarity})
    method.fit(AdaptTask("a/b", IMAGES, Labelled(IMAGES, LABELS, 8)), run)
    found = {
        name.removeprefix("0.0."): tensor
        for name, tensor in run.checkpoints[-1]["learnt"].items()
        if name.startswith("0.0.trunk.") and tensor.ndim == 4
    }
    assert len(found) == len(kernels(given))
    for layer, tensor in found.items():
        torch.testing.assert_close(tensor, given.tensors[layer], rtol=0, atol=1e-20)


def test_fresh_layers_learn_while_given_ones_stay(given):
    method: Any = registry.get("source-only").build(
        {"network": MODEL, "channels": 3, "weights": NAME, "weights_rate": 0.0, "size": 32}
    )
    network = method._network(8, FakeRun(needs={"initial": given}))
    fresh, trunk = method._optimiser(network, network).param_groups
    assert (fresh["rate"], trunk["rate"]) == (0.01, 0.0)
    assert {id(p) for p in trunk["params"]} == {id(p) for p in network[0].trunk.parameters()}
    assert len(fresh["params"]) + len(trunk["params"]) == len(list(network.parameters()))


def test_without_weights_nothing_is_needed():
    assert registry.get("similarity").build({}).needs(INFO) == {}
    assert set(registry.get("kcl").build({}).needs(INFO)) == {"similarity"}
    for name in ("similarity", "kcl", "kmeans"):
        assert registry.get(name).neutral["weights"] == ""  # keys of older cells stay


def test_a_network_that_takes_no_weights(given):
    task = SimilarityTask("a/s", Labelled(IMAGES, LABELS, 8), IMAGES, np.array([[0, 1]]))
    params = {"weights": NAME, "classes_per_batch": 4, "size": 32}
    with pytest.raises(ValueError, match="need a network of the name 'timm'"):
        registry.get("similarity").build(params).fit(task, FakeRun(needs={"initial": given}))


def test_k_means_on_their_features(given):
    """Two kinds of images that any filter tells apart."""
    flat = np.full_like(IMAGES[:20], 128)
    flat += np.random.default_rng(1).integers(0, 3, flat.shape, dtype=np.uint8)
    method = registry.get("kmeans").build({"features": "weights", "weights": NAME})
    assert method.needs(INFO) == {"network": NEED}
    task = ClusterTask("a/b", np.concatenate([IMAGES[:20], flat]), 2)
    found = method.fit(task, FakeRun(needs={"network": given})).assignments
    assert found is not None
    assert len(set(found[:20])) == len(set(found[20:])) == 1
    assert found[0] != found[-1]


@pytest.mark.parametrize("params", [{"features": "weights"}, {"weights": NAME}])
def test_weights_and_features_go_together(params):
    with pytest.raises(Exception, match="go together"):
        registry.get("kmeans").build(params)


def test_pretraining_on_the_source_starts_from_them(given):
    params = {"network": MODEL, "weights": NAME, "epochs": 1, "learning_rate": 1e-30}
    method = registry.get("pretrain").build(params)
    assert method.needs(INFO) == {"initial": NEED}
    task = ClusterTask("a/b", IMAGES, 3, source=Labelled(IMAGES, LABELS, 8))
    found = method.fit(task, FakeRun(needs={"initial": given}))
    assert kernels(found).keys() == kernels(given).keys()
    torch.testing.assert_close(kernels(found), kernels(given), rtol=0, atol=1e-20)
