"""Experiments: one TOML a paper, with its tables, figures, presets and published numbers.

bench/experiments/README.md explains the format; `bench.plan.shorthand` spells it out first.

A table's entry is its row and its column laid over one another: either may name the task, the
method, a parameter or the published number, so rows can be methods and columns data sets or the
other way round.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import registry
from bench.errors import BenchError, Unknown, unknown
from bench.files import printable, safe
from bench.plan import FOLDER, published, settings, shorthand
from bench.plan.cell import MOST_SEEDS, PRESETS
from bench.plan.entry import Entry, validate_entry
from bench.plan.figure import Figure
from bench.typed import parsed, typed

_OWN = ("method", "task", "group of tasks")
"""What a plug-in may have registered."""


@dataclass(frozen=True)
class Table:
    """A table: every row with every column."""

    name: str
    caption: str
    row: tuple[Entry, ...]
    column: tuple[Entry, ...]
    published: dict[str, str] = field(default_factory=dict)
    """What the filters of all entries share, such as the table's number."""
    tasks: tuple[str, ...] = ()
    """Those of every entry that names no task of its own."""
    seeds: int = 0
    """0: as the preset says."""
    notes: tuple[str, ...] = ()


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
    """Key of the published numbers: ccn, discovery, supreme, sela, tsp, or one of CSVs in the
    folder `published` beside the file."""
    preset: dict[str, Preset] = field(default_factory=dict)
    table: tuple[Table, ...] = ()
    figure: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    by_name: bool = False
    """`run --all` passes it over: an ablation that costs more than it should there."""
    name: str = ""
    path: Path = Path()

    @property
    def shipped(self) -> bool:
        """Whether it comes with the project."""
        return self.path.parent.resolve() == FOLDER

    @cached_property
    def origin(self) -> dict[str, str]:
        """What the filters of all its published numbers share: the paper, and where CSVs lie."""
        found = {"paper": self.paper, published.BESIDE: published.beside(self.path)}
        return {key: value for key, value in found.items() if value}

    @property
    def methods(self) -> set[str]:
        """Those that rows or columns of its tables name."""
        return {part.method for table in self.table for part in (*table.row, *table.column)}

    def seeds(self, preset: str, own: int = 0) -> int:
        """How many seeds a table or figure with its `own` count runs under a preset."""
        return own or self.preset.get(preset, Preset()).seeds

    def entry(self, table: Table, row: Entry, column: Entry) -> Entry:
        """One entry of a table, with the filter for its published number filled in."""
        where = f"{self.path.name}: table '{table.name}', row '{row.called}'"
        part = row.over(column, where=where)
        part = dataclasses.replace(part, tasks=part.tasks or (() if part.task else table.tasks))
        if not row.published:
            return dataclasses.replace(part, published={})
        return dataclasses.replace(
            part, published={**self.origin, **table.published, **part.published}
        )

    def entries(self) -> list[Entry]:
        """Every entry of its tables and of its figures, under any preset."""
        found = [self.entry(t, r, c) for t in self.table for r in t.row for c in t.column]
        return found + [p for f in self.figure for c in f.curve for p in f.every_entry(c)]


def names() -> list[str]:
    """The experiments that come with the project."""
    return sorted(p.stem for p in FOLDER.glob("*.toml"))


def _unknown(name: str) -> BenchError:
    """The error for a name that no experiment has; it may be one of another kind."""
    from bench.datasets import tasks  # of no use to most commands, which know what they name

    if registry.known(name):
        return BenchError(f"'{name}' is a method: name an experiment, and --methods {name}")
    if name in tasks():
        return BenchError(f"'{name}' is a task: name an experiment, and --tasks {name}")
    if Path(name).is_file():
        return BenchError(f"{name} is no experiment: the name of its file ends in .toml")
    if Path(f"{name}.toml").is_file():
        return BenchError(f"unknown experiment '{name}': did you mean the file {name}.toml?")
    return unknown("experiment", name, names())


def load(name: str) -> Experiment:
    """Read and validate an experiment by its name, or from a path to a TOML of one's own.

    Raises:
        BenchError: no such experiment, or what is wrong in it: file, key and nearest match.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise _unknown(name)
    try:
        content = parsed(path.read_bytes().decode("utf-8-sig"))  # as Notepad writes it
    except ValueError as error:
        raise BenchError(f"{path.name}: not valid TOML: {error}") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    if (shown := printable(path.stem)) != path.stem:
        raise BenchError(f"{shown}.toml: its name is that of the experiment: rename the file")
    for reserved in ("name", "path"):
        if reserved in content:
            raise BenchError(f"{path.name}: '{reserved}' is taken from the file's own name")
    try:
        return _made(content, path)
    except Unknown as error:
        if path.parent == FOLDER or error.what not in _OWN:
            raise
        raise BenchError(f"{error} (your own: name its folder with --plugins)") from error


def _made(content: dict[str, Any], path: Path) -> Experiment:
    """The experiment that a file's content spells out; raises BenchError as `load`."""
    known = {
        kind: [f.name for f in dataclasses.fields(cls)]
        for kind, cls in (("table", Table), ("figure", Figure))
    }
    content = shorthand.spelled_out(content, path.name, known, published.beside(path))
    experiment = dataclasses.replace(typed(Experiment, content, path.name), path=path)
    figures = tuple(
        dataclasses.replace(figure, published={**experiment.origin, **figure.published})
        for figure in experiment.figure
    )
    experiment = dataclasses.replace(experiment, name=path.stem, figure=figures)
    _validate(experiment)
    return experiment


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
    parts += [p for f in experiment.figure for p in (*f.curve, *f.group)]
    counts = [x.seeds for x in (*outputs, *parts) if x.seeds]
    for n in (*counts, *(p.seeds for p in experiment.preset.values())):
        if n < 1:
            raise BenchError(f"{file}: seeds must be at least 1")
        if n > MOST_SEEDS:
            raise BenchError(f"{file}: seeds = {n} are more than {MOST_SEEDS}, the most")
    names_ = [x.name for x in outputs]
    for name in names_:
        if names_.count(name) > 1:
            raise BenchError(f"{file}: two tables or figures are called '{name}'")
    refuse_one_place([experiment])
    for table in experiment.table:
        _validate_table(experiment, table)
    for figure in experiment.figure:
        figure.validate(f"{file}: figure '{figure.name}'")


def refuse_one_place(experiments: Sequence[Experiment]) -> None:
    """Refuse experiments of which one's tables or figures would be written over another's.

    Raises:
        BenchError: names both.
    """
    names_, by_file = [one.name for one in experiments], dict[str, str]()
    for one in experiments:
        if names_.count(one.name) > 1:
            raise BenchError(f"two experiments are called '{one.name}': rename {one.path}")
        for kind in ("table", "figure"):
            for part in getattr(one, kind):
                named = f"{kind} '{part.name}' of {one.name}"
                other = by_file.setdefault(f"{kind} {safe(f'{one.name}-{part.name}-x')}", named)
                if other != named:
                    raise BenchError(
                        f"{other} and {named} would be one file, whose name keeps the letters a to "
                        "z, digits, dots and hyphens alone: rename one of them"
                    )


def _refuse_alike(lines: Sequence[tuple[str, str]], what: str) -> None:
    """Refuse rows or columns that readers, and a reference, could not tell apart.

    Args:
        lines: Group or metric, and label.
        what: Of whom it is said.

    Raises:
        BenchError: names what two of them are called.
    """
    for above, label in (line for line, count in Counter(lines).items() if count > 1):
        called = f"are called '{label}'" if label else "have no label"
        raise BenchError(f"{what}{f' of {above}' if above else ''} {called}: label them apart")


def _validate_table(experiment: Experiment, table: Table) -> None:
    """Refuse a table whose rows or columns cannot be told apart, or do not go together."""
    where = f"{experiment.path.name}: table '{table.name}'"
    _refuse_alike([(r.group, r.label) for r in table.row], f"{where}: two rows")
    _refuse_alike([(c.metric, c.label) for c in table.column], f"{where}: two columns")
    entries = [(row, experiment.entry(table, row, c)) for row in table.row for c in table.column]
    told = {bool(entry.fact) for _, entry in entries}
    if len(told) > 1 or any(entry.fact and entry.metric for _, entry in entries):
        raise BenchError(
            f"{where}: some entries name a fact, others a metric; make two tables of it"
        )
    for row, entry in entries:
        on = f"{where}, row '{row.called}'"
        if not entry.fact:
            validate_entry(entry, on)
            continue
        for preset in PRESETS:
            settings.tell(entry, preset, where=on)
