"""The joint discrepancy of JAN, `bench.nn.losses.discrepancy`."""

import math

import pytest
import torch

from bench.nn.losses import discrepancy

NAMES = ("f_source", "f_target", "softmax_source", "softmax_target")
GRADIENTS = ("grad_f_source", "grad_f_target", "grad_p_source", "grad_p_target")


def test_it_and_its_gradients_are_those_of_the_library(domain_golden):
    given = [domain_golden[name].clone().requires_grad_() for name in NAMES]
    value = discrepancy.joint_discrepancy(*given)
    value.backward()
    torch.testing.assert_close(value, domain_golden["jmmd_quadratic"], rtol=0, atol=1e-10)
    for tensor, name in zip(given, GRADIENTS, strict=True):
        expected = domain_golden[f"jmmd_quadratic_{name}"]
        torch.testing.assert_close(tensor.grad, expected, rtol=0, atol=1e-10)


def literal(source, target, p_source, p_target):
    """The double sums, pair by pair."""
    x, p = [*source, *target], [*p_source, *p_target]
    n, m = len(source), len(target)
    squared = [[float(((a - b) ** 2).sum()) for b in x] for a in x]
    mean = sum(map(sum, squared)) / (n + m) ** 2

    def kernel(i, j):
        of_x = sum(math.exp(-squared[i][j] / (2 * 2.0**k * mean)) for k in (-3, -2, -1, 0, 1))
        return of_x * math.exp(-float(((p[i] - p[j]) ** 2).sum()) / (2 * 0.92**2))

    total = 1 / (n - 1) + 1 / (m - 1)
    for i in range(n + m):
        for j in range(n + m):
            if i < n and j < n and i != j:
                total += kernel(i, j) / (n * (n - 1))
            elif i >= n and j >= n and i != j:
                total += kernel(i, j) / (m * (m - 1))
            elif i < n <= j:
                total -= 2 * kernel(i, j) / (n * m)
    return total


@pytest.mark.parametrize(("n", "m"), [(5, 5), (2, 7)])
def test_it_is_the_double_sum_for_batches_of_any_two_sizes(n, m):
    drawn = torch.Generator().manual_seed(n)
    x = [torch.randn(k, 4, generator=drawn, dtype=torch.float64) for k in (n, m)]
    p = [torch.randn(k, 3, generator=drawn, dtype=torch.float64).softmax(dim=1) for k in (n, m)]
    value = float(discrepancy.joint_discrepancy(*x, *p))
    assert value == pytest.approx(literal(*x, *p), abs=1e-12)


def test_features_that_are_all_equal_are_not_apart():
    equal = torch.zeros(4, 3)
    p = torch.full((4, 2), 0.5)
    assert torch.isfinite(discrepancy.joint_discrepancy(equal, equal, p, p))


def test_domains_apart_are_further_apart_than_one_domain():
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(64, 8, generator=drawn)
    p = torch.randn(64, 3, generator=drawn).softmax(dim=1)
    one = discrepancy.joint_discrepancy(x[:32], x[32:], p[:32], p[32:])
    two = discrepancy.joint_discrepancy(x[:32], x[32:] + 3, p[:32], p[32:])
    assert float(two - one) > 0.5


@pytest.mark.parametrize(
    ("n", "m", "of_source"), [(1, 5, 1), (5, 1, 5), (5, 5, 4)]
)  # fmt: skip
def test_rows_that_do_not_go_together_are_refused(n, m, of_source):
    x, p = torch.zeros(5, 4), torch.full((5, 2), 0.5)
    with pytest.raises(ValueError, match="each domain needs two at least"):
        discrepancy.joint_discrepancy(x[:n], x[:m], p[:of_source], p[:m])
