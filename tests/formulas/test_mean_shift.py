"""Mean shift with a bandwidth for each point, against loops."""

import numpy as np
import pytest

from bench.nn.clustering.mean_shift import bandwidths, largest, mean_shift


def blobs(sizes, width=3, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), width)) * 5
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return centres[labels] + spread * rng.normal(size=(len(labels), width)), labels


def literal(points, widths):
    """Places after 3,000 moves each, point by point."""
    places = []
    for start in points:
        y = start
        for _ in range(3000):
            weights = [
                h ** -(points.shape[1] + 2) * np.exp(-np.square(y - x).sum() / (2 * h**2))
                for x, h in zip(points, widths, strict=True)
            ]
            moved = np.average(points, axis=0, weights=weights)
            if np.linalg.norm(moved - y) < 1e-10:
                break
            y = moved
        places.append(moved)
    return np.array(places)


def partition(labels):
    return {frozenset(np.flatnonzero(labels == c)) for c in np.unique(labels)}


def test_modes_by_loops():
    points, _ = blobs([6, 8, 5], spread=0.8)
    widths = bandwidths(points, 4)
    places = literal(points, widths)
    near = np.square(places[:, None] - places).sum(axis=2) < 1e-9
    found = mean_shift(points, widths)
    assert np.array_equal(found[:, None] == found, near)
    assert list(dict.fromkeys(found)) == list(range(found.max() + 1))


def test_bandwidths_by_sorting_with_duplicates_and_too_few_neighbours():
    points = np.array([[0.0], [0], [3], [7], [7.5]])
    distances = np.sort(np.abs(points - points.T), axis=1)
    for k in (1, 2, 4):
        np.testing.assert_allclose(bandwidths(points, k), np.maximum(distances[:, k], 1e-4))
    np.testing.assert_allclose(bandwidths(points, 99), distances[:, 4])
    np.testing.assert_allclose(bandwidths(np.ones((3, 2)), 1), 1e-4)


@pytest.mark.parametrize("width", [3, 25])
def test_separated_classes_are_modes(width):
    points, labels = blobs([30, 20, 40, 30], width=width)
    found = mean_shift(points, bandwidths(points, 15))
    assert partition(found) == partition(labels)


def test_tiny_bandwidths_in_many_dimensions_stay_finite():
    points = np.repeat(np.random.default_rng(0).normal(size=(4, 25)), 5, axis=0)
    widths = bandwidths(points, 3)  # 1e-4 to the power -27 is beyond any use
    assert partition(mean_shift(points, widths)) == partition(np.repeat(range(4), 5))


def test_smaller_clusters_are_given_to_the_larger_ones():
    points = np.array([[0.0], [0.1], [5], [5.1], [5.2], [4], [1]])
    modes = np.array([0, 0, 1, 1, 1, 2, 3])
    assert largest(modes, points, 4).tolist() == modes.tolist()
    assert largest(modes, points, 2).tolist() == [0, 0, 1, 1, 1, 1, 0]
    assert largest(modes, points, 1).tolist() == [0] * 7
    assert largest(np.array([0, 1, 2]), points[:3], 2).tolist() == [0, 1, 1]
