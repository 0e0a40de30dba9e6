"""Fine-tuning a network of another cell: what trains, what is scored, and resuming."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from torch.nn import functional

from bench.errors import NonFiniteError
from bench.nn import networks, training
from bench.score import finetune, scores
from bench.score.average_precision import mean_average_precision
from bench.tasks import FineTuneTask, MultiLabelled, Prediction

ALEXNET = networks.describe("alexnet", channels=1, outputs=7, variant="tiny")
SMALL: dict[str, Any] = {"iterations": 24, "halve_every": 10, "batch_size": 8, "crops": 3}


def corners(n, seed):
    """Noisy images with bright corners, which are their classes; some labels are difficult."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], (n, 3)).astype(np.int8)
    images = rng.integers(60, size=(n, 16, 16, 1))
    for column, (top, left) in enumerate([(0, 0), (0, 8), (8, 4)]):
        images[:, top : top + 8, left : left + 8] += (
            90 * (signs[:, column] + 1)[:, None, None, None]
        )
    signs[rng.random((n, 3)) < 0.05] = 0
    return np.minimum(images, 255).astype(np.uint8), signs


def task(n=50, m=40):
    images, _ = corners(m, 1)
    return FineTuneTask("tiny/finetune", MultiLabelled(*corners(n, 0)), images)


def needed(architecture=ALEXNET, seed=0):
    network = networks.build(architecture, seed)
    return {"network": Prediction(tensors=training.weights(network), architecture=architecture)}


def fit(run, chosen=None, **params):
    return finetune.FineTune(**SMALL | params).fit(chosen or task(), run)


def contents(prediction):
    return {name: scores.tobytes() for name, scores in prediction.class_scores.items()}


def test_scores_of_both_settings():
    out = fit(FakeRun(needs=needed()))
    assert list(out.class_scores) == ["fc6-8", "all"]
    assert scores.check(out, task(), artifact=False) is out
    for found in out.class_scores.values():
        assert found.shape == (40, 3)
        assert found.dtype == np.float64
    one, other = out.class_scores.values()
    assert not np.array_equal(one, other)


def test_it_learns_what_is_in_an_image():
    out = fit(
        FakeRun(needs=needed()),
        task(400),
        iterations=400,
        halve_every=200,
        learning_rate=0.02,
        crop_scale=(0.6, 1.0),
        redraw=False,
    )
    truth = corners(40, 1)[1]
    rng = np.random.default_rng(0)
    chance = mean_average_precision(truth, rng.normal(size=truth.shape))
    learned = mean_average_precision(truth, out.class_scores["all"])
    assert chance is not None
    assert learned is not None
    assert chance < 0.75
    assert learned > 0.9


def test_same_seed_same_bytes_another_seed_another_result():
    first, again, other = (contents(fit(FakeRun(seed, needs=needed()))) for seed in (0, 0, 1))
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_a_cell_resumed_from_any_checkpoint_ends_in_the_same_bytes():
    run = FakeRun(3, needs=needed())
    whole = contents(fit(run))
    assert len(run.checkpoints) >= 8
    for state in run.checkpoints:
        rest = run.resumed(state)
        assert contents(fit(rest)) == whole
        assert len(rest.checkpoints) < len(run.checkpoints), "it did not start over"


def test_dropout_is_resumed_too():
    """A network that drops units draws from torch's own generator, which no checkpoint holds."""
    drop = torch.nn.Dropout(0.5)
    run = FakeRun(needs=needed())
    with pytest.MonkeyPatch.context() as patch:

        def forward(model, x):
            features = model.network.features(x)
            return model.last(drop.train(model.training)(features))

        patch.setattr(finetune._Classifier, "forward", forward)
        whole = contents(fit(run))
        torch.manual_seed(99)
        assert contents(fit(run.resumed(run.checkpoints[2]))) == whole
    assert contents(fit(FakeRun(needs=needed()))) != whole


def trained(setting, architecture=ALEXNET, **params):
    """A classifier before and after some steps of training in one setting."""
    method = finetune.FineTune(**SMALL | params)
    model = finetune._Classifier(needed(architecture)["network"], task(), method, 5)
    model.prepare(setting, 5, redraw=method.redraw)
    before = training.weights(model)
    method._train(model, task(), FakeRun(), {"scores": {}}, settings=2)
    return before, training.weights(model)


def test_convolutions_are_frozen_or_trained_as_the_setting_says():
    for setting in finetune.SETTINGS:
        before, after = trained(setting)
        for name, value in before.items():
            moved = not torch.equal(value, after[name])
            if "num_batches" in name or "running" in name:
                assert not moved, f"{name}: batch-norms keep the statistics that they came with"
            elif name.startswith("network.convs"):
                assert moved == (setting == "all"), name
            elif name.startswith(("network.hidden", "last")):
                assert moved, name
            elif name.startswith("network.head"):
                assert not moved, "the old heads take no part"


def test_convolutions_come_as_they_were_learned_and_the_rest_is_drawn_anew():
    network = needed()["network"].tensors
    for redraw in (True, False):
        before, _ = trained("all", redraw=redraw)
        for name, value in network.items():
            anew = redraw and name.startswith("hidden")
            assert torch.equal(before[f"network.{name}"], value) != anew, name
    assert before["last.weight"].shape == (3, 256)


def test_difficult_images_have_no_part_in_the_loss():
    logits = torch.tensor([[0.3, -1.0], [2.0, 0.5]], requires_grad=True)
    signs = torch.tensor([[1, 0], [-1, 1]], dtype=torch.int8)
    loss = finetune._loss(logits, signs)
    terms = functional.softplus(torch.tensor([-0.3, 2.0, -0.5]))
    assert loss.item() == pytest.approx(terms.sum().item() / 2)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        (ALEXNET, ["fc6-8", "all"]),
        (networks.describe("convnet", channels=1, outputs=2), ["all"]),
        (networks.describe("lenet", channels=1, outputs=2, size=16), ["all"]),
    ],
)
def test_a_network_without_layers_of_its_own_behind_convolutions_has_no_such_score(
    architecture, settings
):
    out = fit(FakeRun(needs=needed(architecture)), iterations=2)
    assert list(out.class_scores) == settings


def test_images_are_prepared_as_the_network_was_trained():
    views = {"size": 12, "invert": True, "mean": 0.4, "std": 0.2}
    described = networks.describe("alexnet", channels=1, outputs=7, variant="tiny", views=views)
    model = finetune._Classifier(needed(described)["network"], task(), finetune.FineTune(), 0)
    assert (model.views.size, model.views.invert, model.views.mean) == (12, True, 0.4)
    assert (model.views.crop_scale, model.views.crop_ratio) == ((0.1, 0.5), (1.0, 1.0))
    plain = finetune._Classifier(needed()["network"], task(), finetune.FineTune(), 0)
    assert (plain.views.size, plain.views.invert, plain.views.mean) == (16, False, 0.0)
    small = finetune._Classifier(needed()["network"], task(), finetune.FineTune(size=12), 0)
    assert small.views.size == 12


def test_logits_are_added_over_crops():
    chosen = task()
    model = finetune._Classifier(needed()["network"], chosen, finetune.FineTune(), 0).eval()
    one, more = (
        finetune.FineTune(**SMALL | {"crops": c})._scores(model, chosen.target, FakeRun())
        for c in (1, 64)
    )
    assert np.abs(more).mean() > 20 * np.abs(one).mean()
    assert not np.array_equal(more, 64 * one), "crops differ"


@pytest.mark.parametrize(
    "params", [{"iterations": 0}, {"crops": 0}, {"crop_scale": (0.0, 0.5)}, {"batch_size": 0}]
)
def test_impossible_parameters_are_refused(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        finetune.FineTune(**params)


def test_predictions_that_do_not_fit_are_refused():
    chosen, good = task(), fit(FakeRun(needs=needed()), iterations=2)
    found = good.class_scores["all"]
    for wrong, words in (
        ({}, "no class_scores"),
        ({"all": found[:-1]}, r"shape \(39, 3\); floats of shape \(40, 3\)"),
        ({"all": found.round().astype(int)}, "int64"),
    ):
        with pytest.raises(scores.InvalidPrediction, match=words):
            scores.check(dataclasses.replace(good, class_scores=wrong), chosen, artifact=False)
    spoilt = found.copy()
    spoilt[3, 1] = np.inf
    with pytest.raises(NonFiniteError, match="all"):
        scores.check(Prediction(class_scores={"all": spoilt}), chosen, artifact=False)
