"""What a task declares: which parts of which datasets play which role, under which protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.datasets import declared_task
from bench.datasets.parts import Part
from bench.errors import BenchError, unknown
from bench.tasks import Kind, TaskInfo

ROLES = ("target", "source", "auxiliary", "train")


@dataclass(frozen=True)
class TaskSpec:
    """A named dataset, split and protocol, such as `digits/transfer`."""

    name: str
    kind: Kind
    summary: str
    target: Part
    """Unlabelled for the method, labelled for the one who scores."""
    n_clusters: int
    """The number of classes of the target."""
    source: Part | None = None
    auxiliary: Part | None = None
    train: Part | None = None
    """The labelled images of a probe or of fine-tuning."""
    quick: Mapping[str, int] = field(default_factory=dict)
    """Role -> at most this many images in the quick preset, the first in canonical order: a
    uniform sample, since that order is by hash."""
    related: Mapping[str, str] = field(default_factory=dict)
    """Role -> name of another task."""
    setting: Mapping[str, Any] = field(default_factory=dict)
    """The protocol's own numbers, which an experiment may set otherwise."""

    def info(self) -> TaskInfo:
        """What a method may know before the data are read."""
        return TaskInfo(
            self.name,
            self.kind,
            self.source is not None,
            self.auxiliary is not None,
            self.related,
        )

    def other_number(self, found: int) -> str:
        """A sentence where the target has another number of classes than declared, else ""."""
        if not self.n_clusters or found == self.n_clusters:
            return ""
        return (
            f"task '{self.name}' declares n_clusters = {self.n_clusters}, and its target in "
            f"'{self.target.dataset}' has {found} classes: declare that number, or mend the data"
        )

    def parts(self) -> dict[str, Part]:
        """Role -> part, of the roles that it has."""
        found = {role: getattr(self, role) for role in ROLES}
        return {role: part for role, part in found.items() if part is not None}

    def limit(self, role: str, preset: str) -> int | None:
        """At most this many images of a part: None for all."""
        return self.quick.get(role) if preset == "quick" else None

    def datasets(self) -> set[tuple[str, str]]:
        """The (dataset, split) pairs that it reads."""
        return {(part.dataset, split) for part in self.parts().values() for split in part.splits()}

    def splits(self) -> dict[str, tuple[str, ...]]:
        """Dataset -> the splits of it that it reads, both in alphabetical order."""
        found: dict[str, tuple[str, ...]] = {}
        for dataset, split in sorted(self.datasets()):
            found[dataset] = (*found.get(dataset, ()), split)
        return found

    def settings(self, overrides: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
        """The protocol's numbers, with those of an experiment in their place.

        A cluster or pairs task also takes `n_clusters`, the declared K.

        Raises:
            BenchError: an unknown key, or a value out of its range.
        """
        values = dict(self.setting)
        if self.kind in ("cluster", "pairs"):
            values["n_clusters"] = self.n_clusters
        prefix = f"{where}: " if where else ""
        for key, value in overrides.items():
            if key not in values:
                raise unknown(f"setting of {self.name}", key, values, where=where)
            whole = isinstance(values[key], int)
            number = isinstance(value, int if whole else (int, float))
            if (
                isinstance(value, bool)
                or not number
                or not (value >= 1 if whole else 0 <= value <= 1)
            ):
                wanted = "a whole number of at least 1" if whole else "a number in 0..1"
                raise BenchError(f"{prefix}{self.name}: {key} = {value!r} must be {wanted}")
            values[key] = value if whole else float(value)
        return values


_tasks: dict[str, TaskSpec] = {}
_groups: dict[str, tuple[str, ...]] = {}
_waiting: set[str] = set()
"""Tasks on a data set that was unknown when they were registered."""


def register_task(task: TaskSpec) -> TaskSpec:
    """Make a task known by its name; a plugin calls this when it is imported.

    Raises:
        BenchError: the name is taken, a field is not what it must be, a split or class of a part is
            unknown, the target is turned, or its classes are among those of its labelled source.
            A data set that is unknown as yet is when the task is first asked for.
    """
    declared_task.refuse_unfit(task)
    if task.name in _tasks or task.name in _groups:
        raise BenchError(f"task '{task.name}': the name is taken, choose another")
    if task.target.versions > 1:
        raise BenchError(f"task '{task.name}': the target is taken as it is, versions = 1")
    if task.kind == "cluster" and task.source is not None:
        _refuse_overlap(task.name, task.target, task.source)
    if declared_task.waits(task):
        _waiting.add(task.name)
    else:
        declared_task.refuse_unknown_data(task)
    _tasks[task.name] = task
    return task


def _refuse_overlap(name: str, target: Part, source: Part) -> None:
    """Raise a BenchError where classes to be found are among the labelled ones."""
    if source.dataset != target.dataset or source.label != target.label:
        return
    shared = target.where.get(target.label, ()), source.where.get(source.label, ())
    if not all(shared):
        if None not in (target.split, source.split) and target.split != source.split:
            return  # Splits may part the classes themselves, as those of zero-shot data sets do.
        raise BenchError(f"task '{name}': source and target share classes, name those of each")
    if both := sorted(set(shared[0]) & set(shared[1]), key=str):
        raise BenchError(f"task '{name}': {both[0]!r} is a class of both source and target")


def tasks() -> dict[str, TaskSpec]:
    """All registered tasks by name."""
    return dict(_tasks)


def get_task(name: str, where: str = "") -> TaskSpec:
    """The task of this name.

    Raises:
        BenchError: nobody registered it; the message names the nearest one.
    """
    if name not in _tasks:
        raise unknown("task", name, _tasks, where=where)
    if name in _waiting:
        declared_task.refuse_unknown_data(_tasks[name])
        _waiting.remove(name)
    return _tasks[name]


def refuse_waiting() -> None:
    """Raise a BenchError where a task is on a data set that no plug-in has brought."""
    for name in sorted(_waiting):
        get_task(name)


def register_group(name: str, members: Iterable[str]) -> tuple[str, ...]:
    """Give tasks a name together, by which an experiment asks for one row, column or bar each.

    Args:
        name: Such as "omniglot/alphabets"; no task's.
        members: Names of registered tasks, in the order in which they are shown.

    Raises:
        BenchError: the name is taken, or one of the tasks is unknown.
    """
    if name in _groups or name in _tasks:
        raise BenchError(f"group of tasks '{name}': the name is taken, choose another")
    _groups[name] = tuple(get_task(task, where=f"group '{name}'").name for task in members)
    return _groups[name]


def groups() -> dict[str, tuple[str, ...]]:
    """The tasks of all registered groups by name."""
    return dict(_groups)


def tasks_named(names: Iterable[str], where: str = "") -> tuple[str, ...]:
    """Names of tasks, from names of tasks and of groups.

    Raises:
        BenchError: one is neither; the message names the nearest one.
    """
    found: list[str] = []
    for name in names:
        if name not in _tasks and name not in _groups:
            raise unknown("task", name, (*_tasks, *_groups), where=where)
        found += _groups.get(name, (name,))
    return tuple(found)


def get_group(name: str, where: str = "") -> tuple[str, ...]:
    """The names of a group's tasks.

    Raises:
        BenchError: nobody registered it; the message names the nearest one.
    """
    if name not in _groups:
        raise unknown("group of tasks", name, _groups, where=where)
    return _groups[name]
