"""LogDet updates of a kernel in blocks: against golden vectors, and against one after another."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench.nn.clustering import pair_bounds
from bench.nn.clustering.distances import squared_distances
from bench.nn.clustering.logdet import Distances, factor
from bench.nn.clustering.pair_bounds import Bounds

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "classical.npz")
WIDE = 100
"""Zeros beside the 64 pixels of 300 images: the kernel is held in place of the metric."""


def centred(kernel):
    return kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()


def kernel_of(points):
    return centred(points @ points.T)


@pytest.fixture(params=["metric", "kernel"])
def digits(request):
    """Images in either form; the form is told by the matrix that is held."""
    points = GOLDEN["X"].astype(float)
    if request.param == "kernel":
        points = np.concatenate([points, np.zeros((len(points), WIDE))], axis=1)
    distances = Distances(points)
    assert len(distances._matrix) == (64 if request.param == "metric" else 300)
    return distances


@pytest.mark.parametrize("order", ["", "simfirst_"])
def test_itml_is_golden(digits, order):
    g, pairs = GOLDEN, GOLDEN["itml_pairs"].astype(np.int64)
    similar = g["itml_sign"] > 0
    places = g["itml_simfirst_order"] if order else np.arange(len(pairs))
    below, above, gamma = (float(g[f"itml_{name}"]) for name in ("u", "l", "gamma"))
    bounds = Bounds.of(pairs[places], similar[places], below, above)
    sweeps = pair_bounds.learn(digits, bounds, gamma=gamma, most=1, tolerance=0.01)
    assert sweeps == 1
    wanted = centred(g["X"] @ g[f"itml_{order}A"] @ g["X"].T)
    found = kernel_of(digits.coordinates())
    assert np.abs(found - wanted).max() < 1e-9 * np.abs(wanted).max()
    if not order:
        np.testing.assert_allclose(bounds.targets, g["itml_xi"], rtol=1e-9)
        scale = np.abs(g["itml_lambda"]).max()
        np.testing.assert_allclose(bounds.duals, g["itml_lambda"], atol=1e-9 * scale)
        assert (bounds.duals == 0).mean() > 0.5  # pairs within their bounds make no update


# One update after another, by the paper's formula


def literal(points, bounds, gamma, sweeps):
    """A, (D, D), after that many sweeps; `bounds` change as well."""
    A, xi, lam = np.eye(points.shape[1]), bounds.targets, bounds.duals
    for _ in range(sweeps):
        for c, (i, j) in enumerate(bounds.pairs):
            v, delta = points[i] - points[j], 1 if bounds.similar[c] else -1
            p = v @ A @ v
            alpha = min(lam[c], delta * gamma / (gamma + 1) * (1 / p - 1 / xi[c]))
            beta = delta * alpha / (1 - delta * alpha * p)
            xi[c] = gamma * xi[c] / (gamma + delta * alpha * xi[c])
            lam[c] -= alpha
            A = A + beta * np.outer(A @ v, v @ A)
    return A


def case(n, width, count, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, width))
    pairs = rng.integers(n, size=(count, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return points, pairs, rng.random(len(pairs)) < 0.4


@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize("gamma", [1.0, 100.0])
@pytest.mark.parametrize("sweeps", [1, 3])
def test_blocks_of_updates_are_those_of_one_after_another(width, gamma, sweeps):
    points, pairs, similar = case(30, width, 500)  # pairs come back within a block
    bounds, own = (Bounds.of(pairs, similar, 0.3 * width, 3.0 * width) for _ in range(2))
    distances = Distances(points)
    most = len(pairs) * sweeps - 1
    assert pair_bounds.learn(distances, bounds, gamma=gamma, most=most, tolerance=0) == sweeps
    A = literal(points, own, gamma, sweeps)
    wanted = centred(points @ A @ points.T)
    found = kernel_of(distances.coordinates())
    # Pairs that contradict one another and come back magnify what was rounded.
    assert np.abs(found - wanted).max() < 1e-7 * np.abs(wanted).max()
    np.testing.assert_allclose(bounds.targets, own.targets, rtol=1e-6)
    np.testing.assert_allclose(bounds.duals, own.duals, atol=1e-7 * np.abs(own.duals).max())


@pytest.mark.parametrize("width", [2, 25])
def test_changes_of_a_block_in_any_order(width):
    points, pairs, _ = case(20, width, 40, seed=1)
    distances, A = Distances(points), np.eye(width)
    draw = np.random.default_rng(2)
    for _ in range(3):
        with distances.among(pairs) as gram:
            for c in draw.integers(len(pairs), size=25).tolist():
                v = points[pairs[c, 0]] - points[pairs[c, 1]]
                p = v @ A @ v
                assert gram.values[c, c] == pytest.approx(p, rel=1e-9)
                b = draw.uniform(-0.5, 0.5) / p
                gram.change(c, b)
                A = A + b * np.outer(A @ v, v @ A)
    wanted = centred(points @ A @ points.T)
    assert np.abs(kernel_of(distances.coordinates()) - wanted).max() < 1e-9 * np.abs(wanted).max()


def test_a_sweep_is_the_last_once_duals_stand_still():
    points, pairs, similar = case(20, 3, 60)
    bounds = Bounds.of(pairs, similar, 100.0, 1e-6)  # all are within their bounds
    ended = partial(pair_bounds.learn, gamma=1.0, most=10**6, tolerance=0.01)
    assert ended(Distances(points), bounds) == 1
    bounds = Bounds.of(pairs, similar, 1.0, 2.0)
    sweeps = ended(Distances(points), bounds)
    assert 1 < sweeps < 10**6 / len(pairs)


def test_no_pairs_change_nothing():
    points = np.random.default_rng(0).normal(size=(6, 2))
    distances, none = Distances(points), np.zeros((0, 2), np.int64)
    bounds = Bounds.of(none, np.zeros(0, bool), 1.0, 2.0)
    assert pair_bounds.learn(distances, bounds, gamma=1.0, most=9, tolerance=0.1) == 0
    found = distances.coordinates()
    np.testing.assert_allclose(squared_distances(found, found), squared_distances(points, points))


def test_ordered_coordinates_are_the_principal_ones_of_the_same_distances():
    points, pairs, similar = case(60, 3, 40)
    distances = Distances(points * [1.0, 2.0, 3.0] + 5.0)
    bounds = Bounds.of(pairs, similar, 1.0, 20.0)
    pair_bounds.learn(distances, bounds, gamma=1.0, most=200, tolerance=1e-3)
    found, plain = distances.coordinates(ordered=True), distances.coordinates()
    wanted = squared_distances(plain, plain)
    np.testing.assert_allclose(squared_distances(found, found), wanted, atol=1e-12)
    energies = np.square(found).sum(axis=0)
    assert (np.diff(energies) <= 0).all()
    np.testing.assert_allclose(found.T @ found, np.diag(energies), atol=1e-9 * energies[0])
    assert np.abs(found.mean(axis=0)).max() < 1e-12


# Points of a kernel


def test_a_factor_gives_the_kernel_back_and_keeps_its_energy():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 5)) * [10, 5, 2, 1, 0.1]
    kernel = points @ points.T
    whole = factor(kernel)
    assert whole.shape == (12, 5)
    np.testing.assert_allclose(whole @ whole.T, kernel, atol=1e-9)
    energies = np.square(whole).sum(axis=0)
    assert (np.diff(energies) < 0).all()
    for energy in (0.5, 0.9, 0.99):
        kept = factor(kernel, energy).shape[1]
        shares = np.cumsum(energies) / energies.sum()
        assert kept == next(r + 1 for r in range(5) if shares[r] >= energy)


@pytest.mark.parametrize("kernel", [np.zeros((4, 4)), np.ones((4, 4)), np.diag([1.0, 0, 0, 1e-30])])
def test_singular_kernels_have_points(kernel):
    found = factor(kernel)
    assert found.shape == (4, 1)
    np.testing.assert_allclose(found @ found.T, kernel, atol=1e-12)


def test_a_kernel_that_is_not_finite_is_refused():
    distances = Distances(np.random.default_rng(0).normal(size=(6, 2)))
    with distances.among(np.array([[0, 1]])) as gram:
        gram.change(0, np.inf)
    with pytest.raises(ValueError, match="the learned kernel holds NaN or infinite values"):
        distances.coordinates()


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (1.0, np.inf), (np.nan, 1.0)])
def test_bounds_that_no_distance_can_have_are_refused(bounds):
    with pytest.raises(ValueError, match="must be numbers above 0"):
        Bounds.of(np.array([[0, 1]]), np.array([True]), *bounds)


def test_percentiles_of_distances():
    assert pair_bounds.percentiles(np.arange(1.0, 102), 5, 95) == (6, 96)
    assert pair_bounds.percentiles(np.repeat([0.0, 2], 50), 5, 95) == (2e-6, 2)
    with pytest.raises(ValueError, match="the 95th percentile of the squared distances is 0"):
        pair_bounds.percentiles(np.zeros(3), 5, 95)
