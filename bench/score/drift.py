"""The rule of `bench check`: does a number that came out otherwise than before matter?

Cells are deterministic and two runs share their seeds, so each seed is compared with the same seed
of the reference. There are two harmless ways in which a seed may differ:

- **Noise.** Another order of summation changes last bits, which sends a handful of images to
  another cluster: up to `FLOOR` a seed, half a point, in any direction.
- **A new draw.** Training amplifies last bits, so that on another CPU or torch a seed may end
  somewhere else. It then is a draw from the distribution that the reference's seeds were drawn
  from; its spread is the reference's sample deviation s (Student's t with as many degrees of
  freedom). The measured values have no part in it: damage never widens its own tolerance.

Where all seeds go on from one trained network, a new draw of that moves them alike, by more than
they differ among themselves and by nobody knows how much. What they have in common, the median of
their differences, is then judged as a single seed of unknown spread, and each seed by what is left
of it: a seed that collapses leaves the median where it is.

A new draw is no excuse where the machine keeps bits and the code alone differs: there noise alone
is harmless. Whether that is so is for the caller to find out.

A number has moved if neither explains it. Three tests look at it, each of them two-sided, and
share its level evenly:

1. All shared seeds together. What is tested is their mean departure from the middle between each
   seed's own reference and the mean of the reference: where bits are kept its own reference is the
   better guess, after a new draw the mean is, and the middle loses little either way. If n of the
   reference's N seeds are drawn anew, the mean departure has the variance s² (1.25 / n + 0.75 / N):
   that of the measured mean and of half of each guess.
2. From two seeds on, each seed alone, against the mean of the reference: variance s² (1 + 1 / N),
   Hochberg's adjustment over the seeds beyond the floor. One that collapses is named even if nine
   stay, and several that collapse are as easily seen as one.
3. From three on, Student's paired t: many seeds that move a little, all the same way.

In the first two both harmless ways must be unlikely, in all three a difference within the floor is
none. Of a family of numbers, those with a seed beyond the floor are tested, with Holm's adjustment
at `LEVEL`. So noise alone moves nothing, however many the numbers; where the seeds of a hundred
numbers are all drawn anew, about one check in ten names one of them (simulated, with normal seeds,
in `benchmarks.check`). That level is what it costs to see a fall of 3.25 s in nine cases of ten
with a single seed.

A number is guarded if a fall to the worst that a broken method does would be named in this family,
of all its seeds and of any of them. Values are fractions (0.02 is two points), or counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from bench.score.statistics import COUNT_FLOOR, ROUNDING, hochberg, holm

FLOOR = 0.005
"""Half a point: nine of `digits`' 1,797 images."""
LEVEL = 0.1
"""Family-wise, a twentieth for falls and a twentieth for rises."""
WIDEST = 0.2
"""Seeds of a fraction are not taken to spread by more than this unless the reference's do, which
bounds the new draw where N is 1 or 2. Three of the first 569 references with two seeds or more
spread wider."""


@dataclass(frozen=True)
class Pair:
    """One number, before and now."""

    reference: Mapping[int, float]
    """Seed -> value; at least one."""
    measured: Mapping[int, float]
    worst: float = 0.0
    """What a broken method scores: chance, or 0."""
    counts: bool = False
    """A number of things, not a fraction."""
    drawn_anew: bool = True
    """Whether a new draw of a seed is harmless."""
    one_draw: bool = False
    """Whether all seeds go on from one trained network, which a new draw is of."""


@dataclass(frozen=True)
class Drift:
    """What became of a number."""

    difference: float
    """Mean over the shared seeds of measured minus reference."""
    tolerance: float
    """All seeds may move alike by this much and pass, by the first test, in this family."""
    moved: bool
    seeds: tuple[int, ...]
    """Those that moved too far on their own, ascending."""
    guarded: bool
    beyond_noise: bool
    """A seed differs by more than the floor."""
    p: float
    """Adjusted over the family: the least level at which the number counts as moved."""


def judge(pairs: Sequence[Pair], level: float = LEVEL) -> list[Drift]:
    """Judge a family of numbers, in the order given.

    Args:
        pairs: Each has a seed that both sides have.
        level: Family-wise, two-sided.

    Raises:
        ValueError: a pair shares no seed.
    """
    tests = [_OneDraw(pair) if pair.one_draw and pair.drawn_anew else _Test(pair) for pair in pairs]
    tested = [i for i, test in enumerate(tests) if test.far]
    p = dict(zip(tested, holm([tests[i].p() for i in tested]), strict=True))
    family = max(1, len(tested))
    return [_drift(test, p.get(i, 1.0), level, family) for i, test in enumerate(tests)]


class _Test:
    """The three tests of one number."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.seeds = sorted(pair.reference.keys() & pair.measured.keys())
        if not self.seeds:
            raise ValueError("no seed is shared: there is nothing to compare")
        before = [float(value) for value in pair.reference.values()]
        self.floor = COUNT_FLOOR if pair.counts else FLOOR
        self.noise = self.floor / math.sqrt(3)  # the deviation of a uniform ± floor
        self.n_reference, self.mean = len(before), math.fsum(before) / len(before)
        self.spread = stdev(before) if len(before) > 1 else 0.0
        self.widest = max(self.spread, WIDEST)
        if pair.counts:  # whole numbers: ten equal ones do not exclude their neighbours
            self.spread = max(self.spread, COUNT_FLOOR)
        self.differences = {s: pair.measured[s] - pair.reference[s] for s in self.seeds}
        self.difference = math.fsum(self.differences.values()) / len(self.seeds)
        self.far = [s for s, d in self.differences.items() if self.beyond(d)]
        self.tests = min(len(self.seeds), 3)

    def beyond(self, difference: float) -> bool:
        """Whether a difference is more than noise makes of one seed."""
        return abs(difference) > self.floor + ROUNDING

    def p(self) -> float:
        """Two-sided p-value of "noise or a new draw", over the three tests."""
        if not self.far:
            return 1.0
        found = [self.together()]
        if self.tests > 1:
            found.append(min(hochberg(list(self.alone().values()))))
        if self.tests > 2:
            found.append(self.paired())
        return min(1.0, self.tests * min(found))

    def together(self) -> float:
        """p-value of the first test."""
        own = math.fsum(self.pair.reference[s] for s in self.seeds) / len(self.seeds)
        departure = self.difference
        departure += (own - self.mean) / 2 if self.pair.drawn_anew else 0.0
        return self.chance(self.difference, departure, len(self.seeds), self.scale())

    def alone(self) -> dict[int, float]:
        """p-value of each seed beyond the floor; the only one's is that of all."""
        if len(self.seeds) == 1:
            return {s: self.together() for s in self.far}
        scale, left = math.sqrt(1 + 1 / self.n_reference), self.differences
        if self.pair.drawn_anew:
            left = {s: self.pair.measured[s] - self.mean for s in self.far}
        return {s: self.chance(self.differences[s], left[s], 1, scale) for s in self.far}

    def chance(self, moved: float, departure: float, n: int, scale: float) -> float:
        """Two-sided p-value of a departure of n seeds, whose deviation is `scale` spreads."""
        # Seeds that come nearer to the mean have not left the distribution.
        if not self.beyond(moved) or moved * departure <= 0:
            return 1.0
        noise = float(ndtr(-abs(departure) * math.sqrt(n) / self.noise))
        return min(1.0, 2 * max(noise, self.new_draw(-abs(departure) / scale)))

    def new_draw(self, z: float) -> float:
        """Chance of a new draw below z < 0, in units of the metric; 0 where there is none."""
        if not self.pair.drawn_anew:
            return 0.0
        known = 0.0 if self.spread == 0 and self.n_reference > 1 else 1.0
        if self.spread and self.n_reference > 1:
            known = float(stdtr(self.n_reference - 1, z / self.spread))
        return min(known, 1.0 if self.pair.counts else float(ndtr(z / self.widest)))

    def scale(self) -> float:
        """Deviation of the mean departure of all seeds drawn anew, in those of one."""
        return math.sqrt(1.25 / len(self.seeds) + 0.75 / self.n_reference)

    def paired(self) -> float:
        """Two-sided p-value of the third test."""
        if not self.beyond(self.difference):
            return 1.0
        n, spread = len(self.seeds), max(stdev(self.differences.values()), self.noise)
        return 2 * float(stdtr(n - 1, -abs(self.difference) * math.sqrt(n) / spread))

    def tolerance(self, level: float) -> float:
        """The largest move of all seeds alike that the first test lets pass."""
        n, each = len(self.seeds), level / (2 * self.tests)
        noise = max(self.floor, -float(ndtri(each)) * self.noise / math.sqrt(n))
        if not self.pair.drawn_anew:
            return noise
        drawn = math.inf if self.pair.counts else -float(ndtri(each)) * self.widest * self.scale()
        if self.n_reference > 1:
            t = -float(stdtrit(self.n_reference - 1, each))
            drawn = min(drawn, t * self.spread * self.scale())
        return max(noise, drawn)

    def guarded(self, level: float) -> bool:
        """Whether a fall to the worst is named, of all seeds and of a typical one alone."""
        # All seeds at the worst depart from the middle between their own references and the mean.
        own = math.fsum(self.pair.reference[s] for s in self.seeds) / len(self.seeds)
        if abs((own + self.mean) / 2 - self.pair.worst) <= self.tolerance(level):
            return False
        fall = self.pair.worst - self.mean
        one = self.chance(fall, fall, 1, math.sqrt(1 + 1 / self.n_reference))
        # Beside others that are drawn anew as well, a seed has to stand out from all of them.
        one *= len(self.seeds) if self.pair.drawn_anew else 1
        return self.tests == 1 or self.tests * one <= level

    def named(self, level: float) -> tuple[int, ...]:
        """Seeds that moved too far on their own."""
        alone = self.alone()
        chances = hochberg(list(alone.values()))
        return tuple(s for s, q in zip(alone, chances, strict=True) if q <= level)


class _OneDraw:
    """The tests of a number whose seeds all go on from one trained network."""

    def __init__(self, pair: Pair) -> None:
        whole = _Test(pair)
        self.pair, self.difference, self.far = pair, whole.difference, whole.far
        shift = median(whole.differences.values())
        before = math.fsum(pair.reference[s] for s in whole.seeds) / len(whole.seeds)
        one = dataclasses.replace(pair, reference={0: before}, measured={0: before + shift})
        self.common = _Test(one)
        left = {s: pair.measured[s] - shift for s in whole.seeds}
        # Seeds that are all alike with one network do not say how they differ with another.
        alike = len({*pair.reference.values()}) == 1
        self.left = None if alike else _Test(dataclasses.replace(pair, measured=left))

    def p(self) -> float:
        """Two-sided p-value of "noise or a new draw", over both."""
        parts = [self.common, self.left] if self.left else [self.common]
        return min(1.0, len(parts) * min(test.p() for test in parts))

    def guarded(self, level: float) -> bool:
        """Whether a fall to the worst is named, of all seeds and of a typical one beside others."""
        if self.left is None or not self.common.guarded(level / 2):
            return False
        before = self.pair.reference
        mean = self.left.mean
        typical = min(self.left.seeds, key=lambda s: abs(before[s] - mean))
        fallen = {s: before[s] for s in self.left.seeds} | {typical: self.pair.worst}
        return _OneDraw(dataclasses.replace(self.pair, measured=fallen)).p() <= level

    def tolerance(self, level: float) -> float:
        """The largest move of all seeds alike that passes."""
        return self.common.tolerance(level / 2 if self.left else level)

    def named(self, level: float) -> tuple[int, ...]:
        """Seeds that moved too far from what all have in common."""
        return self.left.named(level) if self.left else ()


def _drift(test: _Test | _OneDraw, p: float, level: float, family: int) -> Drift:
    """The verdict on one of a family, p being adjusted over it."""
    moved, each = p <= level, level / family
    alone = test.named(level) if moved else ()
    tolerance, guarded = test.tolerance(each), test.guarded(each)
    return Drift(test.difference, tolerance, moved, alone, guarded, bool(test.far), p)
