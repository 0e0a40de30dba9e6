"""DTC against the released code's formulas and loops, and the method."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from domains import transfer_task
from fake_run import FakeRun
from harness import run, write_experiment
from torch import nn

from bench import ROOT, registry
from bench.errors import NonFiniteError
from bench.nn.losses.student import (
    SoftClusters,
    kl_divergence,
    soft_assignment,
    target_distribution,
)

dtc = registry.import_from(ROOT / "baselines", "dtc")
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "dtc.npz", allow_pickle=False)
DTC = dtc.DTC
Pretrain = registry.import_from(ROOT / "baselines", "pretrain").Pretrain


def golden(name, dtype=torch.float64):
    return torch.from_numpy(np.array(GOLDEN[name])).to(dtype)


def test_golden_assignment_and_target():
    feat, centre = golden("feat"), golden("center")
    q = soft_assignment(feat, centre)
    np.testing.assert_allclose(q, GOLDEN["q_f64"], rtol=1e-9)
    np.testing.assert_allclose(
        soft_assignment(feat, centre, 3.0), GOLDEN["q_alpha3_f64"], rtol=1e-9
    )
    np.testing.assert_allclose(target_distribution(q), GOLDEN["p_f64"], rtol=1e-9)


def test_golden_losses_and_gradients():
    feat, centre = golden("feat_batch").requires_grad_(), golden("center").requires_grad_()
    target = golden("p_f64")[golden("idx", torch.int64)]
    loss = kl_divergence(target, soft_assignment(feat, centre), mean_over="elements")
    np.testing.assert_allclose(loss.detach(), GOLDEN["sharp_loss_f64"], rtol=1e-9)
    of_feat, of_centre = torch.autograd.grad(loss, (feat, centre))
    np.testing.assert_allclose(of_feat, GOLDEN["sharp_grad_feat_f64"], rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(of_centre, GOLDEN["sharp_grad_center_f64"], rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("length", [0, 5, 8])
def test_golden_rampup(length):
    weights = [dtc.rampup(int(epoch), length) for epoch in GOLDEN["epochs"]]
    np.testing.assert_allclose(weights, GOLDEN[f"rampup_len{length}"], rtol=1e-12)


class Linear(nn.Module):
    """The golden loops' model: a linear layer, then the soft clusters."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(9, 5)
        self.clusters = SoftClusters(golden("center", torch.float32))
        with torch.no_grad():
            self.layer.weight.copy_(golden("loop_W"))
            self.layer.bias.copy_(golden("loop_b"))

    def forward(self, x):
        return self.clusters(self.layer(x))


@pytest.mark.parametrize("mode", ["Baseline", "PI", "TE", "TEP"])
def test_golden_loops(mode):
    """Losses of every batch, final weights and targets of the released warm-up and main loops."""
    hp = {name.removeprefix("loop_hp_"): GOLDEN[name].item() for name in GOLDEN if "_hp_" in name}
    how = DTC(
        mode="baseline" if mode == "Baseline" else mode,
        warmup_epochs=hp["warmup_epochs"],
        warmup_learning_rate=hp["warmup_lr"],
        epochs=hp["epochs"],
        learning_rate=hp["lr"],
        momentum=hp["momentum"],
        weight_decay=hp["weight_decay"],
        refresh=hp["update_interval"],
        consistency=hp["rampup_coefficient"],
        rampup=hp["rampup_length"],
        ensemble=hp["te_alpha"],
    )
    plain, other = golden("loop_X", torch.float32), golden("loop_Xbar", torch.float32)
    model, asked = Linear(), []

    def everyone():
        with torch.no_grad():
            return model(plain)

    def inputs(rows):
        asked.append(rows)
        second = len(asked) > 1 and asked[-2] is rows
        return (other if second else plain)[rows]

    loop = dtc.Sharpening(how, model, target_distribution(everyone()))
    sizes, losses = GOLDEN["loop_batch_sizes"].tolist(), []
    for epoch in range(how.warmup_epochs + how.epochs):
        batches = torch.split(torch.arange(40), sizes)
        losses.append(loop.run_epoch(epoch, batches, inputs, everyone))
    warmup = GOLDEN[f"loop_{mode}_warmup_losses"]
    np.testing.assert_allclose(losses[: len(warmup)], warmup, atol=5e-6)
    np.testing.assert_allclose(losses[len(warmup) :], GOLDEN[f"loop_{mode}_losses"], atol=5e-6)
    with torch.no_grad():
        np.testing.assert_allclose(model.layer.weight, GOLDEN[f"loop_{mode}_final_W"], atol=5e-6)
        wanted = GOLDEN[f"loop_{mode}_final_center"]
        np.testing.assert_allclose(model.clusters.centres, wanted, atol=5e-6)
    np.testing.assert_allclose(loop.target, GOLDEN[f"loop_{mode}_final_p_targets"], atol=5e-6)


def test_an_image_that_is_in_no_batch_is_pulled_nowhere():
    """One of 40 is left out in each epoch; its running mean stays one of assignments."""
    plain = golden("loop_X", torch.float32)
    model, order = Linear(), torch.Generator().manual_seed(0)

    def everyone():
        with torch.no_grad():
            return model(plain)

    how = DTC(mode="TE", warmup_epochs=0, epochs=6, refresh=3)
    loop = dtc.Sharpening(how, model, target_distribution(everyone()))
    for epoch in range(how.epochs):
        rows = torch.randperm(40, generator=order)[:39]
        loop.run_epoch(epoch, torch.split(rows, 13), lambda rows: plain[rows], everyone)
        torch.testing.assert_close(loop.ensemble.sum(dim=1), torch.ones(40))


# The method


@pytest.fixture(scope="module")
def pretrained():
    return registry.get("pretrain").cls(epochs=2).fit(transfer_task(), FakeRun())


def fit(pretrained, run=None, the_task=None, **params):
    run = run or FakeRun()
    run.needs["network"] = pretrained
    options = {"warmup_epochs": 2, "epochs": 4, "n_init": 2, "batch_size": 16, "refresh": 2}
    return DTC(**(options | params)).fit(the_task or transfer_task(), run)


@pytest.mark.parametrize("mode", ["baseline", "PI", "TE", "TEP"])
def test_every_mode_tells_bars_apart(mode, pretrained):
    run = FakeRun()
    found = fit(pretrained, run, mode=mode).assignments
    right = (found == np.arange(40) % 2).mean()
    assert max(right, 1 - right) > 0.9
    assert run.snapshots


@pytest.mark.parametrize("mode", ["PI", "TE", "TEP"])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_resumed_cell_ends_in_the_same_bytes(mode, at, pretrained):
    """From within the warm-up, from its end, and from the main loop."""
    whole = FakeRun()
    wanted = fit(pretrained, whole, mode=mode)
    halfway = whole.resumed(whole.checkpoints[at])
    halfway.needs = {}
    np.testing.assert_array_equal(
        wanted.assignments, fit(pretrained, halfway, mode=mode).assignments
    )
    last = whole.checkpoints[-1]["model"]
    assert all(torch.equal(v, halfway.checkpoints[-1]["model"][k]) for k, v in last.items())


@pytest.mark.parametrize("k", [1, 41])
def test_k_out_of_range_is_refused(k, pretrained):
    with pytest.raises(ValueError, match=rf"n_clusters = {k} for 40 images"):
        fit(pretrained, the_task=transfer_task(k=k))


def test_a_batch_smaller_than_k_is_refused(pretrained):
    with pytest.raises(ValueError, match="batch_size = 3 is smaller than the 6 clusters"):
        fit(pretrained, the_task=transfer_task(k=6), batch_size=3)


def test_weights_of_another_network_are_refused(pretrained):
    other = dataclasses.replace(pretrained, tensors={"head.weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="weights do not fit"):
        fit(other)


def test_a_loss_that_is_not_finite_fails_the_cell(pretrained):
    with pytest.raises(NonFiniteError, match="loss is"):
        fit(pretrained, learning_rate=1e30, weight_decay=1e30)


def test_a_damaged_pretrained_network_is_refused_and_named(tmp_path, forkserver):
    rows = [{"method": "kmeans", "params": {"features": "source"}}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    run(toml, tmp_path, seeds=(0,))
    (stored,) = (tmp_path / "runs").glob("*/pretrain/*/prediction.safetensors")
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "dtc"}])
    results = run(toml, tmp_path, seeds=(0,))
    (record,) = [r for r in results.records.values() if r.cell["method"] == "dtc"]
    assert (record.state, record.failure) == ("failed", "exception")
    assert f"{stored}: damaged" in record.message


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("cifar10/transfer", DTC(mode="TE")),
        (
            "cifar100/transfer",
            DTC(
                mode="TE",
                warmup_epochs=30,
                milestones=(20, 40, 60, 80),
                weight_decay=1e-5,
                refresh=10,
            ),
        ),
        ("svhn/transfer", DTC(mode="TE", learning_rate=0.001, weight_decay=0.0, epochs=60)),
        ("mnist/transfer", DTC(mode="TE")),
    ],
)
def test_the_recipe_is_that_of_the_script_for_the_data(task, wanted):
    """Values of the released scripts, of which the defaults here are CIFAR-10's."""
    assert DTC(mode="TE", recipe="dtc").by_recipe(task) == wanted
    assert DTC(mode="TE", epochs=3).by_recipe(task) == DTC(mode="TE", epochs=3)


def test_what_the_recipe_decides_is_not_given_beside_it():
    with pytest.raises(ValueError, match="recipe decides epochs: give them with recipe = 'own'"):
        DTC(recipe="dtc", epochs=3)
    with pytest.raises(ValueError, match="the recipe decides network"):
        Pretrain(recipe="dtc", network="resnet18")


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 1}])
def test_a_pretrained_network_has_learned_something(wrong):
    with pytest.raises(ValueError, match="epochs at least 1 without weights"):
        Pretrain(**wrong)
    assert Pretrain(epochs=0, weights="resnet18.tv_in1k").epochs == 0
