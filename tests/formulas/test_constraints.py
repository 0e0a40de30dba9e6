"""The matrix of predicted pairs: packing, and what each clustering reads out of it."""

import numpy as np
import pytest
import torch

from bench.nn.clustering import constraints


def made(n, seed=0):
    return np.random.default_rng(seed).random((n, n)) < 0.4


@pytest.mark.parametrize("n", [1, 7, 8, 9, 40])
def test_a_packed_matrix_comes_back(n):
    matrix = made(n)
    tensors = constraints.packed(matrix)
    assert tensors["similar"].shape == (n, -(-n // 8))
    assert np.array_equal(constraints.similar(tensors, n), matrix)


@pytest.mark.parametrize(
    "tensors", [{}, constraints.packed(made(9)), {"similar": torch.zeros((7, 1))}]
)
def test_a_matrix_of_another_number_of_images_is_refused(tensors):
    with pytest.raises(ValueError, match="tensor 'similar': 7 rows of 1 bytes are wanted, not"):
        constraints.similar(tensors, 7)


def test_the_pairs_are_all_ordered_ones_once_in_an_order_of_the_seed():
    points = np.array([[0.0, 1], [2, 3], [0, 1], [4, 5], [2, 3]])
    same = constraints.groups(points)
    pairs, again, other = (
        constraints.ordered_pairs(same, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    wanted = {(i, j) for i in range(5) for j in range(5) if (points[i] != points[j]).any()}
    assert len(pairs) == len(wanted) == 16  # 20 less the two pairs of duplicates in both orders
    assert set(map(tuple, pairs.tolist())) == wanted
    assert np.array_equal(pairs, again)
    assert not np.array_equal(pairs, other)
    assert pairs.tolist() != sorted(pairs.tolist())


def test_duplicates_alone_make_no_pairs():
    same = constraints.groups(np.ones((4, 2)))
    assert constraints.ordered_pairs(same, np.random.default_rng(0)).shape == (0, 2)


@pytest.mark.parametrize("points", [np.full((2, 2), np.nan), np.array([[np.inf], [0.0]])])
def test_points_that_are_not_finite_are_refused(points):
    with pytest.raises(ValueError, match="points hold NaN or infinite values"):
        constraints.groups(points)


def test_symmetric_forms_by_loops():
    matrix, n = made(6), 6
    signed, upper = constraints.signed(matrix), constraints.upper(matrix)
    for i in range(n):
        for j in range(n):
            r = [1.0 if matrix[a, b] else -1.0 for a, b in ((i, j), (j, i))]
            assert signed[i, j] == sum(r) / 2
            assert upper[i, j] == (i == j or matrix[min(i, j), max(i, j)])
