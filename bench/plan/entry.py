"""What a row, a column or a curve of an experiment names: which method on which task, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import registry
from bench.datasets import TaskSpec, get_task
from bench.errors import BenchError, unknown
from bench.plan import published
from bench.plan.cell import PRESETS
from bench.score.metric_names import FEATURES, GAIN, METRICS, is_count, is_metric
from bench.shipped import MEASURING

UNITS = ("percent", "fraction", "count")
_SCORED = {
    "cluster": "clusters",
    "pairs": "clusters",
    "represent": "clusters",
    "adapt": "classes",
    "similarity": "pairs",
}
"""Kind of task -> what of its predictions is scored, beside what their network is worth."""


@dataclass(frozen=True)
class Entry:
    """A row, a column, a curve, or the two of a table's entry together."""

    label: str = ""
    group: str = ""
    """A heading over neighbouring rows."""
    task: str = ""
    tasks: tuple[str, ...] = ()
    """In place of one task: each seed's value is the mean over these."""
    setting: dict[str, Any] = field(default_factory=dict)
    """What of the task's protocol is otherwise here, such as n_clusters = 100."""
    method: str = ""
    """Empty: the published number alone, or a method that is yet to come."""
    params: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)
    """Parameters for the quick preset alone."""
    metric: str = ""
    gain_over: str = ""
    """For the metric "accuracy gain": the method whose accuracy on the same task is subtracted."""
    fact: str = ""
    """In place of a metric: what is said in words, a role of the task ("auxiliary", "source",
    "target") or an attribute of the method, such as a parameter."""
    unit: str = ""
    """"percent" (default), "fraction" or "count"."""
    published: dict[str, str] = field(default_factory=dict)
    """Column of the published CSV -> value; a row without any has no published numbers."""
    probe: str = ""
    """A probe or fine-tune task in place of the represent task's own: what a network is worth on
    other data."""
    seeds: int = 0
    """Fewer than the table's, for what is costly; 0: as the table."""
    tensor: str = ""
    """Which of the cell's stored tensors a panel of an embedding or of images shows."""
    note: str = ""
    differs: str = ""
    """In what the measured number is of another experiment than the published one, if it is."""

    @property
    def all_tasks(self) -> tuple[str, ...]:
        """The task or tasks, none where a number is only quoted."""
        return self.tasks or ((self.task,) if self.task else ())

    @property
    def called(self) -> str:
        """What messages call it: its label, or its method where it has none."""
        return self.label or self.method

    @property
    def runs(self) -> bool:
        """Whether there is something to compute."""
        return bool(self.method) and not self.fact

    @property
    def scored(self) -> bool:
        """Whether what is computed comes out as a number."""
        return self.runs and bool(self.metric)

    def over(self, other: Entry, *, where: str) -> Entry:
        """This row laid over that column.

        Raises:
            BenchError: both name a task (or method, metric, …) and not the same.
        """
        merged: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            mine, theirs = getattr(self, f.name), getattr(other, f.name)
            if isinstance(mine, dict):
                merged[f.name] = {**theirs, **mine}
            elif f.name in ("label", "group", "note", "differs"):
                merged[f.name] = mine
            elif mine and theirs and mine != theirs:
                raise BenchError(f"{where}: row and column both name a {f.name}: {mine}, {theirs}")
            else:
                merged[f.name] = mine or theirs
        return Entry(**merged)


def validate_entry(part: Entry, where: str, *, scored: bool = True) -> None:
    """Refuse unknown names in one entry.

    Args:
        part: The entry.
        where: File and place, for the error.
        scored: Its method must have a score and the entry name a metric.

    Raises:
        BenchError: what is wrong, and the nearest match.
    """
    if part.metric and not is_metric(part.metric):
        raise unknown("metric", part.metric, METRICS, where=where)
    _validate_unit(part, where)
    _validate_gain(part, where)
    if part.published:
        published.find(part.published, metric=part.metric, where=where)
    if part.task and part.tasks:
        raise BenchError(f"{where}: row and column name both a task and tasks; keep one of them")
    tasks = [get_task(name, where=where) for name in part.all_tasks]
    for task in tasks:
        task.settings(part.setting, where=where)
    if part.probe:
        _validate_probe(part, where)
    if part.method:
        _validate_method(part, tasks, where, scored=scored)


def _validate_method(part: Entry, tasks: Sequence[TaskSpec], where: str, *, scored: bool) -> None:
    """Refuse a method with parameters, tasks or a metric that it cannot have."""
    info = registry.get(part.method, where=where)
    for preset in PRESETS:
        quick = part.quick if preset == "quick" else {}
        info.build(info.params(preset, {**part.params, **quick}, where=where), where=where)
    if not tasks or (scored and not part.metric):
        raise BenchError(f"{where}: a method needs a task and a metric, from its row or column")
    for task in tasks:
        # An artifact that names no kind takes any.
        if info.kinds and task.kind not in info.kinds:
            raise BenchError(
                f"{where}: method '{part.method}' takes {'/'.join(info.kinds)} tasks, "
                f"'{task.name}' is a {task.kind} task"
            )
    if not scored:
        return
    if info.artifact and part.metric != FEATURES:
        raise BenchError(
            f"{where}: method '{part.method}' serves other cells and has no score; features alone "
            f"have '{FEATURES}'"
        )
    for task in tasks if not info.artifact else ():
        _validate_metric(part.metric, task, where)


def _validate_metric(metric: str, task: TaskSpec, where: str) -> None:
    """Refuse a metric that no cell of such a task has."""
    networks = task.kind in ("represent", *MEASURING) and metric not in METRICS
    names = [name for name, one in METRICS.items() if one.of == _SCORED.get(task.kind)]
    if not networks and metric not in names:
        what = f"which has {', '.join(names)}" if names else "which has none"
        raise BenchError(
            f"{where}: {metric} is no metric of the {task.kind} task '{task.name}', {what}"
        )


def _validate_unit(part: Entry, where: str) -> None:
    """Refuse an unknown unit, a count's of a fraction and a fraction's of a count."""
    if part.unit and part.unit not in UNITS:
        raise unknown("unit", part.unit, UNITS, where=where)
    # A number that is only quoted may be of anything that no metric's name is for.
    measured = part.unit and part.method and part.metric
    if measured and (part.unit == "count") != is_count(part.metric):
        what = "a count" if is_count(part.metric) else "a fraction"
        raise BenchError(f"{where}: unit = '{part.unit}', but {part.metric} is {what}")


def _validate_gain(part: Entry, where: str) -> None:
    """Refuse a gain on no method, or on one that nobody knows."""
    if part.gain_over:
        registry.get(part.gain_over, where=f"{where}: gain_over")
    if (part.metric == GAIN) != bool(part.gain_over):
        raise BenchError(f"{where}: metric = '{GAIN}' and gain_over = a method go together")


def _validate_probe(part: Entry, where: str) -> None:
    """Refuse a probe that is none, or that has no network to measure."""
    if get_task(part.probe, where=where).kind not in MEASURING:
        raise BenchError(f"{where}: probe = '{part.probe}' is no probe or fine-tuning task")
    if any(get_task(name).kind != "represent" for name in part.all_tasks):
        raise BenchError(f"{where}: probe = '{part.probe}' is for represent tasks alone")
