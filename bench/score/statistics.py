"""Statistics of the tables, on plain numbers.

Metric values are fractions (0.02 is two points); counts stay counts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

Verdict = Literal["reproduced", "better", "worse", "not comparable", "open", ""]
Unit = Literal["percent", "fraction", "count"]

POINTS_FLOOR = 0.02
"""Two points: the least difference from a published fraction that is held against a result."""
COUNT_FLOOR = 0.5
"""The same for a published count: a printed whole number stands for anything that rounds to it."""
ROUNDING = 1e-9
"""Slack of comparisons with a tolerance, so that 0.655 - 0.635 counts as two points."""
_ALPHA = 0.05
"""Family-wise level at which a row is the best."""
_PUBLISHED_RUNS = 10
"""Runs that a printed mean is taken to be of."""


@dataclass(frozen=True)
class Summary:
    """Mean and spread over seeds."""

    mean: float | None
    """None without a value."""
    std: float | None
    """Sample standard deviation (ddof 1); None with fewer than two values, never 0 for them."""
    n: int

    @property
    def standard_error(self) -> float:
        """The standard error of the mean; 0 where the spread is unknown."""
        return 0.0 if self.std is None else self.std / math.sqrt(self.n)


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and number of the measured values, in any order.

    Failed or missing seeds must not be among the values: they show as a smaller n. Exact
    arithmetic, on whole numbers of the smallest unit among them, makes the result independent of
    the order of the seeds, and the spread of equal values exactly 0. (As the library's
    `statistics` does, which takes seven times as long.)

    Raises:
        ValueError: a value is NaN or infinite, or their spread is beyond any float.
    """
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"cannot summarise {numbers}: a failed seed has no value")
    n = len(numbers)
    if not n:
        return Summary(None, None, 0)
    ratios = [value.as_integer_ratio() for value in numbers]
    unit = max(below for _, below in ratios)  # all are powers of two
    whole = [above * (unit // below) for above, below in ratios]
    total = sum(whole)
    if n == 1:
        return Summary(total / unit, None, 1)
    squares = n * sum(value * value for value in whole) - total * total
    spread = float((Decimal(squares) / (n * (n - 1) * unit * unit)).sqrt())
    if spread == math.inf:
        raise ValueError(f"cannot summarise {numbers}: their spread is beyond any number here")
    return Summary(total / (n * unit), spread, n)


def paired_p(a: Mapping[int, float], b: Mapping[int, float]) -> float | None:
    """Two-sided p-value of "no difference", paired over the seeds that both have.

    Student's paired t-test. Where all differences are the same non-zero number, t is infinite
    and would make two seeds certain; the exact sign-flip test, which then gives 2^(1-n), takes
    its place: 0.5 for two seeds, 0.002 for ten.

    Args:
        a: Seed -> value.
        b: Seed -> value.

    Returns:
        In 0..1; 1 where all differences are 0. None with fewer than two shared seeds: one value
        against one value says nothing about chance.
    """
    seeds = sorted(a.keys() & b.keys())
    if len(seeds) < 2:
        return None
    first, second = np.array([a[s] for s in seeds]), np.array([b[s] for s in seeds])
    differences = first - second
    # Below this a spread is the rounding of the subtraction, not one of the seeds.
    rounding = 1e-12 * max(np.abs(first).max(), np.abs(second).max())
    if np.abs(differences).max() <= rounding:
        return 1.0
    if np.ptp(differences) <= rounding:
        return float(2.0 ** (1 - len(seeds)))
    from scipy.special import stdtr  # slow to import, and verbs that only look do without

    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(len(seeds)))
    return float(2 * stdtr(len(seeds) - 1, -abs(t)))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979) of a family of p-values.

    Args:
        p: Values in 0..1.

    Returns:
        In the order given: the smallest family-wise level at which each is rejected.

    Raises:
        ValueError: a value is NaN or outside 0..1.
    """
    _refuse_no_chances(p)
    adjusted, level = [1.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        level = max(level, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = level
    return adjusted


def hochberg(p: Sequence[float]) -> list[float]:
    """Hochberg's step-up adjustment (Hochberg 1988) of p-values that depend positively at most.

    Holm's factors, from the largest on: several that are small together, as seeds that fell alike,
    are all rejected where one of them alone would be. Takes, gives and raises what `holm` does.
    """
    _refuse_no_chances(p)
    adjusted, level = [1.0] * len(p), 1.0
    for factor, index in enumerate(sorted(range(len(p)), key=p.__getitem__, reverse=True), 1):
        level = min(level, factor * p[index])
        adjusted[index] = level
    return adjusted


def _refuse_no_chances(p: Sequence[float]) -> None:
    if not all(0.0 <= value <= 1.0 for value in p):
        raise ValueError(f"p-values must be in 0..1, not {list(p)}")


def best_rows(
    columns: Mapping[str, Mapping[int, float]],
    *,
    higher_is_better: bool = True,
) -> set[str]:
    """The one row of a column that is best beyond chance, if there is one.

    The row with the best mean is tested against every other row over their shared seeds, with
    Holm's adjustment over these tests. It is marked only if it is better in all of them at
    level `_ALPHA`. Rows without a value are left out.

    Args:
        columns: Row -> seed -> value, for one column of a table.
        higher_is_better: False for an error or a distance.

    Returns:
        The name of that row, or the empty set: also for a single row, and where a rival shares
        fewer than two seeds with the best row.
    """
    sign = 1.0 if higher_is_better else -1.0
    rows = {
        name: {seed: sign * value for seed, value in values.items()}
        for name, values in columns.items()
        if values
    }
    if len(rows) < 2:
        return set()
    best = max(rows, key=lambda name: _mean(rows[name].values()))
    p_values = []
    for name, values in rows.items():
        if name == best:
            continue
        p = paired_p(rows[best], values)
        # Adjusting only raises a p-value: one that is too large by itself settles it.
        if p is None or p >= _ALPHA or _paired_difference(rows[best], values) <= 0:
            return set()
        p_values.append(p)
    return {best} if max(holm(p_values)) < _ALPHA else set()


def _paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> float:
    """Mean of a - b over shared seeds; rows with other seeds missing may differ from the means."""
    return _mean([a[seed] - b[seed] for seed in a.keys() & b.keys()])


@dataclass(frozen=True)
class Judgement:
    """A measured value against the published one."""

    verdict: Verdict
    difference: float | None
    """Measured minus published; None where one of them is absent."""
    reason: str
    """Why, in a few words; "" where there is no published value."""


def verdict(
    measured: Summary,
    published: float | None,
    *,
    published_std: float | None = None,
    unit: Unit = "percent",
    higher_is_better: bool | None = True,
    ideal: float | None = None,
    not_comparable_because: str = "",
) -> Judgement:
    """Judge a measured value against the published one.

    "reproduced" needs |difference| <= max(floor, 2 combined standard errors), where the floor is
    `POINTS_FLOOR`, or `COUNT_FLOOR` for counts. Published values without a printed ± add no
    standard error. A mean of fewer than two seeds is "not comparable": chance cannot be told
    from a difference.

    Args:
        measured: Over seeds, as a fraction or count.
        published: The same quantity as printed; None gives the verdict "".
        published_std: The printed ±, taken as the standard deviation over `_PUBLISHED_RUNS` runs.
        unit: How it was printed; values are fractions for "percent" and "fraction" alike.
        higher_is_better: None where neither direction is; `ideal` then decides.
        ideal: The best value possible, such as the true number of classes for NDC. Without it,
            any difference beyond the tolerance counts as "worse" where there is no direction.
        not_comparable_because: Why the two are different experiments (quick preset, part of the
            data, …); "" where they are the same.
    """
    if published is None:
        return Judgement("", None, "")
    if measured.mean is None:
        return Judgement("open", None, "nothing measured yet")
    difference = measured.mean - published
    if not_comparable_because:
        return Judgement("not comparable", difference, not_comparable_because)
    if measured.n < 2:
        return Judgement("not comparable", difference, "one seed only, the spread is unknown")
    published_error = (published_std or 0.0) / math.sqrt(_PUBLISHED_RUNS)
    spread = 2 * math.hypot(measured.standard_error, published_error)
    floor = COUNT_FLOOR if unit == "count" else POINTS_FLOOR
    reason = _reason(difference, max(floor, spread), "floor" if spread <= floor else "2 SE", unit)
    if abs(difference) <= max(floor, spread) + ROUNDING:
        return Judgement("reproduced", difference, reason)
    if higher_is_better is None:
        nearer = ideal is not None and abs(measured.mean - ideal) < abs(published - ideal)
    else:
        nearer = (difference > 0) == higher_is_better
    return Judgement("better" if nearer else "worse", difference, reason)


def _reason(difference: float, tolerance: float, rule: str, unit: Unit) -> str:
    scale, noun = (1, "counts") if unit == "count" else (100, "points")
    return f"{scale * difference:+.1f} {noun}, tolerance {scale * tolerance:.1f} ({rule})"


def _mean(values: Collection[float]) -> float:
    """The same in any order of the values."""
    return math.fsum(values) / len(values)
