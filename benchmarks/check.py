"""What `bench check` sees and what it lets pass, on simulated checks of a hundred numbers.

python -m benchmarks.check [--json] [--checks 10000] [--draws 1000]

The reference has ten normal seeds a number, with deviations of 0.2 to 15 points. Targets: noise of
up to half a point on every seed of every number raises a false alarm in at most 1 % of all checks;
a fall of 3.25 deviations of one number, the bits of the others kept, is seen in 99 % of checks of
ten seeds, 95 % of three, 90 % of one; one to nine of ten seeds that collapse to chance always, or
the number was called unguarded, as it may be at 15 points: its own seeds reach down to chance. One
seed that collapses while the others are drawn anew is named in 99 % of draws, or unguarded.
What a check of numbers whose seeds are all drawn anew names wrongly is printed, with no target but
the level that the rule declares. Some minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.score.drift import LEVEL, Pair, judge
from benchmarks.measure import Target, arguments, report

DEVIATIONS = (0.002, 0.005, 0.02, 0.05, 0.15)
NUMBERS, SEEDS, CHANCE = 100, 10, 0.1
POWER = {1: 0.90, 3: 0.95, 10: 0.99}
Values = npt.NDArray[np.float64]


def pair(before: Values, now: Values) -> Pair:
    """Values of seeds 0, 1, …; as many of `now` as were measured."""
    return Pair(dict(enumerate(before.tolist())), dict(enumerate(now.tolist())), CHANCE)


def alarms(
    checks: int, n: int, change: Callable[[Values, Values], Values], rng: np.random.Generator
) -> float:
    """The share of checks that name a number, each of the hundred being changed harmlessly."""
    named = 0
    for _ in range(checks):
        deviations = rng.choice(DEVIATIONS, (NUMBERS, 1))
        before = rng.normal(0.7, deviations, (NUMBERS, SEEDS))
        now = change(before, deviations)[:, :n]
        found = judge([pair(b, m) for b, m in zip(before, now, strict=True)])
        named += any(one.moved for one in found)
    return named / checks


def seen(draws: int, n: int, deviation: float, rng: np.random.Generator) -> float:
    """The share of falls by 3.25 deviations, all seeds alike, that are named.

    The other 99 numbers keep their bits, and such numbers are no part of the family.
    """
    named = 0
    for _ in range(draws):
        before = rng.normal(0.8, deviation, SEEDS)
        named += judge([pair(before, before[:n] - 3.25 * deviation)])[0].moved
    return named / draws


def collapsed(draws: int, deviation: float, rng: np.random.Generator) -> tuple[float, float]:
    """Of collapses of one to nine seeds to chance.

    Returns:
        The least share, over how many collapse, that is named, with those seeds, or is of a number
        that was called unguarded; and the largest share of such numbers, whose own seeds reach
        nearly down to chance.
    """
    shares, unguarded = [], []
    for broken in range(1, SEEDS):
        said, weak = 0, 0
        for _ in range(draws):
            before = np.clip(rng.normal(0.8, deviation, SEEDS), 0, 1)
            now = np.where(np.arange(SEEDS) < broken, CHANCE, before)
            found = judge([pair(before, now)])[0]
            weak += not found.guarded
            said += not found.guarded or (found.moved and found.seeds == tuple(range(broken)))
        shares.append(said / draws)
        unguarded.append(weak / draws)
    return min(shares), max(unguarded)


def one_collapsed(
    draws: int, deviation: float, rng: np.random.Generator, *, one_draw: bool
) -> float:
    """Of collapses of one seed of ten, the others being drawn anew.

    Args:
        draws: Collapses.
        deviation: Of the seeds.
        rng: A generator.
        one_draw: All go on from one network, a new draw of which moves them alike.

    Returns:
        The share that is named or is of a number that was called unguarded.
    """
    said = 0
    for _ in range(draws):
        before, anew = np.clip(rng.normal(0.8, deviation, (2, SEEDS)), 0, 1)
        now = np.clip(before + rng.normal(0, 0.05), 0, 1) if one_draw else anew
        now[0] = CHANCE
        found = judge([replace(pair(before, now), one_draw=one_draw)])[0]
        said += found.moved or not found.guarded
    return said / draws


def _columns(shares: Mapping[float, float]) -> dict[str, float]:
    return {f"fall at {100 * d:g}": share for d, share in shares.items()}


def main() -> int:
    """Simulate, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--redrawn", type=int, default=200, help="checks of numbers drawn anew")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    powers: dict[int, dict[float, float]] = {}
    for n, least in POWER.items():
        power = {d: seen(asked.draws, n, d, rng) for d in DEVIATIONS}
        noise = alarms(
            asked.checks // len(POWER),
            n,
            lambda before, _: before + rng.uniform(-0.005, 0.005, before.shape),
            rng,
        )
        drawn = alarms(asked.redrawn, n, lambda b, d: rng.normal(0.7, d, b.shape), rng)
        row = {"seeds": n, "noise: alarms": noise, "drawn anew: alarms": drawn, "target": least}
        rows.append(row | _columns(power))
        powers[n] = power
    collapse = {d: collapsed(asked.draws, d, rng) for d in DEVIATIONS}
    said: dict[str, dict[float, float]] = {
        "collapse": {d: named for d, (named, _) in collapse.items()},
        "unguarded": {d: weak for d, (_, weak) in collapse.items()},
    }
    for kind, one_draw in (("one, others anew", False), ("one, of one network", True)):
        said[kind] = {d: one_collapsed(asked.draws, d, rng, one_draw=one_draw) for d in DEVIATIONS}
    beside = min(min(said[kind].values()) for kind in ("one, others anew", "one, of one network"))
    targets = [
        Target("false alarms by noise", max(row["noise: alarms"] for row in rows), 0.01),
        *(
            Target(f"falls seen with {n} seeds", min(power.values()), POWER[n], at_least=True)
            for n, power in powers.items()
        ),
        Target("collapses named", min(said["collapse"].values()), 1.0, at_least=True),
        Target("one beside others drawn anew", beside, 0.99, at_least=True),
    ]
    rows += [{"seeds": kind} | _columns(shares) for kind, shares in said.items()]
    return report(f"check at level {LEVEL:g}", rows, targets, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
