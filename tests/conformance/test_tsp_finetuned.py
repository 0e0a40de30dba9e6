"""TSP with a trained extractor: its loss is TSP's, and what it changes is the features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from sklearn.datasets import load_digits

from bench import registry
from bench.nn import networks, training
from bench.nn.losses.agreement import tsp_loss
from bench.tasks import ClusterTask, Prediction, TaskInfo

registry.load()
FineTuned, TSP, Features = (registry.get(name).cls for name in ("tsp-finetuned", "tsp", "features"))
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "scan.npz", allow_pickle=False)
INFO = TaskInfo("made/cluster", "cluster", has_source=False, has_auxiliary=False, related={})
QUICK = FineTuned(
    network="dino", pretraining="made/represent", epochs=3, batch_size=50, neighbours=5, keep=True
)


def network(width=16):
    options = {"size": 8, "patch": 4, "width": width, "depth": 1, "heads": 2, "narrow": True}
    text = networks.describe("vit", channels=1, outputs=0, **options)
    return Prediction(tensors=training.weights(networks.build(text, 1)), architecture=text)


def images(n=120):
    return (load_digits().images[:n, :, :, None] * 15).astype(np.uint8)


def fit(method, run=None, given=None, n=120, clusters=4):
    run = run or FakeRun()
    run.needs = {"network": given or network()}
    return method.fit(ClusterTask("made/cluster", images(n), clusters), run)


@pytest.mark.parametrize("weight", [5, 3])
def test_the_loss_is_scans(weight):
    anchor, neighbour = (
        torch.from_numpy(GOLDEN[f"{name}_logits"]).requires_grad_()
        for name in ("anchor", "neighbour")
    )
    found = tsp_loss(anchor.softmax(dim=1), neighbour.softmax(dim=1), float(weight))
    assert found.item() == pytest.approx(float(GOLDEN[f"total_w{weight}"]), rel=1e-12)
    found.backward()
    for name, x in (("anchor", anchor), ("neighbour", neighbour)):
        wanted = GOLDEN[f"grad_{name}_w{weight}"]
        np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("standardise", [False, True])
def test_before_training_it_is_the_start_of_tsp_on_the_same_features(standardise):
    """Same features, neighbours, head and draws: hardly trained, both end where they began."""
    run = FakeRun()
    run.needs = {"network": network()}
    task = ClusterTask("made/cluster", images(), 4)
    made = Features(network="dino", pretraining="made/represent", standardise=standardise)
    features = made.fit(task, run)
    still = {"epochs": 1, "learning_rate": 1e-12, "batch_size": 50, "neighbours": 5}
    run = FakeRun(needs={"features": features})
    wanted = TSP(network="dino", pretraining="made/represent", **still).fit(task, run)
    found = fit(replace(QUICK, standardise=standardise, **still))
    np.testing.assert_array_equal(found.assignments, wanted.assignments)
    if not standardise:
        assert torch.allclose(found.tensors["before"], features.tensors["features"], atol=1e-5)
    assert torch.allclose(found.tensors["after"], found.tensors["before"], atol=1e-4)


def test_training_lowers_the_loss_and_moves_the_features():
    run = FakeRun()
    found = fit(replace(QUICK, epochs=8, learning_rate=3e-3), run)
    losses = [values["loss"] for _, values in run.logged]
    assert len(losses) == 8
    assert losses[-1] < losses[0] - 0.1
    moved = (found.tensors["after"] - found.tensors["before"]).norm()
    assert moved > 0.1 * found.tensors["before"].norm()


def test_a_resumed_run_ends_in_the_same_bytes():
    run = FakeRun()
    whole = fit(replace(QUICK, standardise=True), run)
    rest = fit(replace(QUICK, standardise=True), run.resumed(run.checkpoints[0]))
    np.testing.assert_array_equal(rest.assignments, whole.assignments)
    assert torch.equal(rest.tensors["after"], whole.tensors["after"])


def test_features_are_kept_on_request_only():
    assert fit(replace(QUICK, keep=False)).tensors == {}


def test_bad_input():
    with pytest.raises(ValueError, match="at least 1"):
        FineTuned(epochs=0)
    with pytest.raises(ValueError, match="needs pretraining"):
        FineTuned(network="dino").needs(INFO)
    assert FineTuned().needs(INFO)["network"].method == "weights"
    assert QUICK.needs(INFO)["network"].task == "made/represent"
    with pytest.raises(ValueError, match="20"):
        fit(replace(QUICK, neighbours=20), n=12)
    text = networks.describe("convnet", channels=1, outputs=0)
    plain = Prediction(tensors=training.weights(networks.build(text, 1)), architecture=text)
    with pytest.raises(ValueError, match="says nothing of the size"):
        fit(QUICK, given=plain)
