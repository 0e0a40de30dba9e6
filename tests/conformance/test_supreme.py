"""SUPREME: its losses as double loops, the golden transcription, and the method."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from domains import transfer_task
from fake_run import FakeRun

from bench import registry
from bench.datasets import get_task
from bench.nn.losses.supreme import (
    Confidence,
    balance_loss,
    binary_loss,
    clustering_loss,
    confidence,
    supervision,
)

registry.load()
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "student_t.npz", allow_pickle=False)


def literal_confidence(q, how):
    """Equation 4, a pair and a cluster at a time."""
    n, k = q.shape
    scores = torch.zeros(n, n, dtype=q.dtype)
    highest = 2 * math.log(k) if how.maximum == "log K^2" else math.log(k) ** 2
    for i in range(n):
        for j in range(n):
            entropy = 0.0
            for a in range(k):
                for b in range(k):
                    if how.entropy == "joint" or a == b:
                        joint = q[i, a] * q[j, b]
                        entropy = entropy - joint * joint.log()
            if how.diagonal == "counted" or i != j:
                scores[i, j] = ((highest - entropy) / (highest * how.temperature)).exp()
    return scores / (scores.sum(dim=1, keepdim=True) if how.normalise == "row" else scores.sum())


def literal_loss(p, perturbed, q, weights, parts):
    """Equation 5, with r~ = w = 1 on the diagonal."""
    total = p.new_zeros(())
    for i in range(len(p)):
        for j in range(len(p)):
            r, prior = (p[i] * perturbed[j]).sum(), (q[i] * q[j]).sum()
            if parts == "self":
                factor = 1.0 if i == j else 0.0
            else:
                factor = 1.0 if i == j and parts == "both" else weights[i, j] * prior
            total = total - factor * r.log()
    return total


def distributions(n, k, seed):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.dirichlet(np.ones(k), size=n))


READINGS = [
    Confidence(tau, entropy, maximum, normalise, diagonal)
    for tau in (0.05, 1.0)
    for entropy in ("printed", "joint")
    for maximum in ("log K^2", "(log K)^2")
    for normalise in ("row", "all")
    for diagonal in ("counted", "left out")
]


@pytest.mark.parametrize("how", READINGS, ids=str)
def test_confidence_is_its_double_loop(how):
    q = distributions(6, 4, seed=1)
    torch.testing.assert_close(confidence(q, how), literal_confidence(q, how), rtol=1e-11, atol=0)
    certain = torch.eye(2, dtype=torch.float64)
    assert torch.isfinite(confidence(certain, how)).all()


@pytest.mark.parametrize("parts", ["both", "transferred", "self"])
def test_the_clustering_loss_and_its_gradients_are_their_double_loop(parts):
    q, how = distributions(7, 3, seed=2), Confidence()
    logits = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for literal in (False, True):
        x = logits.clone().requires_grad_()
        p, perturbed = x.softmax(dim=2)
        if literal:
            loss = literal_loss(p, perturbed, q, literal_confidence(q, how), parts)
        else:
            loss = clustering_loss(p, perturbed, supervision(q, how, parts))
        found.append((loss.detach(), *torch.autograd.grad(loss, x)))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)
    assert found[0][1][1].abs().max() > 0  # the perturbed side gets a gradient too


@pytest.mark.parametrize("tag", ["a0", "a1"])
@pytest.mark.parametrize("entropy", ["printed", "joint"])
@pytest.mark.parametrize("tau", [0.05, 0.25, 1.0])
def test_golden_weights_and_losses(tag, entropy, tau):
    q = torch.from_numpy(GOLDEN[f"q_{tag}"])
    p, perturbed = (torch.from_numpy(GOLDEN[f"p_{name}"]) for name in ("plain", "perturbed"))
    for normalise in ("all", "row"):
        how, name = Confidence(tau, entropy, normalise=normalise), f"{tag}_{entropy}_{normalise}"
        weights = supervision(q, how)
        loss = clustering_loss(p, perturbed, weights)
        np.testing.assert_allclose(loss, GOLDEN[f"L_clu_{name}_tau{tau}"], rtol=1e-9)
        if f"w_{name}_tau{tau}" in GOLDEN:
            w = confidence(q, how).fill_diagonal_(1.0)
            np.testing.assert_allclose(w, GOLDEN[f"w_{name}_tau{tau}"], rtol=1e-10)


@pytest.mark.parametrize("normalise", ["all", "row"])
def test_golden_gradients(normalise):
    weights = supervision(torch.from_numpy(GOLDEN["q_a1"]), Confidence(normalise=normalise))
    logits = [
        torch.from_numpy(GOLDEN[f"logits_{name}"]).requires_grad_()
        for name in ("plain", "perturbed")
    ]
    p, perturbed = (x.softmax(dim=1) for x in logits)
    loss = clustering_loss(p, perturbed, weights)
    for name, gradient in zip(("plain", "perturbed"), torch.autograd.grad(loss, logits)):  # noqa: B905
        wanted = GOLDEN[f"grad_{name}_a1_printed_{normalise}_tau0.25"]
        np.testing.assert_allclose(gradient, wanted, rtol=1e-8, atol=1e-9)


def test_golden_regularisers():
    p = torch.from_numpy(GOLDEN["p_plain"])
    np.testing.assert_allclose(balance_loss(p), GOLDEN["L_balance_plain"], rtol=1e-9)
    on = torch.from_numpy(GOLDEN["attributes"])
    np.testing.assert_allclose(binary_loss(torch.logit(on)), GOLDEN["L_attr"], rtol=1e-9)


def test_binary_loss_stays_finite_where_attributes_are_certain():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = binary_loss(logits)
    loss.backward()
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_a_temperature_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="temperature = 0"):
        Confidence(temperature=0.0)


# The method


@pytest.fixture(scope="module")
def pretrained():
    return registry.get("pretrain").cls(epochs=2).fit(transfer_task(), FakeRun())


def fit(pretrained, run=None, the_task=None, **params):
    run = run or FakeRun()
    run.needs["network"] = pretrained
    options = {"epochs": 3, "attributes": 8, "n_init": 2, "batch_size": 16} | params
    return registry.get("supreme").cls(**options).fit(the_task or transfer_task(), run)


@pytest.mark.parametrize(
    "reading",
    [
        {},
        {"alpha": 1.0},
        {"space": "pca"},
        {"scale": "sum", "normalise": "all"},
        {"parts": "self"},
        {"initial": "random"},
        {"perturbation": "rescale", "mirror": True},
        {"perturbation": "both", "diagonal": "left out"},
        {"sharpen": 2},
    ],
    ids=str,
)
def test_every_reading_runs(reading, pretrained):
    found = fit(pretrained, **reading).assignments
    assert found.shape == (40,)
    assert set(found.tolist()) <= {0, 1}


def test_sharpened_assignments_are_targets_of_dec(pretrained):
    """Equation 1, then p_ik = q_ik² / f_k normalised, as often as asked."""
    cls = registry.get("supreme").cls
    features = torch.rand(30, 5, generator=torch.Generator().manual_seed(0))
    q = cls(n_init=2)._soft_assignments(features, 3, FakeRun()).double()
    for _ in range(2):
        q = torch.stack([row**2 / q.sum(dim=0) for row in q])
        q = torch.stack([row / row.sum() for row in q])
    sharp = cls(n_init=2, sharpen=2)._soft_assignments(features, 3, FakeRun())
    torch.testing.assert_close(sharp, q.float(), rtol=1e-5, atol=1e-7)


def test_shifted_images_are_cropped_where_both_are_asked_for():
    cls = registry.get("supreme").cls
    x = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))

    def view(how, x):
        return cls(perturbation=how)._view(x, generator)

    generator = torch.Generator().manual_seed(1)
    wanted = view("rescale", view("translate", x))
    generator.manual_seed(1)
    assert torch.equal(view("both", x), wanted)


def test_bars_are_told_apart(pretrained):
    run = FakeRun()
    found = fit(pretrained, run, epochs=15, balance_weight=5.0).assignments
    right = (found == np.arange(40) % 2).mean()
    assert max(right, 1 - right) > 0.9
    assert 15 in run.snapshots


def test_features_before_and_after_are_kept_on_request(pretrained):
    tensors = fit(pretrained, keep=True).tensors
    assert tensors["before"].shape[0] == tensors["after"].shape[0] == 40
    assert tensors["after"].shape[1] == 8
    assert not fit(pretrained).tensors


def test_a_resumed_cell_ends_in_the_same_bytes(pretrained):
    whole = FakeRun()
    wanted = fit(pretrained, whole, keep=True, epochs=4)
    halfway = whole.resumed(whole.checkpoints[1])
    halfway.needs = {}
    again = fit(pretrained, halfway, keep=True, epochs=4)
    np.testing.assert_array_equal(wanted.assignments, again.assignments)
    assert torch.equal(wanted.tensors["after"], again.tensors["after"])


@pytest.mark.parametrize("k", [1, 41])
def test_k_out_of_range_is_refused(k, pretrained):
    with pytest.raises(ValueError, match=rf"n_clusters = {k} for 40 images"):
        fit(pretrained, the_task=transfer_task(k=k))


def test_a_batch_smaller_than_k_is_refused(pretrained):
    with pytest.raises(ValueError, match="batch_size = 4"):
        fit(pretrained, the_task=transfer_task(k=6), batch_size=4)


def test_a_task_without_source_is_refused(pretrained):
    with pytest.raises(ValueError, match="transfers from labelled classes"):
        fit(pretrained, the_task=dataclasses.replace(transfer_task(), source=None))


def test_weights_of_another_network_are_refused(pretrained):
    other = dataclasses.replace(pretrained, tensors={"head.weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="weights do not fit"):
        fit(other)


def test_a_loss_that_is_not_finite_fails_the_cell(pretrained):
    from bench.errors import NonFiniteError

    with pytest.raises(NonFiniteError, match="loss is"):
        fit(pretrained, learning_rate=1e30, epochs=9)


def test_runs_may_share_one_pretrained_network():
    info = type("Info", (), {"name": "t", "has_source": True})()
    supreme = registry.get("supreme").cls
    assert supreme().needs(info)["network"].seed is None
    assert supreme(pretrain_seed=0).needs(info)["network"].seed == 0


@pytest.mark.parametrize("dataset", ["digits", "mnist", "cifar10", "cifar100", "svhn"])
def test_no_class_is_both_source_and_target(dataset):
    task = get_task(f"{dataset}/transfer")
    target, source = (set(part.where["label"]) for part in (task.target, task.source))
    assert not target & source
    assert len(target) == task.n_clusters


def test_the_level_of_cifar10_is_asked_with_all_source_images():
    task, small = get_task("cifar10/transfer-whole-source"), get_task("cifar10/transfer")
    assert (task.target, task.source) == (small.target, small.source)
    assert (dict(task.quick), small.quick["target"]) == ({"target": 5000}, 5000)
