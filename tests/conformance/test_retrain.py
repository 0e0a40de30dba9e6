"""Label transfer, its rotation head, and the supervised upper bound."""

from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import ROOT, registry
from bench.nn import training
from bench.nn.images.views import described
from bench.nn.networks import load
from bench.plan import experiment
from bench.tasks import Prediction, RepresentTask

retrain = registry.import_from(ROOT / "methods", "retrain")


def task(n=48, labels=False):
    """Three noisy patterns."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(2, size=(3, 8, 8, 1)) * 180
    images = patterns[np.arange(n) % 3] + rng.integers(60, size=(n, 8, 8, 1))
    truth = np.arange(n, dtype=np.int64) % 3
    return RepresentTask("made/represent", images.astype(np.uint8), truth if labels else None)


def fit(name, the_task, run, **params):
    options = {"epochs": 4, "batch_size": 16, "crop_scale": (0.8, 1.0), **params}
    info = registry.get(name)
    return info.build(info.params("quick", options)).fit(the_task, run)


def labelled(heads, n=48):
    """A finished SeLa's output, as far as it is asked for; its labels are the patterns."""
    kinds = np.arange(n) % 3
    return FakeRun(needs={"labels": Prediction(classes={"heads": np.stack([kinds] * heads, 1)})})


@pytest.mark.parametrize("heads", [1, 2])
def test_the_network_learns_the_labels_that_it_is_given(heads):
    out = fit("label-transfer", task(), labelled(heads), epochs=12)
    network = load(out.architecture, out.tensors).eval()
    x = torch.from_numpy(task().target).permute(0, 3, 1, 2) / 255.0
    with torch.no_grad():
        logits = network(described(out.architecture).clean(x))
    assert logits.shape == (48, 3 * heads)
    wanted = torch.arange(48) % 3
    for head in range(heads):
        own = logits[:, 3 * head : 3 * head + 3].argmax(dim=1)
        assert (own == wanted).float().mean() > 0.9


def test_rotations_have_a_head_of_their_own():
    plain = fit("label-transfer", task(), labelled(1))
    turned = fit("label-transfer", task(), labelled(1), rotation=True)
    assert turned.tensors["head.weight"].shape[0] == plain.tensors["head.weight"].shape[0] + 4


def test_images_are_turned_by_quarters():
    x = torch.rand(40, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    turned, quarters = retrain.turn(x, torch.Generator().manual_seed(1))
    assert set(quarters.tolist()) == {0, 1, 2, 3}
    for before, after, k in zip(x, turned, quarters.tolist(), strict=True):
        np.testing.assert_array_equal(after, np.rot90(before.numpy(), k, axes=(1, 2)))


def test_all_four_turns_of_every_image_are_shown():
    x = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    turned, quarters = retrain.all_turns(x)
    assert quarters.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    for row, k in enumerate(quarters.tolist()):
        image = x[row % 3]
        for _ in range(k):  # a quarter turn: columns become rows, from the last
            image = image.transpose(1, 2).flip(1)
        assert torch.equal(turned[row], image)
    random = fit("label-transfer", task(), labelled(1), rotation=True)
    every = fit("label-transfer", task(), labelled(1), rotation=True, turns="all")
    assert not torch.equal(random.tensors["head.weight"], every.tensors["head.weight"])


def test_the_paper_preset_retrains_as_the_released_script():
    """Rate 0.05 until 30, a tenth until 60, a hundredth until 80, a thousandth until 90."""
    params = experiment.load("sela").preset["paper"].params["label-transfer"]
    info = registry.get("label-transfer")
    own: Any = info.build(info.params("paper", params))
    rates = [training.step_decay(own.learning_rate, epoch, own.milestones) for epoch in range(90)]
    printed = [0.05] * 30 + [0.005] * 30 + [0.0005] * 20 + [0.00005] * 10
    np.testing.assert_allclose(rates, printed)
    assert (own.weight_decay, own.batch_size, own.epochs, own.turns) == (1e-5, 64, 90, "all")


def test_it_asks_for_the_sela_that_it_names():
    info: Any = registry.get("label-transfer")
    default = info.build(info.params("quick", {})).needs(None)["labels"]
    assert (default.method, dict(default.params), default.seed) == ("sela", {}, None)
    named = info.build(info.params("quick", {"heads": 3, "source": "convnet"})).needs(None)
    assert named["labels"].params == {"heads": 3, "network": "convnet"}


def test_the_upper_bound_learns_the_true_labels_and_refuses_to_guess():
    out = fit("supervised-network", task(labels=True), FakeRun(), epochs=12)
    assert out.tensors["head.weight"].shape[0] == 3
    with pytest.raises(ValueError, match="needs the target's labels"):
        fit("supervised-network", task(), FakeRun())


def test_a_resumed_cell_ends_in_the_same_bytes():
    whole = labelled(2)
    wanted = fit("label-transfer", task(), whole, rotation=True)
    resumed = whole.resumed(whole.checkpoints[1])
    again = fit("label-transfer", task(), resumed, rotation=True)
    assert all(torch.equal(t, again.tensors[name]) for name, t in wanted.tensors.items())


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"network": "convnot"}])
def test_parameters_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=r"at least 1|unknown network 'convnot'"):
        retrain.LabelTransfer(**bad)
