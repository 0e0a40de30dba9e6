"""From experiments to a graph of cells: what is to be computed, in which order, and what cannot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from bench import registry
from bench.datasets import TaskSpec, get_task, lack, look, part_fingerprint, unprepared
from bench.errors import BenchError, Lack
from bench.plan import added, answers, given
from bench.plan.cell import Cell, frozen
from bench.plan.entry import Entry
from bench.plan.experiment import Experiment, Preset
from bench.plan.planned import Options, Plan, Stem
from bench.plan.slot import Slot, slots
from bench.tasks import Need

__all__ = ["Options", "Plan", "chain", "look_at", "make"]
PROBE = "probe"
_DEEPEST = 32
"""Of methods that need one another."""


def make(chosen: Iterable[Experiment], options: Options) -> Plan:
    """The plan for some experiments: seed 0 of everything first, then seed 1, and so on.

    Raises:
        BenchError: an unknown method or task, or a method that cannot run on its task.
    """
    plan = Plan(options.preset, experiments=list(chosen), data_root=options.data_root)
    plan.device, plan.dtype = options.device, options.dtype
    plan.given = given.words(options.given)
    plan.filtered = bool(options.methods or options.tasks)
    for name in options.methods:
        refused = answers.refuses(registry.get(name, where="--methods"), options.dtype)
        if refused:
            raise BenchError(f"--dtype {options.dtype}: {refused[0]}")
    for name in options.tasks:
        get_task(name, where="--tasks")
    asked: list[tuple[int, Slot, Options]] = []
    for one in plan.experiments:
        preset = one.preset.get(options.preset, Preset())
        mine = dataclasses.replace(options, params=preset.params)
        for slot, seeds in _chosen(one, options):
            plan.slots.append(slot)
            if slot.entry.runs:
                asked += [(seed, slot, mine) for seed in seeds]
    for seed, slot, mine in sorted(asked, key=lambda ask: ask[0]):
        slot.cells[seed] = [
            key
            for entry in _measured(slot.entry)
            for task in entry.all_tasks
            for key in _cells_of(plan, entry, task, seed, mine)
        ]
    added.leave_held(plan, options)
    if options.given:
        given.narrow(plan, options)
    added.note(plan, options)
    return plan


def chain(
    asked: Need,
    own: Mapping[str, TaskSpec],
    options: Options,
    setting: Mapping[str, Any],
) -> Plan:
    """The plan of one cell on images that are given, with all the cells that it needs before it.

    Args:
        asked: Method, parameters, task and seed, none of them left open.
        own: Name -> task, of those whose images are given.
        options: Preset, device, dtype and parameters.
        setting: Of the protocol, such as n_clusters.

    Returns:
        Its last cell is the one that was asked for.

    Raises:
        BenchError: as `make`.
    """
    plan = Plan(options.preset, data_root=options.data_root, own=dict(own))
    plan.device, plan.dtype = options.device, options.dtype
    plan.data = dict.fromkeys(own, ("given", ()))
    _add(plan, asked, options, setting=setting)
    return plan


def _measured(entry: Entry) -> list[Entry]:
    """The entry, and what a gain is over."""
    if not entry.gain_over:
        return [entry]
    return [entry, dataclasses.replace(entry, method=entry.gain_over, params={}, quick={})]


def _chosen(one: Experiment, options: Options) -> Iterator[tuple[Slot, tuple[int, ...]]]:
    """Every slot of one experiment that the options leave in, with its seeds."""
    for slot in slots(one, options.preset, added.methods(one, options)):
        if not options.takes(slot.entry):
            continue
        own = options.seeds or range(slot.seeds)
        seeds = tuple(sorted({*own, *options.extra_seeds}))
        yield slot, seeds[:1] if slot.alone else seeds


def _cells_of(plan: Plan, entry: Entry, task: str, seed: int, options: Options) -> list[str]:
    """Add the cells of one task: the method's and, where it makes a network, its probe's."""
    quick = entry.quick if options.preset == "quick" else {}
    asked = Need(entry.method, {**entry.params, **quick}, task, seed)
    key = _add(plan, asked, options, setting=entry.setting)
    probe = entry.probe or get_task(task).related.get(PROBE, "")
    if get_task(task).kind != "represent" or not probe:
        return [key]
    # Its kind is the name of the method that measures: "probe" or "finetune".
    measuring = Need(get_task(probe).kind, {}, probe, seed)
    return [key, _add(plan, measuring, options, needs=(("network", key),))]


def device_lacks(options: Options) -> tuple[Lack, ...]:
    """Why no cell can run on the device, () when they can; other machines are not asked."""
    return () if options.elsewhere else answers.device_lacks(options.device)


def _add(
    plan: Plan,
    asked: Need,
    options: Options,
    *,
    setting: Mapping[str, Any] | None = None,
    needs: tuple[tuple[str, str], ...] | None = None,
    chain: tuple[str, ...] = (),
) -> str:
    """Add one cell, those that it needs before it; return its key.

    Args:
        plan: Grows.
        asked: Method, parameters, task and seed, none of them left open.
        options: Preset and device.
        setting: Of the protocol, where it differs from the task's.
        needs: Role -> key, where they are not the method's own to name.
        chain: The methods that need this cell, the first one first.
    """
    chain = (*chain, asked.method)
    if len(chain) > _DEEPEST:
        circle = " needs ".join(f"'{name}'" for name in chain[:3])
        raise BenchError(f"method {circle} needs …: no cell can be the first")
    task, seed = asked.task or "", asked.seed or 0
    preset = options.params.get(asked.method, {})
    words = repr((asked.method, asked.params, task, setting, preset, needs is None))
    stem = plan.stems.get(words)
    if stem is None:
        stem = plan.stems[words] = _stem(plan, asked, options, setting or {}, own=needs is None)
    if needs is None:
        needs = tuple(
            (role, _add(plan, _filled_in(need, task, seed), options, chain=chain))
            for role, need in stem.needs
        )
    cell = Cell(
        task=task,
        setting=stem.setting,
        method=asked.method,
        params=stem.params,
        preset=options.preset,
        seed=seed,
        device=options.device,
        dtype=options.dtype,
        threads=1,
        data=stem.data,
        needs=needs,
    )
    if cell.key not in plan.cells:
        plan.cells[cell.key] = cell
        if lacks := _lacks(plan, stem, needs):
            plan.unavailable[cell.key] = lacks
    return cell.key


def _lacks(plan: Plan, stem: Stem, needs: Iterable[tuple[str, str]]) -> tuple[Lack, ...]:
    """Why a cell cannot run here: for its task, a cell that it needs, or its method."""
    if stem.lacks:
        return stem.lacks
    for _, key in needs:
        if key in plan.unavailable:
            return plan.unavailable[key]
    reason = stem.unavailable()
    if not reason:
        return ()
    return (reason if isinstance(reason, Lack) else Lack(str(reason)),)


def _stem(
    plan: Plan, asked: Need, options: Options, setting: Mapping[str, Any], *, own: bool
) -> Stem:
    """What a cell shares with those of other seeds; its own needs among them, if it is asked."""
    info, task = registry.get(asked.method), plan.task(asked.task or "")
    preset = options.params.get(asked.method, {})
    by_hand = options.given.get(asked.method, {})
    params = info.params(options.preset, {**preset, **asked.params, **by_hand})
    if by_hand:
        before = info.params(options.preset, {**preset, **asked.params})
        plan.altered |= {(asked.method, n) for n in by_hand if before[n] != params[n]}
    built = answers.answer(info.build(params), "resolved", asked.method)
    needs = sorted(answers.needs(built, asked.method, task).items()) if own else []
    defaults, chosen = task.settings({}), task.settings(setting)
    data, lacks = look_at(plan, task, options)
    return Stem(
        params=frozen({name: getattr(built, name) for name in params}),
        setting=frozen({k: v for k, v in chosen.items() if v != defaults[k]}),
        data=data,
        needs=tuple(needs),
        lacks=lacks or device_lacks(options) or answers.refuses(info, options.dtype),
        unavailable=cache(partial(answers.answer, built, "unavailable", asked.method)),
    )


def _filled_in(need: Need, task: str, seed: int) -> Need:
    """A need with the task and seed of the cell that has it, where it names none of its own."""
    return dataclasses.replace(
        need, task=need.task or task, seed=seed if need.seed is None else need.seed
    )


def look_at(plan: Plan, task: TaskSpec, options: Options) -> tuple[str, tuple[Lack, ...]]:
    """The fingerprints of all parts of a task, and what of its data cannot be had now.

    "" for fingerprints that are neither pinned nor those of prepared data: nothing is prepared or
    hashed here, where many commands only look.
    """
    if task.name in plan.data:
        return plan.data[task.name]
    root, lacks = options.data_root, []
    known = True
    for name, splits in task.splits().items():
        if name not in plan.seen:
            plan.seen[name] = look(name, root)
        seen = plan.seen[name]
        lacking = options.damaged.get(name) or lack(name, root, splits, seen)
        if not lacking and (lacking := unprepared(name, root, splits, seen)):
            plan.unprepared.add(name)
            known = False
        lacks += [lacking] if lacking else []
    found = {
        role: part_fingerprint(
            part, plan.seen[part.dataset].fingerprints, task.limit(role, options.preset)
        )
        for role, part in task.parts().items()
    }
    known = known and all(found.values())
    data = " ".join(f"{role}:{print_}" for role, print_ in found.items()) if known else ""
    plan.data[task.name] = data, tuple(lacks)
    return plan.data[task.name]
