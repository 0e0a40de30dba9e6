"""What stands at each place of an experiment's tables and figures, settled before anything runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench import registry
from bench.datasets import get_task
from bench.plan import published, settings
from bench.plan.entry import Entry
from bench.plan.experiment import Experiment, Preset, Table
from bench.plan.published import Published
from bench.score.metric_names import METRICS, is_count
from bench.score.statistics import Unit


@dataclass
class Slot:
    """An entry of a table or a point of a figure: what is shown there, and of which cells."""

    experiment: str
    name: str
    """The table or figure."""
    entry: Entry
    column: str
    """Label of the column, or of the group of bars; "" in other figures."""
    unit: Unit = "percent"
    """How its number is shown; it is a fraction in either case, except "count"."""
    published: Published | None = None
    oracle: bool = False
    """Its method sees the target's labels: marked, and left out of the ranking."""
    higher_is_better: bool | None = True
    """None: neither direction is; the nearer to `ideal` the better."""
    ideal: float | None = None
    """The target's number of classes, which NDC should be near; the mean over several tasks."""
    words: str = ""
    """What stands there in place of numbers."""
    seeds: int = 0
    """How many the experiment asks for."""
    alone: bool = False
    """One cell is shown, of the first seed, and no mean."""
    cells: dict[int, list[str]] = field(default_factory=dict)
    """Seed -> keys: of each task the method's cell and, for represent tasks, its probe's; then the
    same of the method that a gain is over. None where no method exists."""

    @property
    def keys(self) -> list[str]:
        """Keys of all its cells, seed by seed."""
        return [key for keys in self.cells.values() for key in keys]

    @property
    def line(self) -> tuple[str, str]:
        """What names its row in a table: the heading above it and its label."""
        return self.entry.group, self.entry.label

    @property
    def head(self) -> tuple[str, str]:
        """What names its column in a table: label and metric."""
        return self.column, self.entry.metric


def slots(one: Experiment, preset: str, extra: Iterable[str] = ()) -> Iterator[Slot]:
    """Every entry and point of an experiment, in the order of its file, without its cells.

    Args:
        one: The experiment.
        preset: Decides the grids of figures, and whose parameters are said in words.
        extra: Of these methods, each that no table has becomes a row of the tables that it fits.

    Raises:
        BenchError: a name in an entry is unknown, or its filter fits several published numbers.
    """
    for table in one.table:
        for row in (*table.row, *extra_rows(one, table, extra)):
            for column in table.column:
                entry = one.entry(table, row, column)
                slot = _settled(one, table.name, entry, column.label, preset)
                slot.seeds = one.seeds(preset, entry.seeds or table.seeds)
                yield slot
    for figure in one.figure:
        for curve in figure.curve:
            for entry, group in figure.entries(curve, preset):
                slot = _settled(one, figure.name, entry, group, preset)
                slot.seeds = one.seeds(preset, entry.seeds or figure.seeds)
                slot.alone = figure.of_one_cell
                yield slot


def _settled(one: Experiment, name: str, entry: Entry, column: str, preset: str) -> Slot:
    """The slot of one entry: row and column laid over one another, or a point of a figure."""
    if entry.fact:
        words = _words(one, name, entry, preset)
        return Slot(one.name, name, entry, column, unit="count", words=words)
    metric = METRICS.get(entry.metric)
    counts = [get_task(task).n_clusters for task in entry.all_tasks]
    printed = None
    if entry.published:
        printed = published.find(entry.published, metric=entry.metric, where=name)
    return Slot(
        one.name,
        name,
        entry,
        column,
        unit=entry.unit or ("count" if is_count(entry.metric) else "percent"),  # type: ignore[arg-type]
        published=printed,
        oracle=bool(entry.method) and registry.get(entry.method).uses_target_labels,
        higher_is_better=metric.higher_is_better if metric else True,
        ideal=sum(counts) / len(counts) if counts else None,
    )


def _words(one: Experiment, name: str, entry: Entry, preset: str) -> str:
    """What an entry of a table of settings says, with the parameters that the preset would run."""
    own = one.preset.get(preset, Preset()).params.get(entry.method, {})
    params = {**own, **entry.params, **(entry.quick if preset == "quick" else {})}
    return settings.tell(dataclasses.replace(entry, params=params), preset, where=name)


def extra_rows(one: Experiment, table: Table, methods: Iterable[str]) -> list[Entry]:
    """A row for each method that the experiment does not know but the table could take.

    It clusters, or whatever its kind is, each column's tasks, and knows what columns set.
    """
    known, extra = one.methods, []
    for name in methods:
        info = registry.get(name)
        params = {field.name for field in dataclasses.fields(info.cls)}
        tasks = [() if c.method else c.all_tasks or table.tasks for c in table.column]
        fits = all(some and all(get_task(t).kind in info.kinds for t in some) for some in tasks)
        fits = fits and all({*c.params, *c.quick} <= params for c in table.column)
        if name not in known and fits:
            extra.append(Entry(label=name, method=name))
    return extra


def by_label(slots: Iterable[Slot]) -> dict[str, list[Slot]]:
    """The slots of each curve, panel or method of a figure, in the order of the file."""
    found: dict[str, list[Slot]] = {}
    for slot in slots:
        found.setdefault(slot.entry.label, []).append(slot)
    return found
