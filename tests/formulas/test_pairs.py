"""KCL and MCL against literal sums over pairs and against the released code's outputs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.nn.losses.pairs import kcl, mcl

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "pairs.npz", allow_pickle=False)
LOSSES = [kcl, mcl]


def literal_kcl(p, similar, known, margin=2.0, eps=1e-7):
    """One pair after the other, as the paper writes it; the sum."""
    total = p.new_zeros(())
    for i, j in known.nonzero().tolist():
        divergence = p.new_zeros(())
        for c in range(p.shape[1]):
            constant = p[i, c].detach() + eps
            divergence = divergence + constant * (constant.log() - (p[j, c] + eps).log())
        s = float(similar[i, j])
        total = total + s * divergence + (1 - s) * torch.relu(margin - divergence)
    return total


def literal_mcl(p, similar, known, eps=1e-7):
    total = p.new_zeros(())
    for i, j in known.nonzero().tolist():
        together, s = sum(p[i, c] * p[j, c] for c in range(p.shape[1])), float(similar[i, j])
        total = total - (s * together + (1 - s) * (1 - together) + eps).log()
    return total


LITERAL: dict[Any, Any] = {kcl: literal_kcl, mcl: literal_mcl}


def with_gradient(loss, logits):
    logits = logits.clone().requires_grad_()
    value = loss(logits.softmax(dim=1))
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


def draw(n=7, clusters=4, seed=0):
    rng = np.random.default_rng(seed)
    logits = torch.tensor(3 * rng.normal(size=(n, clusters)))
    similar, known = rng.random((n, n)) < 0.4, rng.random((n, n)) < 0.7
    return logits, torch.tensor(similar), torch.tensor(known)


@pytest.mark.parametrize("case", ["a", "b", "c"])
@pytest.mark.parametrize("loss", LOSSES)
def test_golden_in_double_precision(loss, case):
    logits = torch.tensor(GOLDEN[f"{case}_logits"]).double()
    similar = torch.tensor(GOLDEN[f"{case}_S"])
    value, gradient = with_gradient(lambda p: loss(p, similar), logits)
    name = f"{case}_{loss.__name__}"
    np.testing.assert_allclose(value, GOLDEN[f"{name}_loss_f64"], rtol=1e-9)
    np.testing.assert_allclose(gradient, GOLDEN[f"{name}_grad_f64"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("case", "atol"), [("a", 1e-6), ("b", 1e-6), ("c", 2e-5)])
@pytest.mark.parametrize("loss", LOSSES)
def test_golden_in_single_precision(loss, case, atol):
    similar = torch.tensor(GOLDEN[f"{case}_S"]).bool()
    logits = torch.tensor(GOLDEN[f"{case}_logits"])
    value, gradient = with_gradient(lambda p: loss(p, similar), logits)
    assert value.dtype == gradient.dtype == torch.float32
    name = f"{case}_{loss.__name__}"
    np.testing.assert_allclose(value, GOLDEN[f"{name}_loss_f32"], rtol=0, atol=atol)
    np.testing.assert_allclose(gradient, GOLDEN[f"{name}_grad_f32"], rtol=0, atol=atol)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_literal_sum_over_pairs(loss, masked):
    logits, similar, known = draw()
    mask = known if masked else torch.ones_like(known)
    expected = with_gradient(lambda p: LITERAL[loss](p, similar, mask), logits)
    given = known if masked else None
    ours = with_gradient(lambda p: loss(p, similar, given), logits)
    for mine, its in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, its / int(mask.sum()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_between_similar_and_dissimilar(loss):
    logits, similar, known = draw(seed=1)
    weights = torch.where(similar, 0.8, 0.1).double()
    expected = with_gradient(lambda p: LITERAL[loss](p, weights, torch.ones_like(known)), logits)
    ours = with_gradient(lambda p: loss(p, weights), logits)
    for mine, its in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, its / known.numel(), rtol=1e-9, atol=1e-12)


def test_the_margin_is_where_dissimilar_pairs_stop_to_matter():
    logits, similar, known = draw(seed=2)
    everything, nothing = torch.ones_like(known), torch.zeros_like(similar)
    for margin in (0.5, 5.0):
        expected = with_gradient(lambda p, m=margin: literal_kcl(p, nothing, everything, m), logits)
        ours = with_gradient(lambda p, m=margin: kcl(p, nothing, margin=m), logits)
        for mine, its in zip(ours, expected, strict=True):
            np.testing.assert_allclose(mine, its / known.numel(), rtol=1e-9, atol=1e-12)


def test_unknown_pairs_add_the_constants_of_the_released_code_only_there():
    """It adds KLD + max(0, 2 - KLD) (KCL) or -log(eps) (MCL) for each; ours leaves them out."""
    logits, similar = torch.tensor(GOLDEN["b_logits"]).double(), torch.tensor(GOLDEN["b_S"])
    unknown = torch.tensor(GOLDEN["u_unknown"]).bool()
    known = int((~unknown).sum())
    value = known * float(mcl(logits.softmax(1), similar, ~unknown))
    constants = -math.log(1e-7) * int(unknown.sum())
    np.testing.assert_allclose((value + constants) / 144, GOLDEN["u_mcl_loss_f64"], rtol=1e-9)
    _, gradient = with_gradient(lambda p: mcl(p, similar, ~unknown), logits)
    np.testing.assert_allclose(
        known * gradient / 144, GOLDEN["u_mcl_grad_f64"], rtol=1e-9, atol=1e-12
    )
    kld = torch.tensor(GOLDEN["b_kld_pairs_f64"])[unknown]
    value = known * float(kcl(logits.softmax(1), similar, ~unknown))
    constants = float((kld + torch.relu(2 - kld)).sum())
    np.testing.assert_allclose((value + constants) / 144, GOLDEN["u_kcl_loss_f64"], rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_upstream_gradients_scale_and_arguments_stay_as_they_were(loss):
    logits, similar, known = draw()
    p = logits.softmax(dim=1)
    before = (p.clone(), similar.clone(), known.clone())
    _, once = with_gradient(lambda p: loss(p, similar, known), logits)
    _, thrice = with_gradient(lambda p: 3.0 * loss(p, similar, known), logits)
    np.testing.assert_allclose(thrice, 3.0 * once, rtol=1e-12)
    loss(p, similar, known)
    assert all(map(torch.equal, (p, similar, known), before))


@pytest.mark.parametrize("loss", LOSSES)
def test_no_known_pair_costs_nothing(loss):
    logits, similar, known = draw()
    value, gradient = with_gradient(lambda p: loss(p, similar, torch.zeros_like(known)), logits)
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n", "clusters"), [(1, 3), (5, 1), (1, 1), (6, 4)])
def test_one_image_one_cluster_or_one_answer(loss, answer, n, clusters):
    logits, _, _ = draw(n, clusters)
    similar = torch.full((n, n), answer)
    expected = with_gradient(lambda p: LITERAL[loss](p, similar, torch.ones_like(similar)), logits)
    ours = with_gradient(lambda p: loss(p, similar), logits)
    for mine, its in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, its / n**2, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_nan_is_not_swallowed(loss, answer):
    logits, _, _ = draw()
    logits[2, 1] = math.nan
    value, _ = with_gradient(lambda p: loss(p, torch.full((7, 7), answer)), logits)
    assert math.isnan(value)


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_and_autocast_are_computed_in_single(loss):
    logits, similar, _ = draw()
    p = logits.float().softmax(dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(p, similar), loss(p.clone(), similar))
    half = p.bfloat16()
    assert loss(half, similar).dtype == torch.float32
    assert torch.equal(loss(half, similar), loss(half.float(), similar))
    half.requires_grad_()
    loss(half, similar).backward()
    assert half.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("loss", LOSSES)
def test_bad_input_is_named(loss):
    logits, similar, known = draw()
    p = logits.softmax(dim=1)
    with pytest.raises(ValueError, match=r"probabilities have shape \(0, 4\)"):
        loss(p[:0], similar[:0, :0])
    with pytest.raises(ValueError, match=r"probabilities have shape \(4,\)"):
        loss(p[0], similar)
    with pytest.raises(ValueError, match=r"similar has shape \(7, 6\), not \(7, 7\)"):
        loss(p, similar[:, :6])
    with pytest.raises(ValueError, match=r"known has shape \(49,\), not \(7, 7\)"):
        loss(p, similar, known.flatten())
