"""From experiments to a graph of cells: what is to be computed, in which order, and what cannot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bench import registry
from bench.datasets import TaskSpec, availability, get_task, part_fingerprint, prepare
from bench.errors import BenchError
from bench.plan.cell import Cell, frozen
from bench.plan.entry import Part
from bench.plan.experiment import Experiment, Preset, Table
from bench.tasks import Need

PROBE = "probe"


@dataclass(frozen=True)
class Options:
    """What of a run's command line decides which cells there are."""

    preset: str = "quick"
    seeds: tuple[int, ...] | None = None
    """None: as each experiment says."""
    methods: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    extra_seeds: tuple[int, ...] = ()
    """Seeds to have beside the experiment's own."""
    extra: tuple[str, ...] = ()
    """Methods that become rows of the tables that they fit and that have none of them."""
    device: str = "cpu"
    dtype: str = "float32"
    """What networks compute in, for methods that accept it."""
    data_root: Path = Path("data")
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method -> parameters that the experiment's preset sets."""


@dataclass
class Slot:
    """An entry of a table or a point of a figure: which cells its number comes from."""

    experiment: str
    name: str
    """Of the table or figure."""
    part: Part
    column: str
    """Label of the column, or of the group of bars; "" in other figures."""
    cells: dict[int, list[str]] = field(default_factory=dict)
    """Seed -> keys: of each task the method's cell and, for represent tasks, its probe's."""


@dataclass
class Plan:
    """Cells in the order in which they would be started, and who asks for them."""

    preset: str
    cells: dict[str, Cell] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    """Key -> what is lacking and how to get it."""
    slots: list[Slot] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)

    filtered: bool = False
    """Some rows were left out by --methods or --tasks."""
    data_root: Path = Path("data")
    dtype: str = "float32"

    @property
    def shown(self) -> str:
        """The preset, and the type where it is not float32: how tables tell them apart."""
        return self.preset if self.dtype == "float32" else f"{self.preset}, {self.dtype}"

    def of(self, experiment: str) -> set[str]:
        """Keys of an experiment's cells with all that they need."""
        mine = [s for s in self.slots if s.experiment == experiment]
        return self.closure(k for s in mine for keys in s.cells.values() for k in keys)

    def closure(self, keys: Iterable[str]) -> set[str]:
        """These cells with all that they need, and what those need."""
        queue, found = list(keys), set[str]()
        while queue:
            key = queue.pop()
            if key not in found:
                found.add(key)
                queue += [needed for _, needed in self.cells[key].needs]
        return found


def make(chosen: Iterable[Experiment], options: Options) -> Plan:
    """The plan for some experiments: seed 0 of everything first, then seed 1, and so on.

    Raises:
        BenchError: an unknown method or task, or a method that cannot run on its task.
    """
    plan = Plan(options.preset, experiments=list(chosen), data_root=options.data_root)
    plan.dtype = options.dtype
    plan.filtered = bool(options.methods or options.tasks)
    for name in options.methods:
        refused = _refuses(registry.get(name, where="--methods"), options.dtype)
        if refused:
            raise BenchError(f"--dtype {options.dtype}: {refused}")
    for name in options.tasks:
        get_task(name, where="--tasks")
    asked: list[tuple[int, Slot, Options]] = []
    for one in plan.experiments:
        preset = one.preset.get(options.preset, Preset())
        mine = dataclasses.replace(options, params=preset.params)
        for slot, seeds in _slots(one, options):
            plan.slots.append(slot)
            if slot.part.runs:
                asked += [(seed, slot, mine) for seed in seeds]
    for seed, slot, mine in sorted(asked, key=lambda ask: ask[0]):
        slot.cells[seed] = [
            key
            for task in slot.part.all_tasks
            for key in _cells_of(plan, slot.part, task, seed, mine)
        ]
    return plan


def _slots(one: Experiment, options: Options) -> Iterable[tuple[Slot, tuple[int, ...]]]:
    """Every entry and point of one experiment that the options leave in, with its seeds."""

    def wanted(part: Part) -> bool:
        tasks = set(part.all_tasks)
        return (not options.methods or part.method in options.methods) and (
            not options.tasks or (bool(tasks) and tasks <= set(options.tasks))
        )

    def seeds(*own: int) -> tuple[int, ...]:
        count = next((n for n in own if n), 0)
        own_seeds = options.seeds or range(one.seeds(options.preset, count))
        return tuple(sorted({*own_seeds, *options.extra_seeds}))

    for table in one.table:
        for row in (*table.row, *_extra_rows(one, table, (*options.methods, *options.extra))):
            for column in table.column:
                part = one.entry(table, row, column)
                if wanted(part):
                    yield (
                        Slot(one.name, table.name, part, column.label),
                        seeds(part.seeds, table.seeds),
                    )
    for figure in one.figure:
        for curve in figure.curve:
            for part, group in figure.entries(curve, options.preset):
                if wanted(part):
                    chosen = seeds(part.seeds, figure.seeds)
                    # One cell is shown and no mean.
                    chosen = chosen[:1] if figure.of_one_cell else chosen
                    yield Slot(one.name, figure.name, part, group), chosen


def _extra_rows(one: Experiment, table: Table, methods: Iterable[str]) -> list[Part]:
    """A row for each method of --methods that the experiment does not know but could take."""
    known = {p.method for t in one.table for p in (*t.row, *t.column)}
    extra = []
    for name in methods:
        kinds = registry.get(name).kinds
        tasks = [() if c.method else c.all_tasks or table.tasks for c in table.column]
        fits = all(some and all(get_task(t).kind in kinds for t in some) for some in tasks)
        if name not in known and fits:
            extra.append(Part(label=name, method=name))
    return extra


def _cells_of(plan: Plan, part: Part, task: str, seed: int, options: Options) -> list[str]:
    """Add the cells of one task: the method's and, where it makes a network, its probe's."""
    quick = part.quick if options.preset == "quick" else {}
    asked = Need(part.method, {**part.params, **quick}, task, seed)
    key = _add(plan, asked, options, setting=part.setting)
    probe = part.probe or get_task(task).related.get(PROBE, "")
    if get_task(task).kind != "represent" or not probe:
        return [key]
    # Its kind is the name of the method that measures: "probe" or "finetune".
    measuring = Need(get_task(probe).kind, {}, probe, seed)
    return [key, _add(plan, measuring, options, needs=(("network", key),))]


def _add(
    plan: Plan,
    asked: Need,
    options: Options,
    *,
    setting: Mapping[str, Any] | None = None,
    needs: tuple[tuple[str, str], ...] | None = None,
) -> str:
    """Add one cell, those that it needs before it; return its key.

    Args:
        plan: Grows.
        asked: Method, parameters, task and seed, none of them left open.
        options: Preset and device.
        setting: Of the protocol, where it differs from the task's.
        needs: Role -> key, where they are not the method's own to name.
    """
    info, task, seed = registry.get(asked.method), get_task(asked.task or ""), asked.seed or 0
    preset = options.params.get(asked.method, {})
    params = info.params(options.preset, {**preset, **asked.params})
    built = info.build(params)
    if hasattr(built, "resolved"):
        built = built.resolved()
        params = {name: getattr(built, name) for name in params}
    if needs is None:
        needs = tuple(
            (role, _add(plan, _filled_in(need, task.name, seed), options))
            for role, need in sorted(_wanted(built, asked.method, task).items())
        )
    defaults, chosen = task.settings({}), task.settings(setting or {})
    cell = Cell(
        task=task.name,
        setting=frozen({k: v for k, v in chosen.items() if v != defaults[k]}),
        method=asked.method,
        params=frozen(params),
        preset=options.preset,
        seed=seed,
        device=options.device,
        dtype=options.dtype,
        threads=1,
        data=_data(task.name, options.preset, options.data_root),
        needs=needs,
    )
    if cell.key not in plan.cells:
        plan.cells[cell.key] = cell
        reason = _lacking(task.name, options.data_root) or _device_lacks(options.device)
        reason = reason or _refuses(info, options.dtype)
        for _, key in needs:
            reason = reason or plan.unavailable.get(key, "")
        if not reason and hasattr(built, "unavailable"):
            reason = built.unavailable()
        if reason:
            plan.unavailable[cell.key] = reason
    return cell.key


def _wanted(built: Any, method: str, task: TaskSpec) -> Mapping[str, Need]:
    """What a method needs on a task."""
    if not hasattr(built, "needs"):
        return {}
    try:
        needs: Mapping[str, Need] = built.needs(task.info())
    except ValueError as error:
        raise BenchError(f"method '{method}' on {task.name}: {error}") from error
    return needs


def _filled_in(need: Need, task: str, seed: int) -> Need:
    """A need with the task and seed of the cell that has it, where it names none of its own."""
    return dataclasses.replace(
        need, task=need.task or task, seed=seed if need.seed is None else need.seed
    )


@cache
def _data(task_name: str, preset: str, root: Path) -> str:
    """The fingerprints of all parts of a task; "" when its data are neither here nor pinned."""
    task = get_task(task_name)
    _lacking(task_name, root)  # prepares what is here, and only then is its fingerprint certain
    found = [
        f"{role}:{part_fingerprint(part, root, limit(task, role, preset))}"
        for role, part in task.parts().items()
    ]
    return "" if any(f.endswith(":") for f in found) else " ".join(found)


def limit(task: TaskSpec, role: str, preset: str) -> int | None:
    """At most this many images of a part: fewer in the quick preset, where the task says so."""
    return task.quick.get(role) if preset == "quick" else None


@cache
def _lacking(task_name: str, root: Path) -> str:
    """Why the data of a task cannot be had now; "" when they can, and then they are prepared."""
    wanted: dict[str, set[str]] = {}
    for dataset, split in get_task(task_name).datasets():
        wanted.setdefault(dataset, set()).add(split)
    reasons = []
    for name, splits in sorted(wanted.items()):
        reason = availability(name, root, sorted(splits))
        try:
            if not reason:
                prepare(name, root)
        except BenchError as error:
            reason = str(error)
        reasons += [reason] if reason else []
    return "; ".join(reasons)


def _refuses(info: registry.MethodInfo, dtype: str) -> str:
    """Why a method does not compute in a type, "" when it does."""
    if dtype in info.dtypes:
        return ""
    return f"method '{info.name}' computes in {' or '.join(info.dtypes)} alone, not in {dtype}"


@cache
def _device_lacks(device: str) -> str:
    """Why cells cannot run on a device, "" when they can."""
    if device == "cpu":
        return ""
    import torch

    # Asked of the driver, not of the runtime: a process that has touched CUDA cannot be forked.
    if torch.cuda.device_count():
        return ""
    return "no CUDA device here; use --device cpu"
