"""Average precision as VOC2007 has it: how well classes that may share an image are found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def average_precision(signs: npt.ArrayLike, scores: npt.ArrayLike) -> float | None:
    """Average precision of one class as VOC2007 has it, in 0..1; None without a positive image.

    Everingham et al., "The Pascal visual object classes (VOC) challenge", IJCV 2010, section 4.2:
    the mean over the recalls 0, 0.1, ..., 1 of the highest precision at that recall or above.
    Images ranked alike are in the order given.

    Args:
        signs: (N,): 1 present, -1 absent, 0 too difficult: such images do not count.
        scores: Floats, (N,), higher where the class is likelier.

    Raises:
        ValueError: other lengths, other values than these, or a score that is not finite.
    """
    truth, values = np.asarray(signs), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or not np.isin(truth, (-1, 0, 1)).all():
        raise ValueError(f"{truth.shape} labels of {values.shape} scores: (N,) of -1, 0, 1 each")
    if not np.isfinite(values).all():
        raise ValueError("a score is NaN or infinite")
    counted = truth != 0
    ranked = truth[counted][np.argsort(-values[counted], kind="stable")] > 0
    hits = ranked.cumsum()
    if not ranked.any():
        return None
    precision = hits / np.arange(1, len(ranked) + 1)
    best_from = np.maximum.accumulate(precision[::-1])[::-1]
    # Recall hits/n >= t/10 in whole numbers: 0.3 * 10 is not 3 in floats.
    first = np.searchsorted(hits * 10, np.arange(11) * hits[-1])
    return float(best_from[first].mean())


def mean_average_precision(signs: npt.ArrayLike, scores: npt.ArrayLike) -> float | None:
    """The mean of `average_precision` over classes; None where a class has no positive image.

    Args:
        signs: -1, 0 or 1, (N, classes).
        scores: Floats, (N, classes).

    Raises:
        ValueError: shapes that differ or are not (N, classes), or as for `average_precision`.
    """
    truth, values = np.asarray(signs), np.asarray(scores)
    if truth.ndim != 2 or truth.size == 0 or truth.shape != values.shape:
        raise ValueError(f"labels {truth.shape}, scores {values.shape}: (N, classes) both")
    each = [average_precision(*column) for column in zip(truth.T, values.T, strict=True)]
    known = [value for value in each if value is not None]
    return sum(known) / len(known) if len(known) == len(each) else None
