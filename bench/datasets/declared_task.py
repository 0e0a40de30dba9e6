"""What the declaration of a task must hold, said when it is registered or first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from bench.datasets.dataset import Dataset, get, names
from bench.datasets.parts import Part
from bench.errors import BenchError, unknown
from bench.tasks import Kind

_LABELLED: Mapping[str, str] = {
    "adapt": "source", "similarity": "auxiliary", "probe": "train", "finetune": "train",
}  # fmt: skip
"""Kind of task -> the part that it cannot do without, beside the target."""


def refuse_unfit(task: Any) -> None:
    """Raise a BenchError that names task and field, where a field is not what it must be.

    Args:
        task: What was given as a `bench.datasets.TaskSpec`, of fields of any type.
    """
    where = f"task {task.name!r:.120}"
    if not isinstance(task.name, str) or not task.name:
        raise BenchError(f"{where}: the name must be text")
    if task.kind not in get_args(Kind):
        raise unknown("task kind", str(task.kind), get_args(Kind), where=where)
    if type(task.n_clusters) is not int or task.n_clusters < 0:
        raise BenchError(f"{where}: n_clusters = {task.n_clusters!r} must be a whole number")
    parts = task.parts()
    for role in ("target", *filter(None, [_LABELLED.get(task.kind)])):
        if role not in parts:
            raise BenchError(f"{where}: a task of kind '{task.kind}' needs a {role}, a Part")
    for role, part in parts.items():
        if not isinstance(part, Part):
            raise BenchError(f"{where}: {role} = {part!r:.120} must be a Part")
    for role, limit in task.quick.items():
        if role not in parts:
            raise unknown("role", role, parts, where=f"quick of {where}")
        if type(limit) is not int or limit < 1:
            raise BenchError(f"{where}: quick of {role} = {limit!r} must be a whole number above 0")


def waits(task: Any) -> bool:
    """Whether a data set that a task reads is unknown as yet: another plug-in may have it."""
    return any(part.dataset not in names() for part in task.parts().values())


def refuse_unknown_data(task: Any) -> None:
    """Raise a BenchError, with the nearest match, where a data set, split or class is unknown.

    Of classes only those are known beforehand that the data set declares; all others, and those of
    further columns, are when it is prepared.
    """
    for role, part in task.parts().items():
        where = f"{role} of task '{task.name}'"
        dataset = get(part.dataset, where=where)
        if part.split is not None and part.split not in dataset.counts:
            raise unknown(f"split of {dataset.name}", part.split, dataset.counts, where=where)
        for column, values in part.where.items():
            if isinstance(values, str | int):
                raise BenchError(f"{where}: {column} = {values!r} must be a tuple of values")
        _refuse_unknown_class(part, dataset, where)


def _refuse_unknown_class(part: Part, dataset: Dataset, where: str) -> None:
    for value in part.where.get("label", ()) if dataset.labels else ():
        number = isinstance(value, int)
        if number and not 0 <= int(value) < len(dataset.labels):
            most = len(dataset.labels) - 1
            raise BenchError(f"{where}: label {value} of {dataset.name} is none of 0..{most}")
        if not number and value not in dataset.labels:
            raise unknown(f"label of {dataset.name}", str(value), dataset.labels, where=where)
