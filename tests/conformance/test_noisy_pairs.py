"""The ClusterNet on noisy pair answers, and LeNet, which it trains."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from sklearn.datasets import load_digits
from torch.nn import functional

from bench import registry
from bench.nn.networks.lenet import LeNet
from bench.run.draws import draw_answers
from bench.score import metrics
from bench.tasks import PairAnswers, PairsTask

SMALL = {"size": 12, "kernel": 3, "batch_size": 64, "epochs": 15}


def digits(n=180, classes=3):
    images, labels = load_digits(return_X_y=True)
    chosen = np.flatnonzero(labels < classes)[:n]
    pixels = (images[chosen] * 15).astype(np.uint8).reshape(-1, 8, 8, 1)
    return pixels, labels[chosen].astype(np.int64)


def pairs_task(similar=1.0, dissimilar=1.0, density=1.0, k=3, n=180):
    images, labels = digits(n)
    bits = draw_answers(labels, similar, dissimilar, density, seed=1)
    return PairsTask("made/pairs", images, k, PairAnswers(len(images), *bits))


def fit(task, run=None, **params):
    method = registry.get("clusternet").build({**SMALL, **params})
    return method.fit(task, run or FakeRun()).assignments


def nmi(assignments, n=180):
    return metrics.nmi(metrics.contingency(digits(n)[1], assignments), "sqrt")


# LeNet


def literal_lenet(x, state, training):
    """As section 4.2 lists it: conv, batch-norm, ReLU, pool, twice; FC, batch-norm, ReLU; FC."""

    def normalise(x, name):
        names = ("running_mean", "running_var", "weight", "bias")
        mean, var, weight, bias = (state[f"{name}.{n}"] for n in names)
        return functional.batch_norm(x, mean.clone(), var.clone(), weight, bias, training)

    for block in ("convs.0", "convs.1"):
        x = functional.conv2d(x, state[f"{block}.0.weight"], state[f"{block}.0.bias"])
        x = functional.max_pool2d(normalise(x, f"{block}.1").relu(), 2)
    x = functional.linear(x.flatten(1), state["hidden.0.weight"], state["hidden.0.bias"])
    x = normalise(x, "hidden.1").relu()
    return functional.linear(x, state["head.weight"], state["head.bias"])


@pytest.mark.parametrize("training", [True, False])
def test_lenet_is_what_the_paper_lists(training):
    torch.manual_seed(0)
    network: Any = LeNet(2, 7).double()
    for norm in (network.convs[0][1], network.convs[1][1], network.hidden[1]):
        for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
            tensor.copy_(torch.randn_like(tensor))  # a negative weight turns the order of values
    state = {name: t.clone() for name, t in network.state_dict().items()}
    x = torch.randn(5, 2, 28, 28).double()
    torch.testing.assert_close(network.train(training)(x), literal_lenet(x, state, training))


def test_lenet_has_the_sizes_of_the_released_code():
    network = LeNet(1, 10)
    found = network.blocks(torch.rand(2, 1, 28, 28))
    shapes = {name: tuple(x.shape) for name, x in found.items()}
    assert shapes == {"conv1": (2, 20, 12, 12), "conv2": (2, 50, 4, 4), "hidden": (2, 500)}
    assert network.head.weight.shape == (10, 500)


@pytest.mark.parametrize(("size", "kernel"), [(15, 5), (9, 3)])
def test_lenet_refuses_images_that_it_leaves_nothing_of(size, kernel):
    with pytest.raises(ValueError, match=f"size = {size} is too small for two {kernel}x{kernel}"):
        LeNet(1, 10, size=size, kernel=kernel)
    LeNet(1, 10, size=size + 1, kernel=kernel)


# The method


@pytest.mark.parametrize("loss", ["kcl", "mcl"])
@pytest.mark.parametrize("noise", [{}, {"similar": 0.6, "dissimilar": 0.9, "density": 0.5}])
def test_clusters_are_found_from_answers(loss, noise):
    assert nmi(fit(pairs_task(**noise), loss=loss)) > 0.9


@pytest.mark.parametrize("loss", ["kcl", "mcl"])
def test_all_answers_similar_tell_nothing_apart(loss):
    """KCL is content with outputs that are alike, whichever is largest; MCL with one cluster."""
    run = FakeRun()
    assignments = fit(pairs_task(dissimilar=0.0), run, loss=loss)
    assert nmi(assignments) < 0.5
    assert loss == "kcl" or len(set(assignments.tolist())) == 1
    assert abs(run.logged[-1][1]["loss"]) < 0.02


@pytest.mark.parametrize("loss", ["kcl", "mcl"])
def test_all_answers_dissimilar_use_every_cluster(loss):
    run = FakeRun()
    assert set(fit(pairs_task(similar=0.0), run, loss=loss).tolist()) == {0, 1, 2}
    assert all(np.isfinite(values["loss"]) for _, values in run.logged)


@pytest.mark.parametrize("loss", ["kcl", "mcl"])
def test_the_loss_is_the_mean_over_answered_pairs(loss):
    task = pairs_task(0.7, 0.8, 0.4)
    rows = torch.tensor([5, 80, 17, 33, 2, 151])
    p = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).double().softmax(dim=1)
    similar, known = task.answers.block(rows.numpy(), rows.numpy())
    assert 6 < known.sum() < 36
    total, count = torch.zeros((), dtype=torch.float64), 0
    for i, j in np.argwhere(known):
        a, b = p[i] + (1e-7 if loss == "kcl" else 0), p[j] + (1e-7 if loss == "kcl" else 0)
        if loss == "kcl":
            divergence = (a * (a / b).log()).sum()
            cost = divergence if similar[i, j] else (1.5 - divergence).clamp_min(0)
        else:
            together = (a * b).sum()
            cost = -((together if similar[i, j] else 1 - together) + 1e-7).log()
        total, count = total + cost, count + 1
    method: Any = registry.get("clusternet").build({"loss": loss, "margin": 1.5})
    torch.testing.assert_close(method._loss(p, task, rows), total / count)


def splitmix(pair, seed):
    """The counter-based generator in plain Python's whole numbers: a number in [0, 1)."""
    x = (pair + seed * 0x9E3779B97F4A7C15) % 2**64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return ((x ^ (x >> 31)) >> 11) / 2**53


@pytest.mark.parametrize("density", [0.4, 1.0])
def test_each_pair_is_answered_by_its_own_number_whatever_block_it_is_drawn_in(density):
    labels, n, seed = np.random.default_rng(3).integers(5, size=530), 530, 7
    answers = PairAnswers(n, *draw_answers(labels, 0.7, 0.9, density, seed))
    assert (answers.known_bits is None) == (density == 1)
    similar, known = answers.block(np.arange(n), np.arange(n))
    assert (similar == similar.T).all()
    assert (known == known.T).all()
    drawn = np.random.default_rng(0).integers(n, size=(400, 2)).tolist()
    for i, j in (*drawn, [255, 256], [9, 9]):
        pair = min(i, j) * n + max(i, j)
        same = labels[i] == labels[j]
        right = splitmix(pair, seed) < (0.7 if same else 0.9)
        answered = i == j or splitmix(pair, seed + 1) < density
        assert known[i, j] == answered
        assert similar[i, j] == (answered and (i == j or same == right))


def test_what_was_not_answered_does_not_count():
    task = pairs_task(0.8, 0.9, 0.2)
    answers = task.answers
    other = replace(answers, similar_bits=answers.similar_bits ^ ~answers.known_bits)
    assert (answers.similar_bits != other.similar_bits).any()
    runs = FakeRun(), FakeRun()
    first = fit(task, runs[0], epochs=2)
    assert np.array_equal(first, fit(replace(task, answers=other), runs[1], epochs=2))
    assert runs[0].logged == runs[1].logged


@pytest.mark.parametrize("loss", ["kcl", "mcl"])
def test_no_answers_at_all_change_no_weight(loss):
    task, run = pairs_task(), FakeRun()
    nothing = np.zeros_like(task.answers.similar_bits)
    task = replace(task, answers=replace(task.answers, known_bits=nothing))
    assert fit(task, run, loss=loss, epochs=2).shape == (180,)
    assert [values["loss"] for _, values in run.logged] == [0.0, 0.0]
    first, last = (c["network"] for c in run.checkpoints)
    assert torch.equal(first["head.weight"], last["head.weight"])


def test_images_without_contrast_are_a_defined_result():
    task = pairs_task(n=20)
    flat = replace(task, target=np.full_like(task.target, 120))
    assert len(set(fit(flat, epochs=1).tolist())) == 1


@pytest.mark.parametrize("batch_size", [59, 256])
def test_a_last_batch_of_one_image_is_passed_over(batch_size):
    assert len(fit(pairs_task(n=60), batch_size=batch_size, epochs=1)) == 60


@pytest.mark.parametrize("k", [0, 61])
def test_k_beyond_the_images_is_refused(k):
    with pytest.raises(
        ValueError, match=rf"n_clusters = {k} for 60 images of \S+: must lie in 1\.\.60"
    ):
        fit(pairs_task(k=k, n=60))


def test_one_cluster_and_a_single_image_are_defined():
    assert set(fit(pairs_task(k=1, n=60), epochs=1).tolist()) == {0}
    task = pairs_task(n=1, k=1)
    assert fit(task).tolist() == [0]


@pytest.mark.parametrize("params", [{"batch_size": 1}, {"epochs": 0}])
def test_parameters_that_cannot_be_are_refused(params):
    with pytest.raises(Exception, match="batch_size must be at least 2 and epochs at least 1"):
        registry.get("clusternet").build(params)


# The harness's contract


def test_a_resumed_cell_ends_in_the_same_bytes():
    task, whole = pairs_task(0.8, 0.9, 0.5), FakeRun()
    wanted = fit(task, whole, epochs=4)
    run = whole.resumed(whole.checkpoints[1])
    assert np.array_equal(fit(task, run, epochs=4), wanted)
    final, again = whole.checkpoints[-1]["network"], run.checkpoints[-1]["network"]
    assert all(torch.equal(final[k], again[k]) for k in final)


def test_seeds_are_honoured():
    task = pairs_task(n=60)

    def weights(seed):
        run = FakeRun(seed)
        fit(task, run, epochs=1)
        return run.checkpoints[-1]["network"]["head.weight"]

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
