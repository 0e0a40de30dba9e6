"""The rule of `bench check`: literal transcriptions, error rates, the damage that it must see."""

import math
import statistics

import numpy as np
import pytest
from scipy import stats

from bench.score.drift import FLOOR, LEVEL, WIDEST, Pair, judge


def pair(reference, measured, **how):
    return Pair(dict(enumerate(reference)), dict(enumerate(measured)), **how)


TEN = [0.79, 0.81, 0.80, 0.83, 0.77, 0.80, 0.78, 0.82, 0.81, 0.79]


def one(reference, measured, **how):
    (found,) = judge([pair(reference, measured, **how)])
    return found


def test_p_of_one_seed_by_hand():
    found = one(TEN, [0.79 - 0.06])
    mean, spread = statistics.mean(TEN), statistics.stdev(TEN)
    departure = (0.79 + mean) / 2 - 0.73
    t = departure / (spread * math.sqrt(1.25 + 0.75 / 10))
    assert found.p == pytest.approx(2 * stats.t.sf(t, 9))
    assert found.difference == pytest.approx(-0.06)
    assert found.moved
    assert found.seeds == (0,)


def test_the_middle_of_both_guesses_has_the_variance_that_the_rule_says():
    rng = np.random.default_rng(5)
    reference, measured = rng.normal(size=(2, 200_000, 10))
    for n in (1, 3, 10):
        own = reference[:, :n].mean(axis=1)
        departure = measured[:, :n].mean(axis=1) - (own + reference.mean(axis=1)) / 2
        assert departure.var() == pytest.approx(1.25 / n + 0.75 / 10, rel=0.02)


def test_p_of_three_seeds_is_the_least_of_three_tests_by_hand():
    measured = [0.70, 0.72, 0.71]
    found = one(TEN, measured)
    mean, spread = statistics.mean(TEN), statistics.stdev(TEN)
    d = [m - r for m, r in zip(measured, TEN, strict=False)]
    departure = statistics.mean(measured) - (statistics.mean(TEN[:3]) + mean) / 2
    together = stats.t.sf(-departure / (spread * math.sqrt(1.25 / 3 + 0.075)), 9)
    alone = 3 * stats.t.sf((mean - 0.70) / (spread * math.sqrt(1.1)), 9)
    deviation = max(statistics.stdev(d), FLOOR / math.sqrt(3))
    paired = stats.t.sf(-statistics.mean(d) / (deviation / math.sqrt(3)), 2)
    assert found.p == pytest.approx(3 * 2 * min(together, alone, paired), rel=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_a_move_of_all_seeds_alike_is_named_just_beyond_the_tolerance(n):
    """Where the seeds stand at the reference's mean and the first test alone can see them."""
    reference = [0.8] * n + [0.7, 0.9] * 3
    tolerance = one(reference, [0.8 - 0.2] * n).tolerance
    rises = one(reference, [0.8 + tolerance * 1.001] * n)
    assert rises.moved
    assert rises.difference > 0
    if n < 3:
        assert not one(reference, [0.8 - tolerance * 0.999] * n).moved


def test_the_same_bits_and_noise_of_half_a_point_are_nothing():
    assert one(TEN, TEN).p == 1.0
    noisy = [value + (0.005 if i % 2 else -0.005) for i, value in enumerate(TEN)]
    for measured in (noisy, [value - 0.005 for value in TEN]):
        found = one(TEN, measured)
        assert not found.moved
        assert not found.beyond_noise
    constant = [0.9] * 10
    assert not one(constant, [0.895] * 10).moved
    assert one(constant, [0.893] * 10).moved


def test_damage_never_widens_its_own_tolerance():
    half = [0.10 if seed < 5 else value for seed, value in enumerate(TEN)]
    found = one(TEN, half)
    assert found.tolerance == one(TEN, [value - 0.02 for value in TEN]).tolerance < 0.05
    assert found.moved
    assert found.seeds == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("broken", range(1, 10))
def test_collapsed_seeds_are_named_whatever_the_spread(broken):
    rng = np.random.default_rng(broken)
    for spread in (0.002, 0.02, 0.1, 0.15):
        for _ in range(20):
            before = np.clip(rng.normal(0.8, spread, 10), 0, 1).tolist()
            which = set(rng.permutation(10)[:broken].tolist())
            now = [0.1 if seed in which else value for seed, value in enumerate(before)]
            found = one(before, now, worst=0.1)
            assert found.moved
            assert set(found.seeds) == which


@pytest.mark.parametrize("spread", [0.15, 0.2, 0.25])
def test_a_collapse_that_is_not_named_is_of_a_number_that_is_called_unguarded(spread):
    rng, unguarded = np.random.default_rng(7), 0
    for draw in range(450):
        before, broken = np.clip(rng.normal(0.8, spread, 10), 0.1, 1), draw % 9 + 1
        found = one(before.tolist(), [0.1] * broken + before[broken:].tolist(), worst=0.1)
        assert found.moved or not found.guarded
        unguarded += not found.guarded
    assert unguarded < 225  # half


def test_a_seed_that_was_an_outlier_may_come_back():
    before = [*TEN[:9], 0.2]
    assert not one(before, [*TEN[:9], 0.8]).moved
    assert not one(before, [*TEN[:9], 0.21]).moved


def test_many_seeds_that_move_a_little_alike_are_seen_in_a_wide_spread():
    before = [0.5, 0.9, 0.6, 0.8, 0.55, 0.85, 0.65, 0.75, 0.7, 0.7]
    assert one(before, [value - 0.02 for value in before]).moved
    new_draw = [before[(i + 3) % 10] - 0.02 for i in range(10)]
    assert not one(before, new_draw).moved


def test_noise_on_every_seed_of_a_hundred_numbers_raises_no_alarm():
    rng = np.random.default_rng(1)
    for n in (1, 3, 10):
        before = rng.normal(0.7, rng.choice([0.002, 0.02, 0.1], (50, 100, 1)), (50, 100, 10))
        now = before[:, :, :n] + rng.uniform(-0.005, 0.005, (50, 100, n))
        for numbers in zip(before, now, strict=True):
            pairs = [pair(b.tolist(), m.tolist()) for b, m in zip(*numbers, strict=True)]
            assert not any(found.moved for found in judge(pairs))


@pytest.mark.parametrize(("n", "least"), [(1, 0.90), (3, 0.95), (10, 0.99)])
@pytest.mark.parametrize("spread", [0.002, 0.02, 0.15])
def test_a_fall_of_three_and_a_quarter_deviations_is_seen(n, least, spread):
    rng = np.random.default_rng(2)
    others = [pair(TEN, TEN[:n])] * 9
    seen = 0
    for _ in range(100):
        before = rng.normal(0.8, spread, 10)
        fallen = pair(before.tolist(), (before[:n] - 3.25 * spread).tolist())
        seen += judge([fallen, *others])[0].moved
    # 100 draws: two standard errors below the bound would still be chance.
    assert seen / 100 > least - 2 * math.sqrt(least * (1 - least) / 100)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_new_draws_of_all_seeds_rarely_raise_an_alarm(n):
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(25):
        before, now = rng.normal(0.7, 0.03, (100, 10)), rng.normal(0.7, 0.03, (100, n))
        pairs = [pair(b.tolist(), m.tolist()) for b, m in zip(before, now, strict=True)]
        alarms += any(found.moved for found in judge(pairs))
    assert alarms / 25 <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / 25)


def test_weak_references_are_known_as_such():
    strong = one(TEN, TEN)
    assert strong.guarded
    wide = [0.05, 0.9, 0.1, 0.8, 0.0, 0.7, 0.5, 0.2, 0.9, 0.0]
    assert not one(wide, wide).guarded  # all of them at 0 would be named, one of them not
    assert one(wide, [0.0] * 10).moved
    assert not one(wide, [0.0, *wide[1:]]).moved
    assert not one(wide, wide[:1]).guarded
    assert not one([0.3], [0.3]).guarded  # one seed: as wide as any
    alone = one([0.9], [0.1])
    assert alone.guarded
    assert alone.moved
    assert not one([0.9], [0.9 - 1.6 * WIDEST]).moved
    assert not one(TEN, TEN, worst=0.79).guarded  # no better than chance before


def test_counts_of_things_have_neighbours():
    ten = [10.0] * 10
    assert not one(ten, [*ten[:9], 9.0], counts=True).moved
    assert one(ten, [*ten[:9], 4.0], counts=True).moved
    assert not one([10.0], [3.0], counts=True).guarded


def test_seeds_that_are_not_shared_count_nowhere():
    found = judge([Pair({0: 0.8, 1: 0.81, 2: 0.79}, {2: 0.79, 7: 0.1})])[0]
    assert found.difference == 0.0
    with pytest.raises(ValueError, match="no seed is shared"):
        judge([Pair({0: 0.8}, {1: 0.8})])


def test_where_bits_are_kept_noise_alone_is_harmless():
    swapped = TEN[::-1]
    assert not one(TEN, swapped).moved
    assert one(TEN, swapped, drawn_anew=False).moved
    assert not one(TEN, [v - 0.005 for v in TEN], drawn_anew=False).moved
    found = one([0.3], [0.28], drawn_anew=False)
    assert found.moved
    assert found.guarded
    assert found.tolerance < 0.01


def test_seeds_that_go_on_from_one_network_move_together_when_it_is_drawn_anew():
    shifted = [value - 0.1 for value in TEN]
    assert one(TEN, shifted).moved
    anew = one(TEN, shifted, one_draw=True)
    assert not anew.moved
    assert anew.beyond_noise
    assert anew.difference == pytest.approx(-0.1)
    # Where the machine keeps bits the network is the same one, and nothing excuses a fall.
    assert one(TEN, shifted, one_draw=True, drawn_anew=False).moved
    # What all have in common is as one seed of unknown spread: not every fall would be named.
    low = [value - 0.4 for value in TEN]
    assert not one(low, [value - 0.1 for value in low], one_draw=True).guarded
    assert one(TEN, [value - 0.7 for value in TEN], one_draw=True).moved


def test_a_seed_that_collapses_beside_others_of_its_network_is_named():
    found = one(TEN, [0.1, *(value - 0.05 for value in TEN[1:])], one_draw=True)
    assert found.moved
    assert found.seeds == (0,)
    # Of two, each is as far from what they have in common: nobody can say which has fallen.
    assert not one([0.8, 0.7], [0.1, 0.7], one_draw=True, worst=0.1).guarded
    alike = [0.4, 0.4, 0.4]  # they do not say how seeds differ with another network
    few = one(alike, [0.56, 0.4, 0.4], one_draw=True)
    assert not few.moved
    assert not few.guarded
    assert one(TEN, TEN, one_draw=True).p == 1.0
    with pytest.raises(ValueError, match="no seed is shared"):
        judge([Pair({0: 0.5}, {1: 0.5}, one_draw=True)])
