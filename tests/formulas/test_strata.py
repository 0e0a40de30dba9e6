"""Pairs drawn apart, similar and dissimilar, and what they say of all pairs."""

from itertools import permutations

import numpy as np
import pytest

from bench.run.draws import draw_batches, draw_strata
from bench.score import metrics, scores, strata
from bench.score.metric_names import in_range, is_metric
from bench.tasks import Prediction

LABELS = np.random.default_rng(5).permutation(np.repeat(np.arange(4), [1, 2, 5, 8]))
EVERY = np.array(list(permutations(range(len(LABELS)), 2)))
SIMILAR = LABELS[EVERY[:, 0]] == LABELS[EVERY[:, 1]]


def counted(pairs):
    """How often each ordered pair was drawn."""
    table = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(table, tuple(pairs.T), 1)
    return table[tuple(EVERY.T)]


def test_each_kind_is_drawn_uniformly_among_its_pairs():
    pairs = draw_strata(LABELS, 15_200, 33_400, seed=0)
    assert pairs.dtype == np.int64
    for drawn, kind in ((pairs[:15_200], SIMILAR), (pairs[15_200:], ~SIMILAR)):
        counts, expected = counted(drawn)[kind], len(drawn) / kind.sum()
        assert counts.sum() == len(drawn)  # none is of the other kind or of one image
        assert np.abs(counts - expected).max() < 5 * expected**0.5


def test_strata_follow_their_seed_alone():
    one, again, other = (draw_strata(LABELS, 20, 20, seed=s) for s in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 0]])
def test_kinds_that_are_not_there_are_refused(labels):
    with pytest.raises(ValueError, match="two classes, and two images of one"):
        draw_strata(np.array(labels), 1, 1, seed=0)


def test_batches_hold_all_pairs_of_their_images():
    blocks = draw_batches(40, 5, 300, seed=1).reshape(300, 20, 2)
    for block in blocks:
        assert len(np.unique(block)) == 5
        assert {tuple(pair) for pair in block} == set(permutations(np.unique(block), 2))
    seen = np.bincount(blocks.ravel(), minlength=40) / 8
    assert np.abs(seen - 37.5).max() < 5 * 37.5**0.5
    with pytest.raises(ValueError, match=r"batch = 41: must lie in 2\.\.40"):
        draw_batches(40, 41, 1, seed=0)


def weighted(similar, found, prior):
    """The literal form: each pair weighs as much as its kind has of all pairs, shared evenly."""
    weight = np.where(similar, prior / similar.sum(), (1 - prior) / (~similar).sum())
    called = found > 0.5
    hit, both = weight[similar & called].sum(), weight[~similar & ~called].sum()
    return {
        "similar precision": hit / weight[called].sum(),
        "similar recall": hit / weight[similar].sum(),
        "dissimilar precision": both / weight[~called].sum(),
        "dissimilar recall": both / weight[~similar].sum(),
        "similar F1": 2 * hit / (weight[similar].sum() + weight[called].sum()),
    }


def test_scores_are_those_of_weighted_pairs():
    rng = np.random.default_rng(0)
    similar = np.arange(70) < 30
    values = np.clip(similar * 0.3 + rng.random(70) * 0.7, 0, 1)
    found = strata.pair_scores(similar, values, 0.01)
    for name, value in weighted(similar, values, 0.01).items():
        assert found[name] == pytest.approx(value)


def test_all_pairs_have_the_scores_of_all_pairs():
    values = np.random.default_rng(0).random(len(EVERY))
    share = strata.prior(LABELS)
    assert share == pytest.approx(SIMILAR.mean())
    found = strata.pair_scores(SIMILAR, values, share)
    for name, value in metrics.pair_scores(SIMILAR, values).items():
        assert found[name] == pytest.approx(value)


def test_intervals_hold_what_they_promise():
    """Of 1,500 draws of known recalls: 95 % of recalls, no fewer of precisions."""
    rng, share, r, s = np.random.default_rng(2), 0.002, 0.9, 0.99
    truth = {"similar recall": r, "dissimilar recall": s}
    truth["similar precision"] = share * r / (share * r + (1 - share) * (1 - s))
    truth["dissimilar precision"] = (1 - share) * s / ((1 - share) * s + share * (1 - r))
    similar = np.arange(1200) < 400
    held, width = dict.fromkeys(truth, 0.0), 0.0
    for _ in range(1500):
        right = rng.random(1200) < np.where(similar, r, s)
        found = strata.pair_scores(similar, np.where(right == similar, 1.0, 0.0), share)
        for name, value in truth.items():
            held[name] += (found[f"{name} low"] <= value <= found[f"{name} high"]) / 1500
        width += (found["similar recall high"] - found["similar recall low"]) / 1500
    assert all(0.93 < held[f"{kind} recall"] < 0.97 for kind in ("similar", "dissimilar"))
    assert all(held[f"{kind} precision"] > 0.94 for kind in ("similar", "dissimilar"))
    assert 0.055 < width < 0.062  # 2 times 1.96 standard errors of 400 draws


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_answer_for_all_has_no_precision_of_the_other(value):
    found = strata.pair_scores(np.array([True, False]), np.full(2, value), 0.3)
    lacking = "similar precision" if value == 0 else "dissimilar precision"
    assert lacking not in found
    assert len([name for name in found if name.endswith("recall")]) == 2
    assert all(0 <= v <= 1 for v in found.values())
    assert (found["similar F1"] == 0) is (value == 0)


def test_every_value_is_a_metric_by_name():
    found = strata.pair_scores(SIMILAR, np.random.default_rng(0).random(len(EVERY)), 0.3)
    assert len(found) == 13
    assert all(is_metric(name) and in_range(name, value) for name, value in found.items())


def test_pairs_of_one_kind_are_refused():
    with pytest.raises(ValueError, match="pairs of one class and of two"):
        strata.pair_scores(np.array([True, True]), np.array([0.1, 0.9]), 0.3)


def test_a_task_with_strata_is_scored_by_the_share_in_its_labels():
    pairs, values = draw_strata(LABELS, 40, 60, seed=0), np.random.default_rng(1).random(100)
    setting = {"n_similar": 40, "n_dissimilar": 60}
    found = scores.score(
        "similarity", Prediction(scores=values), LABELS, n_classes=4, setting=setting, pairs=pairs
    )
    assert found == strata.pair_scores(np.arange(100) < 40, values, SIMILAR.mean())
