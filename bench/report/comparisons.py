"""Whether results moved: each number, seed by seed, against a reference or other results."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.datasets import get_task
from bench.plan.entry import Entry
from bench.plan.planned import Plan
from bench.plan.slot import Slot
from bench.report import causes, identities, reference
from bench.report.reference import Key, Number
from bench.report.verdict_types import Comparison, Verdict, seeds_in_words
from bench.score import blind, drift, metric_names
from bench.score.drift import Drift, Pair
from bench.score.statistics import ROUNDING
from bench.store import work
from bench.store.states import USABLE, Results, measured

_SAID = {"unavailable", "failed", "blocked"}
"""States that are told of though nothing was measured."""
References = Mapping[tuple[str, Key], Number]


def compare_all(results: Results, folder: Path | None = None) -> list[Comparison]:
    """Every number of a plan's experiments that has a reference, or should.

    Args:
        results: Measured.
        folder: Where the references lie, if not where they belong.

    Raises:
        BenchError: a reference file cannot be read.
    """
    known: dict[tuple[str, Key], Number] = {}
    for one in results.plan.experiments:
        path = reference.nearest(one, results.plan, folder)
        known |= {(one.name, key): number for key, number in reference.read(path).items()}
    return _compare(results, known, drift.judge)


def against(results: Results, other: Results) -> list[Comparison]:
    """Every number of a plan here against other results of the same plan, both ways round.

    Neither side is known to be sound, and the spread of a damaged one would hide the damage: each
    takes the reference's part once, at half the level, and a number has moved if either says so.
    """
    return _compare(results, reference.of_results(other), _both_ways)


def _both_ways(pairs: Sequence[Pair]) -> list[Drift]:
    swapped = [dataclasses.replace(p, reference=p.measured, measured=p.reference) for p in pairs]
    half = drift.LEVEL / 2
    return [
        dataclasses.replace(
            one,
            tolerance=min(one.tolerance, two.tolerance),
            moved=one.moved or two.moved,
            seeds=tuple(sorted({*one.seeds, *two.seeds})),
            guarded=one.guarded or two.guarded,
            p=min(1.0, 2 * min(one.p, two.p)),
        )
        for one, two in zip(drift.judge(pairs, half), drift.judge(swapped, half), strict=True)
    ]


@dataclass(frozen=True)
class _Number:
    """A slot with its reference."""

    slot: Slot
    before: Number | None
    values: Mapping[int, float]
    states: Counter[str]

    @property
    def shared(self) -> list[int]:
        """Seeds that both sides have."""
        return sorted(self.values.keys() & self.before.values.keys()) if self.before else []

    @property
    def changed(self) -> bool:
        """Whether a seed that both sides have came out otherwise, if in the last bit alone."""
        before = self.before.values if self.before else {}
        return any(self.values[seed] != before[seed] for seed in self.shared)

    @property
    def lacking(self) -> list[int]:
        """Seeds of the plan that the reference has and that have no value here."""
        asked = self.before.values.keys() & self.slot.cells.keys() if self.before else set()
        return sorted(asked - self.values.keys())

    @property
    def impossible(self) -> list[int]:
        """Seeds whose value is out of the metric's range."""
        metric = self.slot.entry.metric
        return sorted(s for s, v in self.values.items() if not metric_names.in_range(metric, v))


def _compare(
    results: Results, known: References, judge: Callable[[Sequence[Pair]], list[Drift]]
) -> list[Comparison]:
    """Every scored slot of the experiments that have a reference, then what lost its slot."""
    experiments = {one for one, _ in known}
    numbers = [
        _Number(
            slot, known.get((slot.experiment, reference.key_of(slot))), *measured(slot, results)
        )
        for slot in results.plan.slots
        if slot.experiment in experiments and slot.entry.scored
    ]
    # In no reference and not measured either, as of a block that is not there: nothing to compare.
    numbers = [n for n in numbers if n.before or n.values or {*n.states} & _SAID]
    held = {i: n for i, n in enumerate(numbers) if n.before and n.shared and not n.impossible}
    # Neither noise nor a new draw is what another computation gave: nothing is left to judge.
    others = {i: _by_another(n) for i, n in held.items() if n.changed and _is_other(n, results)}
    held = {i: n for i, n in held.items() if i not in others}
    anew = _drawn_anew(held, results)
    pairs = {i: _pair(n, results.plan, drawn_anew=i in anew) for i, n in held.items()}
    found = others | dict(zip(pairs, judge(list(pairs.values())), strict=True))
    compared = [_comparison(n, found.get(i), results) for i, n in enumerate(numbers)]
    named = {(n.slot.experiment, reference.key_of(n.slot)) for n in numbers}
    # A row or column that the experiment has lost: a number that is no longer measured.
    lost = [] if results.plan.filtered else [at for at in known if at not in named]
    return compared + [_lost(*at, known[at], results.plan.shown) for at in lost]


def _pair(number: _Number, plan: Plan, *, drawn_anew: bool) -> Pair:
    entry, before = number.slot.entry, number.before.values if number.before else {}
    counts = metric_names.is_count(entry.metric)
    one_draw = drawn_anew and number.changed and is_one_draw(number.slot, number.shared, plan)
    return Pair(before, number.values, _worst(entry, plan), counts, drawn_anew, one_draw)


def is_one_draw(slot: Slot, seeds: Iterable[int], plan: Plan) -> bool:
    """Whether two of these seeds or more, and all of them, go on from one cell that was trained."""
    keys = [slot.cells[seed] for seed in seeds if seed in slot.cells]
    if len(keys) < 2:
        return False
    below = set.intersection(*(plan.closure(of_seed) - {*of_seed} for of_seed in keys))
    return any(work.trains(dict(plan.cells[key].params)) for key in below)


def _is_other(number: _Number, results: Results) -> bool:
    """Whether its reference tells what its cells computed, and those of now compute another."""
    before = number.before.origin.identities if number.before else None
    return before is not None and bool(
        identities.differences(before, identities.of_slot(number.slot, results))
    )


def _by_another(number: _Number) -> Drift:
    """What became of a number that another computation gave."""
    before = number.before.values if number.before else {}
    difference = math.fsum(number.values[s] - before[s] for s in number.shared)
    return Drift(
        difference / len(number.shared), 0.0, moved=True, seeds=(), guarded=True,
        beyond_noise=True, p=0.0,
    )  # fmt: skip


def _drawn_anew(numbers: Mapping[int, _Number], results: Results) -> set[int]:
    """Numbers whose seeds may have been drawn anew; of others code alone can have changed bits.

    Those of another CPU or other versions, each for itself. And all of them if one that changed was
    measured on this CPU by these versions and this code: a CPU's name alone does not tell.
    """
    found = set()
    for i, number in numbers.items():
        before = number.before
        if before is None or not number.changed:
            continue
        then, now = before.origin, reference.origin(number.slot, results)
        same = bool(then.versions) and then.hardware == now.hardware != frozenset()
        same &= all(
            then.versions[k] == now.versions.get(k, then.versions[k]) for k in then.versions
        )
        if not same:
            found.add(i)
        elif (
            any(abs(number.values[s] - before.values[s]) > ROUNDING for s in number.shared)
            and causes.is_told(number.slot, then, now, results)
            and not causes.other_code(number.slot, then, now, results)
        ):
            return {*numbers}
    return found


def _comparison(number: _Number, found: Drift | None, results: Results) -> Comparison:
    """One number, once its family has been judged."""
    slot, before = number.slot, number.before
    name, group, row, column, x, metric = reference.key_of(slot)
    shared = number.shared
    means = [
        sum(values[s] for s in seeds) / len(seeds) if seeds else None
        for values in ((before.values if before else {}), number.values)
        for seeds in (shared or list(values),)
    ]
    verdict = _verdict(number, found)
    return Comparison(
        experiment=slot.experiment,
        preset=results.plan.shown,
        name=name,
        group=group,
        row=row,
        column=column or x,
        metric=metric,
        unit="count" if metric_names.is_count(metric) else "percent",
        reference=means[0],
        measured=means[1],
        difference=found.difference if found else None,
        tolerance=found.tolerance if found and math.isfinite(found.tolerance) else None,
        n=len(shared),
        verdict=verdict,
        seeds=tuple(number.impossible) or (found.seeds if found else ()),
        direction=_direction(number, found) if found and verdict == "moved" else "",
        guarded=found.guarded if found else False,
        note=_note(number, verdict, results),
        more=len(number.values.keys() - before.values.keys()) if before else 0,
    )


def _verdict(number: _Number, found: Drift | None) -> Verdict:
    """The worst that can be said of a number."""
    before, values, states = number.before, number.values, number.states
    said: list[tuple[Verdict, bool]] = [
        ("unavailable", not values and set(states) == {"unavailable"}),
        ("missing", before is None and not values),  # failed or blocked: see `_SAID`
        ("new", before is None),
        ("moved", bool(number.impossible) or (found is not None and found.moved)),
        ("stale", bool(number.shared) and states["stale"] > 0),
        ("missing", bool(number.lacking)),
        ("new", not number.shared),  # other seeds than the reference has
        ("ok", not number.changed),
        ("unguarded", found is not None and found.beyond_noise and not found.guarded),
    ]
    return next((verdict for verdict, holds in said if holds), "bits changed")


def _note(number: _Number, verdict: Verdict, results: Results) -> str:
    """Why, in a few words."""
    if number.impossible:
        values = [f"{number.values[s]:.6g}" for s in number.impossible]
        return f"out of the metric's range: {', '.join(values)}"
    states = ", ".join(f"{n} {state}" for state, n in number.states.items() if state not in USABLE)
    if verdict == "missing" and number.lacking:
        verb = "lack" if len(number.lacking) > 1 else "lacks"
        return f"{seeds_in_words(number.lacking)} {verb}: {states}"
    if verdict == "missing":
        return states
    if number.before and verdict in ("moved", "bits changed", "unguarded"):
        return causes.differs(number.slot, number.before.origin, results)
    return ""


def _lost(experiment: str, key: Key, before: Number, preset: str) -> Comparison:
    """A number that the experiment does not have any more."""
    name, group, row, column, x, metric = key
    return Comparison(
        experiment=experiment,
        preset=preset,
        name=name,
        group=group,
        row=row,
        column=column or x,
        metric=metric,
        unit="count" if metric_names.is_count(metric) else "percent",
        reference=sum(before.values.values()) / len(before.values),
        measured=None,
        difference=None,
        tolerance=None,
        n=0,
        verdict="missing",
        note="the experiment has no such number any more",
    )


def _worst(entry: Entry, plan: Plan) -> float:
    """What a broken method scores, the mean over the tasks of a number."""
    images = {t: work.size(t, plan.preset, plan.data_root).images for t in entry.all_tasks}
    found = [blind.score(entry.metric, get_task(t).n_clusters, n) for t, n in images.items()]
    return math.fsum(found) / len(found) if found else 0.0


def _direction(number: _Number, found: Drift) -> Literal["", "better", "worse"]:
    """Which way a number moved, where one of the two is better: worse if a named seed did."""
    known = metric_names.metric(number.slot.entry.metric)
    if known is None or known.higher_is_better is None or not number.before:
        return ""
    before = number.before.values
    moves = [number.values[s] - before[s] for s in found.seeds] or [found.difference]
    good = [(move > 0) == known.higher_is_better for move in moves if move]
    return "" if not good else "better" if all(good) else "worse"
