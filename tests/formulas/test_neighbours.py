"""Exact nearest neighbours, beside scikit-learn's brute force, and how likely each is drawn."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from bench.nn.clustering import neighbours
from bench.nn.clustering.neighbours import nearest, probabilities


def clustered(n, width, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(10, width))
    points = 3 + centres[rng.integers(10, size=n)] + 0.7 * rng.normal(size=(n, width))
    return torch.from_numpy(points.astype(dtype))


def by_scikit_learn(features, k):
    points = features.double().numpy()
    model = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    distances, indices = model.kneighbors()  # without an argument a point is not its own
    return indices, distances


def literally(features, k):
    """Float64 distances, index by index, the lower one first where they are alike."""
    points = features.double().numpy()
    rows = []
    for i, point in enumerate(points):
        squares = ((points - point) ** 2).sum(axis=1)
        rows.append(sorted((d, j) for j, d in enumerate(squares) if j != i)[:k])
    return np.array([[j for _, j in row] for row in rows])


@pytest.mark.parametrize("n", [5000, 8195])
@pytest.mark.parametrize("width", [3, 64])
def test_they_are_those_of_scikit_learn(n, width):
    features = clustered(n, width)
    indices, distances = by_scikit_learn(features, 20)
    found = nearest(features, 20)
    assert (found.indices.numpy() == indices).all()
    np.testing.assert_allclose(found.distances.numpy(), distances, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 3, 16, 17, 40])
def test_few_points(n):
    features = clustered(n, 5)
    for k in {1, n // 2, n - 1}:
        assert (nearest(features, k).indices.numpy() == literally(features, k)).all()


def test_float64_points_are_not_rounded():
    """A cloud so far out that its float32 points fall together."""
    features = clustered(300, 4, dtype=np.float64) * 1e-3 + 1e6
    assert (nearest(features, 9).indices.numpy() == literally(features, 9)).all()


def test_what_float32_cannot_tell_apart_is_told_apart():
    """Tight clusters far from one another: a product in float32 rounds their distances away."""
    rng = np.random.default_rng(0)
    points = 1e4 * rng.normal(size=(1, 12)) * np.repeat([[1.0], [-1.0]], 60, axis=0)
    features = torch.from_numpy(points + 1e-3 * rng.normal(size=(120, 12)))
    for found in (features, features.float()):
        assert (nearest(found, 9).indices.numpy() == literally(found, 9)).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_features_of_any_size(scale):
    features = clustered(300, 4) * scale
    assert (nearest(features, 9).indices.numpy() == literally(features, 9)).all()


def test_ties_go_to_the_lower_index(monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 4 * 7 * 1000)
    features = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (1000, 5))).float()
    found = nearest(features, 20)
    assert (found.indices.numpy() == literally(features, 20)).all()
    assert (found.distances[:, 2] == 0).any()


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    features = clustered(700, 8)
    whole = nearest(features, 6)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 4 * 700 * 33)
    monkeypatch.setattr(neighbours, "_COLUMNS", 64)
    assert all(map(torch.equal, nearest(features, 6), whole))


def test_constant_features_have_the_first_others_at_distance_zero():
    found = nearest(torch.full((50, 3), 7.5), 4)
    assert found.indices[0].tolist() == [1, 2, 3, 4]
    assert found.indices[2].tolist() == [0, 1, 3, 4]
    assert (found.distances == 0).all()


@pytest.mark.parametrize(
    ("features", "k", "message"),
    [
        (torch.zeros(5, 2), 5, r"k = 5 neighbours among 5 points: must lie in 1\.\.4"),
        (torch.zeros(5, 2), 0, "k = 0"),
        (torch.tensor([[1.0], [float("nan")], [2.0]]), 1, "NaN"),
        (torch.tensor([[1.0], [float("inf")], [2.0]]), 1, "infinite"),
        (torch.zeros(5), 1, r"not floats \(N, D\)"),
        (torch.zeros(5, 2, dtype=torch.int64), 1, "int64"),
    ],
)
def test_bad_input_is_named(features, k, message):
    with pytest.raises(ValueError, match=message):
        nearest(features, k)


def test_probabilities_are_those_of_equation_4():
    distances = nearest(clustered(200, 6), 20).distances
    found = probabilities(distances, 20).numpy()
    for row, mine in zip(distances.numpy(), found, strict=True):
        sigma = row[2] / 2
        weight = np.array([np.exp(-(d**2) / (2 * sigma**2)) for d in row])
        np.testing.assert_allclose(mine, weight / weight.sum(), rtol=1e-12)


def test_fewer_than_are_there_may_be_drawn():
    distances = torch.tensor([[1.0, 1.0, 2.0, 5.0]]).double()
    np.testing.assert_allclose(probabilities(distances, 2), [[0.5, 0.5]])


def test_three_duplicates_share_the_probability():
    distances = torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 2.0, 2.0, 9.0]]).double()
    found = probabilities(distances, 5)
    assert found[0].tolist() == [0.25, 0.25, 0.25, 0.25, 0.0]
    assert found[1, 0] == found[1, 1] > found[1, 2] == found[1, 3] > found[1, 4] > 0
    np.testing.assert_allclose(found.sum(dim=1), 1)


def test_the_third_neighbour_has_to_be_there():
    with pytest.raises(ValueError, match="third"):
        probabilities(torch.ones(4, 2), 2)
