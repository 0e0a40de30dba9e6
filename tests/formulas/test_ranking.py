"""Ranks of methods over tasks: the literal forms, ties, what lacks, the printed critical values."""

import math

import numpy as np
import pytest
from scipy import stats

from bench.score.ranking import ranking


def scored(values):
    """Methods a, b, … on tasks 0, 1, …; NaN: no value."""
    return {
        "abcdefghij"[j]: {str(i): v for i, v in enumerate(column) if not math.isnan(v)}
        for j, column in enumerate(np.array(values).T.tolist())
    }


def literal(values, higher):
    """A method's rank on a task: one, those that are better, and half of those that are equal."""
    sign = 1 if higher else -1
    return [
        np.mean([
            1 + sum(sign * o > sign * row[j] for o in row) + (list(row).count(row[j]) - 1) / 2
            for row in values
        ])
        for j in range(len(values[0]))
    ]  # fmt: skip


@pytest.mark.parametrize("higher", [True, False])
def test_mean_ranks_and_friedmans_test(higher):
    values = np.random.default_rng(0).integers(0, 6, (9, 4)) / 10 + np.array([0, 0.1, 0.2, 0.2])
    values = values.round(1)  # with ties
    made = ranking(scored(values), higher_is_better=higher)
    assert dict(made.ranks) == pytest.approx(
        dict(zip("abcd", literal(values.tolist(), higher), strict=True))
    )
    assert list(made.ranks.values()) == sorted(made.ranks.values())
    chi = stats.friedmanchisquare(*values.T).statistic
    f = 8 * chi / (9 * 3 - chi)
    assert made.p == pytest.approx(stats.f.sf(f, 3, 24))


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)]
)  # table 5 (a) of the paper
def test_the_critical_difference_is_nemenyis(k, q):
    values = np.random.default_rng(1).random((14, k))
    found = ranking(scored(values)).difference
    assert found == pytest.approx(q * math.sqrt(k * (k + 1) / (6 * 14)), abs=1e-3)


def test_a_method_without_a_value_takes_no_rank_and_no_task():
    nan = math.nan
    values = [
        [0.1, 0.2, nan, nan],
        [0.1, 0.2, nan, 0.9],
        [0.3, 0.2, nan, 0.9],
        [0.1, nan, nan, nan],
    ]
    made = ranking(scored(values) | {"c": {}})
    assert made.tasks == ("1", "2")
    assert dict(made.ranks) == {"d": 1.0, "a": 2.5, "b": 2.5}
    few = ranking(scored([[0.1, 0.2, 0.3], *[[0.1, 0.2, nan]] * 3]))
    assert (few.tasks, dict(few.ranks)) == (("0", "1", "2", "3"), {"b": 1.0, "a": 2.0})


@pytest.mark.parametrize(
    "values", [{}, {"a": {}}, {"a": {"x": 1.0}}, {"a": {"x": 1}, "b": {"x": 2}}]
)
def test_too_little_for_a_test_gives_none(values):
    made = ranking(values)
    assert made.p is None
    assert made.difference is None


def test_equal_everywhere_and_always_in_one_order():
    assert ranking(scored(np.ones((5, 3)))).p == pytest.approx(1.0)
    # The exact chance that five tasks rank three methods alike.
    assert ranking(scored([[1, 2, 3]] * 5)).p == pytest.approx(6.0**-4)
    assert ranking(scored([[1, 2]] * 2)).p == pytest.approx(0.5)
