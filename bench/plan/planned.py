"""A plan, and what of a command line decides it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.datasets import Presence, TaskSpec, get_task
from bench.errors import Lack
from bench.plan.cell import Cell, Pairs
from bench.plan.entry import Entry
from bench.plan.experiment import Experiment
from bench.plan.slot import Slot
from bench.tasks import Need


@dataclass(frozen=True)
class Stem:
    """What the cells of all seeds share that are asked for with the same words."""

    params: Pairs
    setting: Pairs
    data: str
    needs: tuple[tuple[str, Need], ...]
    lacks: tuple[Lack, ...]
    """Of the task, the device and the type."""
    unavailable: Callable[[], str | Lack]


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
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Method of one's own -> keys of the cells that results hold of it (`bench.plan.added`)."""
    device: str = "cpu"
    elsewhere: bool = False
    """Cells are computed on other machines: that this one lacks the device says nothing."""
    dtype: str = "float32"
    """What networks compute in, for methods that accept it."""
    data_root: Path = Path("data")
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method -> parameters that the experiment's preset sets."""
    given: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method -> parameters of the command line, over whatever an experiment says."""
    damaged: Mapping[str, Lack] = field(default_factory=dict)
    """Data set -> what is wrong with it, of those that could not be prepared."""

    @property
    def selects(self) -> bool:
        """Whether some cells of the experiments are left out."""
        return bool(self.methods or self.tasks or self.seeds)

    def whole(self) -> Options:
        """The same without a selection; chosen methods stay as rows, chosen seeds are further."""
        return dataclasses.replace(
            self, seeds=None, methods=(), tasks=(), extra=self.methods, extra_seeds=self.seeds or ()
        )

    def takes(self, part: Entry) -> bool:
        """Whether the chosen methods and tasks leave an entry in."""
        if self.methods and part.method not in self.methods:
            return False
        tasks = set(part.all_tasks)
        return not self.tasks or bool(tasks and tasks <= set(self.tasks))


@dataclass
class Plan:
    """Cells in the order in which they would be started, and who asks for them."""

    preset: str
    cells: dict[str, Cell] = field(default_factory=dict)
    unavailable: dict[str, tuple[Lack, ...]] = field(default_factory=dict)
    """Key -> what is lacking and how to get it."""
    unprepared: set[str] = field(default_factory=set)
    """Data sets that are here and whose fingerprint is not known before they are prepared: cells
    on them have other keys then, and are unavailable until then."""
    slots: list[Slot] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)

    filtered: bool = False
    """Some rows were left out by --methods or --tasks."""
    data_root: Path = Path("data")
    device: str = "cpu"
    dtype: str = "float32"
    given: tuple[str, ...] = ()
    """What the command line set, such as "dec.batch_size=64": with that only what it changes is
    planned."""
    altered: set[tuple[str, str]] = field(default_factory=set)
    """Method and parameter, of those set that some cell would otherwise have another value of."""
    notes: list[str] = field(default_factory=list)
    """Sentences on what was left out."""
    data: dict[str, tuple[str, tuple[Lack, ...]]] = field(default_factory=dict)
    """Task -> `graph.look_at`."""
    seen: dict[str, Presence] = field(default_factory=dict)
    """Data set -> what is here of it."""
    stems: dict[str, Stem] = field(default_factory=dict)
    """What is asked for, in words -> `_stem`."""
    own: dict[str, TaskSpec] = field(default_factory=dict)
    """Tasks whose images are given, not registered: they count before registered ones."""

    def task(self, name: str) -> TaskSpec:
        """The task of this name; raises BenchError where there is none."""
        return self.own.get(name) or get_task(name)

    @property
    def shown(self) -> str:
        """How tables are told apart, such as "paper, cuda, bfloat16, dec.batch_size=64".

        The preset, the device where it is not the CPU, the type where it is not float32, what was
        set.
        """
        device = () if self.device == "cpu" else (self.device,)
        return ", ".join((self.preset, *device, *self._computed))

    @property
    def shown_on_cpu(self) -> str:
        """The same of a plan whose cells a CPU computes."""
        return ", ".join((self.preset, *self._computed))

    @property
    def _computed(self) -> tuple[str, ...]:
        return (*(() if self.dtype == "float32" else (self.dtype,)), *self.given)

    @property
    def changed(self) -> set[str]:
        """Methods of which the command line set a parameter."""
        return {words.partition("=")[0].rpartition(".")[0] for words in self.given}

    def of(self, experiment: str) -> set[str]:
        """Keys of an experiment's cells with all that they need."""
        mine = (slot for slot in self.slots if slot.experiment == experiment)
        return self.closure(key for slot in mine for key in slot.keys)

    def only(self, names: Sequence[str]) -> Plan:
        """What would be planned for these of its experiments alone, of a plan without a filter."""
        by_name = {one.name: one for one in self.experiments}
        part = dataclasses.replace(
            self,
            experiments=[by_name[name] for name in names],
            slots=[slot for name in names for slot in self.slots if slot.experiment == name],
            cells={},
        )
        for seed in sorted({seed for slot in part.slots for seed in slot.cells}):
            for slot in part.slots:
                for key in slot.cells.get(seed, ()):
                    part._take(key, self.cells)
        tasks = {cell.task for cell in part.cells.values()}
        sets = {name for task in tasks for name in self.task(task).splits()}
        part.unavailable = {k: v for k, v in self.unavailable.items() if k in part.cells}
        part.data = {task: self.data[task] for task in self.data if task in tasks}
        part.seen = {name: self.seen[name] for name in self.seen if name in sets}
        part.unprepared = self.unprepared & sets
        return part

    def _take(self, key: str, cells: Mapping[str, Cell]) -> None:
        """Take a cell over, those that it needs before it."""
        if key not in self.cells:
            for _, needed in cells[key].needs:
                self._take(needed, cells)
            self.cells[key] = cells[key]

    def leave(self, slots: list[Slot]) -> None:
        """Leave these of the slots, and the cells that they ask for."""
        used = self.closure(key for slot in slots for key in slot.keys)
        self.slots = slots
        self.cells = {key: cell for key, cell in self.cells.items() if key in used}
        self.unavailable = {k: lacks for k, lacks in self.unavailable.items() if k in used}

    def closure(self, keys: Iterable[str]) -> set[str]:
        """These cells with all that they need, and what those need."""
        more, found = set(keys), set[str]()
        while more:
            found |= more
            more = {needed for key in more for _, needed in self.cells[key].needs} - found
        return found
