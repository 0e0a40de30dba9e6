"""Experiments: one TOML a paper, with its tables, figures, presets and published numbers.

A table's entry is its row and its column laid over one another: either may name the task, the
method, a parameter or the published number, so rows can be methods and columns data sets or the
other way round.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import ROOT, facts, published, registry
from bench.datasets import get_task
from bench.errors import BenchError, unknown
from bench.metrics import METRICS, is_metric
from bench.schema import typed

FOLDER = ROOT / "bench" / "experiments"
PRESETS = ("quick", "paper")
UNITS = ("percent", "fraction", "count")


@dataclass(frozen=True)
class Part:
    """A row, a column, a curve, or the two of a table's entry together."""

    label: str = ""
    group: str = ""
    """A heading over neighbouring rows."""
    task: str = ""
    tasks: tuple[str, ...] = ()
    """In place of one task: each seed's value is the mean over these."""
    setting: dict[str, Any] = field(default_factory=dict)
    """Of the protocol, such as n_clusters = 100."""
    method: str = ""
    """Empty: the published number alone, or a method that is yet to come."""
    params: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)
    """Parameters for the quick preset alone."""
    metric: str = ""
    metrics: tuple[str, ...] = ()
    """Of a column: shorthand for one column of the same label for each of these metrics."""
    fact: str = ""
    """In place of a metric: what is told in words, a role of the task ("auxiliary", "source",
    "target") or an attribute of the method, such as a parameter."""
    unit: str = ""
    """"percent" (default), "fraction" or "count"."""
    published: dict[str, str] = field(default_factory=dict)
    """Column of the published CSV -> value; a row without any has no published numbers."""
    seeds: int = 0
    """Fewer than the table's, for what is costly; 0: as the table."""
    note: str = ""
    differs: str = ""
    """In what the measured number is of another experiment than the published one, if it is."""

    @property
    def all_tasks(self) -> tuple[str, ...]:
        """The task or tasks, none where a number is only quoted."""
        return self.tasks or ((self.task,) if self.task else ())

    @property
    def runs(self) -> bool:
        """Whether there is something to compute."""
        return bool(self.method) and not self.fact

    def over(self, other: Part, *, where: str) -> Part:
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
        return Part(**merged)


@dataclass(frozen=True)
class Table:
    """A table: every row with every column."""

    name: str
    caption: str
    row: tuple[Part, ...]
    column: tuple[Part, ...]
    published: dict[str, str] = field(default_factory=dict)
    """What the filters of all entries share, such as the table's number."""
    tasks: tuple[str, ...] = ()
    """Of every entry that names no task of its own."""
    seeds: int = 0
    """0: as the preset says."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Axis:
    """What a figure varies: one setting of the protocol or one parameter of the methods."""

    label: str
    values: tuple[Any, ...]
    setting: str = ""
    param: str = ""
    truth: float | None = None
    """Where a vertical line marks the true value."""


@dataclass(frozen=True)
class Figure:
    """A metric against what the axis varies, a curve for each part."""

    name: str
    caption: str
    x: Axis
    curve: tuple[Part, ...]
    task: str
    metric: str
    y_label: str = ""
    seeds: int = 0


@dataclass(frozen=True)
class Preset:
    """How an experiment is run under one preset."""

    seeds: int = 10
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Method -> parameters, also of methods whose cells are only needed by others."""


@dataclass(frozen=True)
class Experiment:
    """One TOML file."""

    title: str
    paper: str = ""
    """Key of the published numbers: ccn, discovery, supreme, sela, tsp."""
    preset: dict[str, Preset] = field(default_factory=dict)
    table: tuple[Table, ...] = ()
    figure: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    name: str = ""
    path: Path = Path()

    def seeds(self, preset: str, own: int = 0) -> int:
        """How many seeds a table or figure with its `own` count runs under a preset."""
        return own or self.preset.get(preset, Preset()).seeds

    def entry(self, table: Table, row: Part, column: Part) -> Part:
        """One entry of a table, with the filter for its published number filled in."""
        where = f"{self.path.name}: table '{table.name}', row '{row.label}'"
        part = row.over(column, where=where)
        part = dataclasses.replace(part, tasks=part.tasks or (() if part.task else table.tasks))
        if not row.published:
            return dataclasses.replace(part, published={})
        shared = {"paper": self.paper} if self.paper else {}
        return dataclasses.replace(part, published={**shared, **table.published, **part.published})

    def parts(self) -> list[Part]:
        """Every entry of its tables and every point of its figures."""
        entries = [self.entry(t, r, c) for t in self.table for r in t.row for c in t.column]
        return entries + [p for f in self.figure for c in f.curve for p in points(f, c)]


def names() -> list[str]:
    """The experiments that come with the project."""
    return sorted(p.stem for p in FOLDER.glob("*.toml"))


def load(name: str) -> Experiment:
    """Read and validate an experiment by its name, or from a path to a TOML of one's own.

    Raises:
        BenchError: no such experiment, or what is wrong in it: file, key and nearest match.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise unknown("experiment", name, names())
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path.name}: not valid TOML: {error}") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    for reserved in ("name", "path"):
        if reserved in content:
            raise BenchError(f"{path.name}: '{reserved}' is taken from the file's own name")
    experiment = typed(Experiment, content, path.name)
    tables = tuple(
        dataclasses.replace(table, column=_one_metric_each(table.column))
        for table in experiment.table
    )
    experiment = dataclasses.replace(experiment, name=path.stem, path=path, table=tables)
    _validate(experiment)
    return experiment


def _one_metric_each(columns: Iterable[Part]) -> tuple[Part, ...]:
    """The columns, those with several metrics spelled out."""
    return tuple(
        dataclasses.replace(column, metric=metric, metrics=())
        for column in columns
        for metric in (column.metrics or (column.metric,))
    )


def _validate(experiment: Experiment) -> None:
    """Refuse what would otherwise come out in the middle of a run."""
    file = experiment.path.name
    for name, preset in experiment.preset.items():
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS, where=file)
        for method, params in preset.params.items():
            where = f"{file}: preset.{name}.params.{method}"
            registry.get(method, where=where).params(name, params, where=where)
    outputs: list[Table | Figure] = [*experiment.table, *experiment.figure]
    parts = [p for t in experiment.table for p in (*t.row, *t.column)]
    parts += [p for f in experiment.figure for p in f.curve]
    counts = [x.seeds for x in (*outputs, *parts) if x.seeds]
    if any(n < 1 for n in (*counts, *(p.seeds for p in experiment.preset.values()))):
        raise BenchError(f"{file}: seeds must be at least 1")
    names_ = [x.name for x in outputs]
    for name in names_:
        if names_.count(name) > 1:
            raise BenchError(f"{file}: two tables or figures are called '{name}'")
    for table in experiment.table:
        _validate_table(experiment, table)
    for figure in experiment.figure:
        where = f"{file}: figure '{figure.name}'"
        if bool(figure.x.setting) == bool(figure.x.param):
            raise BenchError(f"{where}: x must name either a setting or a param")
        if not figure.x.values:
            raise BenchError(f"{where}: x names no values")
        for curve in figure.curve:
            on = f"{where}, curve '{curve.label}'"
            for point in points(figure, curve, where=on):
                _validate_entry(point, on)


def _validate_table(experiment: Experiment, table: Table) -> None:
    """Refuse a table whose rows or columns cannot be told apart, or do not go together."""
    where = f"{experiment.path.name}: table '{table.name}'"
    labels = [(r.group, r.label) for r in table.row]
    heads = [(c.label, c.metric) for c in table.column]
    if len(set(labels)) < len(labels) or len(set(heads)) < len(heads):
        raise BenchError(f"{where}: two rows or two columns have the same label")
    entries = [(row, experiment.entry(table, row, c)) for row in table.row for c in table.column]
    told = {bool(entry.fact) for _, entry in entries}
    if len(told) > 1 or any(entry.fact and entry.metric for _, entry in entries):
        raise BenchError(f"{where}: tells facts and measures metrics; make two tables of it")
    for row, entry in entries:
        on = f"{where}, row '{row.label}'"
        if not entry.fact:
            _validate_entry(entry, on)
            continue
        for preset in PRESETS:
            facts.tell(entry, preset, where=on)


def _validate_entry(part: Part, where: str) -> None:
    """Refuse unknown names in one entry."""
    if part.metric and not is_metric(part.metric):
        raise unknown("metric", part.metric, METRICS, where=where)
    if part.unit and part.unit not in UNITS:
        raise unknown("unit", part.unit, UNITS, where=where)
    if part.published:
        published.find(part.published, metric=part.metric, where=where)
    if part.task and part.tasks:
        raise BenchError(f"{where}: row and column name both a task and tasks; keep one of them")
    tasks = [get_task(name, where=where) for name in part.all_tasks]
    for task in tasks:
        task.settings(part.setting, where=where)
    if not part.method:
        return
    info = registry.get(part.method, where=where)
    for preset in PRESETS:
        quick = part.quick if preset == "quick" else {}
        info.build(info.params(preset, {**part.params, **quick}, where=where), where=where)
    if not tasks or not part.metric:
        raise BenchError(f"{where}: a method needs a task and a metric, from its row or column")
    for task in tasks:
        if task.kind not in info.kinds:
            raise BenchError(
                f"{where}: method '{part.method}' takes {'/'.join(info.kinds)} tasks, "
                f"'{task.name}' is a {task.kind} task"
            )
    if info.artifact:
        raise BenchError(f"{where}: method '{part.method}' serves other cells and has no score")


def points(figure: Figure, curve: Part, *, where: str = "") -> list[Part]:
    """One part for each value on the figure's axis; `where` is for the error of `Part.over`."""
    found = []
    base = curve.over(Part(task=figure.task, metric=figure.metric), where=where)
    for value in figure.x.values:
        if figure.x.setting:
            setting = {**base.setting, figure.x.setting: value}
            found.append(dataclasses.replace(base, setting=setting))
        else:
            found.append(dataclasses.replace(base, params={**base.params, figure.x.param: value}))
    return found
