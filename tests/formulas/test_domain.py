"""Domain adaptation's parts, `bench.nn.losses.domain`: reversal, discriminator, schedules."""

import math
from typing import Any

import pytest
import torch

from bench.nn.images.tensors import with_channels
from bench.nn.losses import domain

# Gradient reversal, discriminator, schedules


def discriminator(domain_golden):
    network = domain.discriminator(24, hidden=16).double()
    weights = {k.removeprefix("disc_").replace("6_0", "6"): v for k, v in domain_golden.items()}
    weights = {k.replace("_", "."): v for k, v in weights.items() if k[:2] in {"0_", "1_", "3_"}
               or k[:2] in {"4_", "6_"}}  # fmt: skip
    network.load_state_dict({**network.state_dict(), **weights})
    return network


class Given(torch.nn.Module):
    """A discriminator of given outputs."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, _):
        return self.logits


@pytest.mark.parametrize("step", [0, 7, 1000])
def test_the_domain_loss_and_its_gradients_are_those_of_the_library(step, domain_golden):
    network = discriminator(domain_golden)
    f_source, f_target = (
        domain_golden[k].clone().requires_grad_() for k in ("f_source", "f_target")
    )
    loss = domain.domain_loss(network, f_source, f_target, domain.reversal(step))
    loss.backward()
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(loss, domain_golden[f"dann_loss_iter{step}"], **close)
    for side, f in (("source", f_source), ("target", f_target)):
        torch.testing.assert_close(f.grad, domain_golden[f"dann_grad_f_{side}_iter{step}"], **close)
    if step == 7:
        torch.testing.assert_close(network[0].weight.grad, domain_golden["dann_grad_disc_0_weight"])
        last = domain_golden["dann_grad_disc_final_weight"]
        torch.testing.assert_close(network[6].weight.grad, last, **close)


def test_the_discriminator_is_that_of_the_library(domain_golden):
    both = torch.cat([domain_golden["f_source"], domain_golden["f_target"]])
    got = torch.sigmoid(discriminator(domain_golden)(both))
    torch.testing.assert_close(got, domain_golden["disc_output_train_mode"], rtol=0, atol=1e-10)


def test_the_domain_loss_of_given_outputs(domain_golden):
    logits = torch.logit(domain_golden["given_disc_output"])
    one = torch.zeros(32, 4, dtype=torch.float64)
    loss = domain.domain_loss(Given(logits), one, one, 1.0)
    torch.testing.assert_close(loss, domain_golden["dann_loss_given"], rtol=0, atol=1e-10)
    total = 0.0
    for side, d in enumerate(domain_golden["given_disc_output"].flatten().split(32)):
        total += sum(-math.log(1 - p if side else p) for p in d.tolist()) / 32
    assert loss.item() == pytest.approx(total / 2, abs=1e-12)


def test_the_reversal_rises_as_in_the_library(domain_golden):
    cases: dict[str, dict[str, Any]] = {
        "default": {},
        "alpha10_hi05": {"over": 300, "alpha": 10.0, "high": 0.5},
    }
    for name, options in cases.items():
        steps, wanted = (
            domain_golden[f"grl_iter_{name}"].tolist(),
            domain_golden[f"grl_coeff_{name}"].tolist(),
        )
        got = [domain.reversal(step, **options) for step in steps]
        assert got == pytest.approx(wanted, abs=1e-12)


def test_a_reversed_gradient_is_turned_round_and_scaled():
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    out = domain.reverse(x, 0.3)
    assert torch.equal(out, x)
    (out**2).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * 2 * x.detach())


def test_the_learning_rate_falls():
    assert domain.annealed(0) == 1.0
    assert domain.annealed(1000) == pytest.approx(2**-0.75)
    assert domain.annealed(10, gamma=0.1) == 2**-0.75


def test_logits_beyond_all_bounds_stay_finite():
    one = torch.zeros(2, 3)
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4])[:, None]
    assert domain.domain_loss(Given(logits), one, one, 1.0).item() == pytest.approx(5e3)


def test_features_that_do_not_fit_are_refused():
    network = domain.discriminator(4, hidden=3)
    with pytest.raises(ValueError, match=r"\(0, 4\) and \(5, 4\), not \(n, D\) and \(m, D\)"):
        domain.domain_loss(network, torch.zeros(0, 4), torch.zeros(5, 4), 1.0)
    with pytest.raises(ValueError, match="source features have length 4, those of the target 3"):
        domain.domain_loss(network, torch.zeros(2, 4), torch.zeros(5, 3), 1.0)


def test_domains_are_given_the_same_channels():
    x = torch.rand(2, 3, 4, 5)
    grey = with_channels(x, 1)
    wanted = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    torch.testing.assert_close(grey, wanted[:, None])
    assert torch.equal(with_channels(grey, 3), torch.cat([grey] * 3, dim=1))
    assert with_channels(x, 3) is x
    with pytest.raises(ValueError, match="images have 4 channels, wanted are 1"):
        with_channels(torch.rand(2, 4, 5, 5), 1)


def test_untracked_statistics_are_used_but_not_kept():
    network: Any = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3, momentum=0.2)
    )
    x, y = torch.randn(2, 8, 1, 5, 5).unbind(0)
    with domain.untracked(network):
        untracked = network(x)
    assert torch.equal(network[1].running_mean, torch.zeros(3))
    assert torch.equal(network(x), untracked)
    network[1].reset_running_stats()
    means = network[0](y).mean(dim=(0, 2, 3))
    network(y)
    torch.testing.assert_close(network[1].running_mean, 0.2 * means)
