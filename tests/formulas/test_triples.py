"""Kernels from relative distances: projections by inverses and eigenvalues, and what is drawn."""

import numpy as np
import pytest

from bench.nn.clustering import triples
from bench.nn.clustering.distances import squared_distances
from bench.nn.clustering.logdet import Distances


def difference(n, i, j):
    return np.eye(n)[i] - np.eye(n)[j]


def projected(kernel, near, far, gamma):
    """The kernel after one inequality, by inverses; itself where that holds already."""
    n = len(kernel)
    c, d = difference(n, *near), difference(n, *far)
    C = gamma * np.outer(c, c) - np.outer(d, d)
    if np.trace(kernel @ C) <= 0:
        return kernel, 0
    values, vectors = np.linalg.eigh(kernel)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    spectrum = np.linalg.eigvalsh(root @ C @ root)
    low, high = spectrum[0], spectrum[-1]
    assert np.abs(spectrum[1:-1]).max() < 1e-9
    a = (low + high) / (2 * low * high)
    return np.linalg.inv(np.linalg.inv(kernel) - a * C), 1


def literal(kernel, drawn, gamma, sweeps):
    counts = []
    for _ in range(sweeps):
        found = 0
        for i, j, k in drawn:
            for far in ((i, k), (j, k)):
                kernel, violated = projected(kernel, (i, j), far, gamma)
                found += violated
        counts.append(found)
    return kernel, counts


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(9, 9))


def test_one_projection_meets_its_inequality_and_is_that_by_inverses(points):
    kernel, c, d = points @ points.T, difference(9, 0, 1), difference(9, 0, 2)
    after, violated = projected(kernel, (0, 1), (0, 2), 2.0)
    assert violated
    assert 2 * c @ after @ c == pytest.approx(d @ after @ d)
    distances = Distances(points)
    with distances.among(np.array([[0, 1], [0, 2]])) as gram:
        assert triples.project(gram, 0, 1, 2.0)
        assert not triples.project(gram, 0, 1, 2.0 - 1e-9)
    found = distances.coordinates()
    wanted = np.diag(after)[:, None] + np.diag(after) - 2 * after
    np.testing.assert_allclose(squared_distances(found, found), wanted, atol=1e-9)


@pytest.mark.parametrize("block", [1, 4, 50])
def test_blocks_are_one_after_another(points, block, monkeypatch):
    monkeypatch.setattr(triples, "_BLOCK", block)
    draw = np.random.default_rng(1)
    drawn = np.array([draw.permutation(9)[:3] for _ in range(12)])
    wanted, counts = literal(points @ points.T, drawn, 2.0, 3)
    distances = Distances(points)
    assert triples.learn(distances, drawn, gamma=2.0, sweeps=3) == counts
    assert counts[0] > 5
    found = distances.coordinates()
    wanted = np.diag(wanted)[:, None] + np.diag(wanted) - 2 * wanted
    np.testing.assert_allclose(squared_distances(found, found), wanted, rtol=1e-6, atol=1e-9)


def test_it_ends_once_no_triple_is_violated(points):
    drawn, said = np.array([[0, 1, 2], [3, 4, 5]]), []
    found = triples.learn(
        Distances(points), drawn, gamma=2.0, sweeps=500, said=lambda s, v: said.append((s, v))
    )
    assert found[-1] == 0
    assert found[0] > 0
    assert len(found) < 500
    assert said == list(enumerate(found, start=1))


def test_contradictory_triples_end_at_the_last_sweep_with_a_kernel(points):
    distances = Distances(points)
    found = triples.learn(distances, np.array([[0, 1, 2], [0, 2, 1]]), gamma=2.0, sweeps=30)
    assert len(found) == 30
    assert min(found) > 0
    assert np.isfinite(distances.coordinates()).all()


def test_pairs_of_one_direction_are_passed_over():
    line = np.arange(5.0)[:, None]  # in one dimension no kernel can do what is asked
    distances = Distances(line)
    assert triples.learn(distances, np.array([[0, 4, 1]]), gamma=2.0, sweeps=3) == [0]
    found = distances.coordinates()
    np.testing.assert_allclose(squared_distances(found, found), (line - line.T) ** 2, atol=1e-9)


def test_triples_say_what_the_matrix_says():
    draw = np.random.default_rng(0)
    similar = draw.random((12, 12)) < 0.4
    similar[3], similar[5] = True, False  # of these two nothing can be asked
    same = np.array([0, 0, *range(1, 11)])
    drawn = triples.draw_triples(similar, same, 300, np.random.default_rng(1))
    i, j, k = drawn.T
    assert similar[i, j].all()
    assert not similar[i, k].any()
    for a, b in ((i, j), (i, k), (j, k)):
        assert (same[a] != same[b]).all()
    counts = np.bincount(i, minlength=12)
    assert counts[[3, 5]].tolist() == [0, 0]
    assert counts.max() <= -(-300 // (counts > 0).sum())
    again = triples.draw_triples(similar, same, 300, np.random.default_rng(1))
    assert np.array_equal(drawn, again)


@pytest.mark.parametrize("value", [False, True])
def test_a_matrix_of_one_answer_has_no_triples(value):
    similar = np.full((6, 6), value)
    assert triples.draw_triples(similar, np.arange(6), 60, np.random.default_rng(0)).shape == (0, 3)
