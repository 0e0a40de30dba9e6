"""The formulas of DEC (`bench.nn.losses.student`) against golden vectors and against loops."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.nn.losses.student import (
    SoftClusters,
    kl_divergence,
    soft_assignment,
    squared_distances,
    target_distribution,
)

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
        return {k: torch.from_numpy(np.asarray(file[k])) for k in file.files}


def assert_close(got, wanted):
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("alpha", "suffix"), [(1.0, ""), (3.0, "_alpha3")])
def test_assignment_target_divergence_and_gradients_are_golden(alpha, suffix):
    g = golden("dec")
    z, centres = g["z"].requires_grad_(), g["centres"].requires_grad_()
    q = soft_assignment(z, centres, alpha)
    p = target_distribution(q)
    loss = kl_divergence(p, q)
    loss.backward()
    assert_close(q.detach(), g[f"q{suffix}"])
    assert_close(p, g[f"p{suffix}"])
    assert_close(loss.detach(), g[f"kl_mean_over_samples{suffix}"])
    assert_close(loss.detach() * len(z), g[f"kl_sum{suffix}"])
    assert_close(kl_divergence(p, q.detach(), "elements"), g[f"kl_mean_over_elements{suffix}"])
    torch.testing.assert_close(z.grad, g[f"grad_z{suffix}"], rtol=1e-11, atol=1e-15)
    assert_close(centres.grad, g[f"grad_centres{suffix}"])


def test_the_target_of_a_batch_comes_from_the_whole_set():
    g = golden("dec")
    z, clusters = g["z"][:256].requires_grad_(), SoftClusters(g["centres"])
    p = target_distribution(soft_assignment(g["z"], g["centres"]))[:256]
    loss = kl_divergence(p, clusters(z))
    loss.backward()
    assert_close(loss.detach(), g["batch_loss_global_target"])
    assert_close(clusters.centres.grad, g["batch_grad_centres_global_target"])
    torch.testing.assert_close(z.grad, g["batch_grad_z_global_target"], rtol=1e-11, atol=1e-15)
    assert abs(loss.item() - g["batch_loss_batch_target"].item()) > 1e-3


def test_assignments_that_float32_rounds_to_zero_cost_no_nan():
    z = torch.tensor([[0.0], [40.0]], requires_grad=True)
    q = soft_assignment(z, torch.tensor([[0.0], [40.0]]), alpha=100.0)
    assert q.min() == 0
    loss = kl_divergence(target_distribution(q.detach()), q)
    loss.backward()
    assert loss == 0
    assert z.grad.isfinite().all()


@pytest.mark.parametrize(("tag", "alpha"), [("a1", 1.0), ("a0", 0.0)])
def test_assignment_of_supreme_is_golden(tag, alpha):
    g = golden("student_t")
    assert_close(soft_assignment(g["features"], g["centres"], alpha), g[f"q_{tag}"])


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 4.0])
def test_formulas_by_loops(alpha):
    rng = np.random.default_rng(0)
    z, c = rng.normal(size=(9, 4)), rng.normal(size=(3, 4))
    q = np.empty((9, 3))
    for i in range(9):
        for k in range(3):
            squared = sum((z[i, j] - c[k, j]) ** 2 for j in range(4))
            q[i, k] = (1 + squared / alpha) ** (-(alpha + 1) / 2) if alpha else 1 / np.sqrt(squared)
        q[i] /= sum(q[i])
    p = np.array([[q[i, k] ** 2 / sum(q[:, k]) for k in range(3)] for i in range(9)])
    for i in range(9):
        p[i] /= sum(p[i])
    kl = sum(p[i, k] * np.log(p[i, k] / q[i, k]) for i in range(9) for k in range(3))
    got = soft_assignment(torch.from_numpy(z), torch.from_numpy(c), alpha)
    np.testing.assert_allclose(got.numpy(), q, rtol=1e-12)
    np.testing.assert_allclose(target_distribution(got).numpy(), p, rtol=1e-12)
    value = kl_divergence(torch.from_numpy(p), torch.from_numpy(q)).item()
    assert value * 9 == pytest.approx(kl, rel=1e-12)


def test_alpha_zero_is_the_limit():
    g = golden("student_t")
    near = soft_assignment(g["features"], g["centres"], 1e-9)
    limit = soft_assignment(g["features"], g["centres"], 0.0)
    torch.testing.assert_close(near, limit, rtol=1e-7, atol=0)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_point_on_a_centre_is_certain_and_trains(alpha):
    centres = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    z = centres[:1].clone().requires_grad_()
    q = soft_assignment(z, centres, alpha)
    q[0, 1].log().backward()
    assert q[0, 0] > 0.9
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_distances_keep_their_digits_far_from_the_origin():
    rng = torch.Generator().manual_seed(0)
    z, c = torch.randn(50, 8, generator=rng), torch.randn(4, 8, generator=rng)
    far = squared_distances(z + 1000.0, c + 1000.0)
    torch.testing.assert_close(far, torch.cdist(z, c).square(), rtol=1e-3, atol=1e-3)


def test_a_zero_in_the_target_costs_nothing_and_negative_alpha_is_refused():
    p, q = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    assert kl_divergence(p, q).item() == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match="alpha = -1"):
        soft_assignment(q, q, -1)


def test_no_gradient_reaches_through_the_target():
    q = torch.softmax(torch.randn(5, 3, requires_grad=True), dim=1)
    assert not target_distribution(q).requires_grad
