"""VOC2007's average precision against a literal transcription and by hand."""

from fractions import Fraction

import numpy as np
import pytest

from bench.score.average_precision import average_precision, mean_average_precision


def literal_average_precision(signs, scores):
    """VOC2007's, image by image, in fractions."""
    images = sorted((i for i in range(len(signs)) if signs[i] != 0), key=lambda i: -scores[i])
    positive = sum(signs[i] == 1 for i in images)
    recall, precision, hits = [], [], 0
    for rank, i in enumerate(images, start=1):
        hits += signs[i] == 1
        recall.append(Fraction(hits, positive))
        precision.append(Fraction(hits, rank))
    total = Fraction(0)
    for tenth in range(11):
        reached = [p for p, r in zip(precision, recall, strict=True) if r >= Fraction(tenth, 10)]
        total += max(reached, default=Fraction(0))
    return total / 11


@pytest.mark.parametrize("n", [1, 2, 9, 10, 30, 200])
def test_average_precision_equals_its_literal_transcription(n):
    rng = np.random.default_rng(n)
    for _ in range(30):
        signs, scores = rng.integers(-1, 2, n), rng.normal(size=n).round(1)  # some of them tied
        signs[rng.integers(n)] = 1
        found = average_precision(signs, scores)
        assert found == pytest.approx(float(literal_average_precision(signs, scores)), abs=1e-12)


def test_average_precision_by_hand():
    signs, scores = [1, -1, 1, 0, -1], [0.9, 0.8, 0.7, 1.0, 0.1]
    # Recall 0.5 with precision 1, recall 1 with 2/3: six points and five.
    assert average_precision(signs, scores) == pytest.approx((6 + 5 * 2 / 3) / 11)
    assert average_precision([1, 1, -1], [3, 2, 1]) == 1.0
    assert average_precision([-1, 0, -1], [3, 2, 1]) is None


def test_mean_average_precision_is_undefined_where_a_class_is_empty():
    rng = np.random.default_rng(0)
    signs, scores = rng.choice([-1, 1], (50, 4)), rng.normal(size=(50, 4))
    each = [average_precision(*pair) or 0.0 for pair in zip(signs.T, scores.T, strict=True)]
    assert mean_average_precision(signs, scores) == pytest.approx(np.mean(each))
    signs[:, 2] = np.minimum(signs[:, 2], 0)
    assert mean_average_precision(signs, scores) is None


@pytest.mark.parametrize(
    ("signs", "scores", "message"),
    [
        ([1, -1], [0.5], r"\(2,\) labels of \(1,\) scores"),
        ([1, 2], [0.5, 0.1], "-1, 0, 1"),
        ([1, -1], [0.5, np.nan], "NaN"),
    ],
)
def test_average_precision_refuses_bad_input(signs, scores, message):
    with pytest.raises(ValueError, match=message):
        average_precision(signs, scores)
    if len(signs) != len(scores):
        with pytest.raises(ValueError, match="both"):
            mean_average_precision([signs], [scores])
