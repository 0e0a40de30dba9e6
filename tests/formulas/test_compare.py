"""The statistics behind tables and `check`: literal transcriptions, error rates, known defects."""

import math
from typing import Any

import numpy as np
import pytest

from bench.score.statistics import Summary, best_rows, hochberg, holm, paired_p, summarise, verdict


def seeds(*values):
    return dict(enumerate(values))


# --- summarise ---------------------------------------------------------------------------------


def test_std_is_the_sample_standard_deviation_of_the_values_alone():
    # ClustPy's aggregates also ran over earlier aggregates: std 0.2739 for these values.
    values = [i / 10 for i in range(1, 11)]
    got = summarise(values)
    literal = math.sqrt(sum((v - 0.55) ** 2 for v in values) / 9)
    assert got.mean == pytest.approx(0.55)
    assert got.std == pytest.approx(literal)
    assert got.std == pytest.approx(0.3028, abs=5e-5)


def test_failed_seeds_are_absent_and_never_zeros():
    # ClustPy kept failed repetitions as 0: five of ten failing halved the mean.
    assert summarise([0.5] * 5) == Summary(0.5, 0.0, 5)
    with pytest.raises(ValueError, match="a failed seed has no value"):
        summarise([0.5, float("nan")])
    with pytest.raises(ValueError, match="beyond any number"):
        summarise([1.7e308, -1.7e308])


def test_a_single_value_has_no_spread():
    # DomainBed printed "± 0.0" where one trial of three survived.
    assert summarise([0.7]) == Summary(0.7, None, 1)
    assert summarise([]) == Summary(None, None, 0)


def test_summary_does_not_depend_on_the_order_of_seeds_or_on_numpy_types():
    rng = np.random.default_rng(0)
    values: Any = rng.random(10)
    assert summarise(values) == summarise(values[::-1]) == summarise(sorted(values.tolist()))
    assert type(summarise(values).mean) is float
    assert summarise([0.1] * 3).std == 0.0


# --- paired test and Holm ----------------------------------------------------------------------


def test_paired_p_equals_the_t_test_by_hand():
    # differences 1, 2, 3, 4: t = 2.5 / (1.29099 / 2) = 3.87298, p for 3 degrees of freedom
    a, b = seeds(2.0, 4.0, 6.0, 8.0), seeds(1.0, 2.0, 3.0, 4.0)
    t = 2.5 / (math.sqrt(5 / 3) / 2)
    theta = math.atan(t / math.sqrt(3))
    p = 1 - 2 / math.pi * (theta + math.sin(theta) * math.cos(theta))
    assert paired_p(a, b) == pytest.approx(p, abs=1e-12)
    assert paired_p(b, a) == pytest.approx(p, abs=1e-12)


def test_paired_p_uses_shared_seeds_only():
    a = {0: 0.9, 1: 0.8, 2: 0.85, 7: 0.0}
    b = {0: 0.8, 1: 0.75, 2: 0.7, 8: 1.0}
    assert paired_p(a, b) == paired_p({s: a[s] for s in range(3)}, {s: b[s] for s in range(3)})
    assert paired_p({0: 1.0, 1: 1.0}, {1: 0.0, 2: 0.0}) is None


def test_one_value_against_one_value_is_no_evidence():
    assert paired_p(seeds(0.9), seeds(0.1)) is None
    assert best_rows({"a": seeds(0.9), "b": seeds(0.1)}) == set()


@pytest.mark.parametrize(("n", "p"), [(2, 0.5), (3, 0.25), (10, 2 / 1024)])
def test_a_constant_difference_counts_by_the_number_of_seeds(n, p):
    # 0.95 - 0.85 and 0.85 - 0.75 differ by rounding: still the same difference
    a = {s: 0.95 - 0.1 * (s % 2) for s in range(n)}
    b = {s: 0.85 - 0.1 * (s % 2) for s in range(n)}
    assert paired_p(a, b) == p
    assert paired_p(a, a) == 1.0


def literal_holm(p):
    """For each hypothesis: the largest (m - j + 1) p_(j) over all smaller or equal p_(j)."""
    ordered = sorted(p)
    steps = [min(1.0, (len(p) - j) * value) for j, value in enumerate(ordered)]
    return [max(steps[: ordered.index(value) + 1]) for value in p]


def test_holm_equals_the_literal_procedure():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    rng = np.random.default_rng(3)
    for size in (1, 2, 5, 20):
        p = (rng.random(size) ** 3).tolist()
        assert holm(p) == pytest.approx(literal_holm(p))
    assert holm([]) == []
    with pytest.raises(ValueError, match=r"must be in 0\.\.1"):
        holm([0.5, float("nan")])


def test_hochberg_rejects_what_is_small_together():
    assert hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert hochberg([0.04] * 9) == pytest.approx([0.04] * 9)
    rng = np.random.default_rng(4)
    for size in (1, 2, 5, 20):
        p = (rng.random(size) ** 3).tolist()
        ordered = sorted(p)
        steps = [(size - j) * value for j, value in enumerate(ordered)]
        # For each hypothesis: the least (m - j + 1) p_(j) over all larger or equal p_(j).
        literal = [min(steps[ordered.index(value) :]) for value in p]
        assert hochberg(p) == pytest.approx(literal)
        assert all(h <= one + 1e-12 for h, one in zip(hochberg(p), holm(p), strict=True))
    assert hochberg([]) == []
    with pytest.raises(ValueError, match=r"must be in 0\.\.1"):
        hochberg([1.5])


# --- best in column ----------------------------------------------------------------------------


def noisy(mean, std, seed, n=10):
    return seeds(*(mean + std * np.random.default_rng(seed).standard_normal(n)).tolist())


def test_a_clearly_better_row_is_marked():
    columns = {"a": noisy(0.9, 0.01, 0), "b": noisy(0.7, 0.01, 1), "c": noisy(0.6, 0.05, 2)}
    assert best_rows(columns) == {"a"}
    assert best_rows(columns, higher_is_better=False) == {"c"}


def test_nothing_is_marked_without_separation_from_every_other_row():
    near = noisy(0.9, 0.02, 0)
    assert best_rows({"a": near, "b": dict(near)}) == set()
    rivals = {"a": near, "b": noisy(0.9, 0.02, 1), "c": noisy(0.5, 0.02, 2)}
    assert best_rows(rivals) == set()
    assert best_rows({"a": near}) == set()
    assert best_rows({}) == set()


def test_rows_without_values_do_not_compete_but_rows_with_one_seed_prevent_a_mark():
    columns = {"a": noisy(0.9, 0.01, 0), "b": noisy(0.7, 0.01, 1)}
    assert best_rows(columns | {"failed": {}}) == {"a"}
    assert best_rows(columns | {"once": seeds(0.1)}) == set()
    assert best_rows({"a": columns["a"], "failed": {}}) == set()


def test_holm_counts_the_rows_of_the_column():
    a = seeds(0.80, 0.82, 0.84, 0.86)
    b = seeds(0.79, 0.79, 0.83, 0.83)
    p = paired_p(a, b)
    assert p is not None
    assert 0.5 * 0.05 < p < 0.05
    assert best_rows({"a": a, "b": b}) == {"a"}
    also_near = {seed: value - 1e-4 for seed, value in b.items()}
    assert best_rows({"a": a, "b": b, "b2": also_near}) == set()


def test_a_mean_over_other_seeds_does_not_win_what_is_lost_on_shared_ones():
    full = seeds(*[0.50 + 0.001 * (s % 3) for s in range(5)], *[0.99] * 5)
    part = seeds(*[0.60 + 0.002 * (s % 2) for s in range(5)])
    assert best_rows({"full": full, "part": part}) == set()


def test_equal_methods_are_rarely_marked():
    rng = np.random.default_rng(5)
    marked = sum(
        bool(best_rows({name: seeds(*rng.standard_normal(10)) for name in "abc"}))
        for _ in range(300)
    )
    assert marked / 300 < 0.05


# --- verdict -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "std", "published", "published_std", "want"),
    [
        (0.635, 0.0, 0.655, None, "reproduced"),  # exactly two points
        (0.634, 0.0, 0.655, None, "worse"),
        (0.676, 0.0, 0.655, None, "better"),
        (0.600, 0.10, 0.655, None, "reproduced"),  # 2 SE = 2 · 0.1 / √10 = 0.063
        (0.590, 0.10, 0.655, None, "worse"),
        (0.590, 0.10, 0.655, 0.05, "reproduced"),  # 2 √(0.1² + 0.05²) / √10 = 0.071
        (0.580, 0.10, 0.655, 0.05, "worse"),
    ],
)
def test_verdict_at_its_limits(mean, std, published, published_std, want):
    got = verdict(Summary(mean, std, 10), published, published_std=published_std)
    assert got.verdict == want
    assert got.difference == pytest.approx(mean - published)


def test_verdict_says_why():
    assert verdict(Summary(0.6, 0.0, 10), 0.655).reason == "-5.5 points, tolerance 2.0 (floor)"
    wide = verdict(Summary(0.6, 0.1, 10), 0.655)
    assert wide.reason == "-5.5 points, tolerance 6.3 (2 SE)"


def test_verdict_without_a_number_on_either_side():
    assert verdict(Summary(0.5, 0.1, 10), None).verdict == ""
    assert verdict(Summary(None, None, 0), None).verdict == ""
    assert verdict(Summary(None, None, 0), 0.5).verdict == "open"
    assert verdict(Summary(None, None, 0), 0.5).difference is None


def test_other_experiments_and_single_seeds_are_not_comparable_however_near():
    quick = verdict(Summary(0.5, 0.1, 10), 0.5, not_comparable_because="quick preset")
    assert (quick.verdict, quick.difference, quick.reason) == (
        "not comparable",
        0.0,
        "quick preset",
    )
    once = verdict(Summary(0.9, None, 1), 0.5)
    assert once.verdict == "not comparable"
    assert "one seed" in once.reason


def test_lower_can_be_better():
    assert verdict(Summary(0.5, 0.0, 10), 0.6, higher_is_better=False).verdict == "better"
    assert verdict(Summary(0.7, 0.0, 10), 0.6, higher_is_better=False).verdict == "worse"


@pytest.mark.parametrize(
    ("mean", "ideal", "want"),
    [(26.4, 20, "reproduced"), (26.6, 20, "worse"), (23.0, 20, "better"), (14.0, 20, "reproduced")],
)
def test_counts_have_no_two_point_floor_and_are_better_nearer_to_the_truth(mean, ideal, want):
    std = 20.0 if want == "reproduced" and mean < 20 else 0.0
    got = verdict(Summary(mean, std, 10), 26, unit="count", higher_is_better=None, ideal=ideal)
    assert got.verdict == want


def test_a_count_without_a_known_truth_is_worse_wherever_it_departs():
    for mean in (20.0, 30.0):
        got = verdict(Summary(mean, 1.0, 10), 26, unit="count", higher_is_better=None)
        assert got.verdict == "worse"
