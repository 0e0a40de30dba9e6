"""A sweep over values of one parameter, as an experiment file of a table and a curve."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import registry
from bench.datasets import get_task, tasks
from bench.errors import BenchError, unknown
from bench.files import safe
from bench.plan import experiment, given
from bench.plan.cell import MOST_SEEDS, PRESETS
from bench.plan.entry import Entry
from bench.plan.experiment import Experiment, Preset
from bench.plan.slot import extra_rows
from bench.score import metric_names
from bench.typed import parsed

METRICS = {"cluster": ("ACC", "NMI"), "adapt": ("accuracy",)}
"""Kind of task -> the metrics of its sweep, unless others are named."""
_SEAL = "# as `bench sweep` wrote it, SHA-256 "
_OF_NEEDED = (
    "; a sweep varies what rows say, and `run --set` a parameter of what they need, one value a run"
)
_DECADES = 30
"""From this ratio of the largest value to the smallest on, the axis is logarithmic."""


@dataclass(frozen=True)
class Sweep:
    """What is swept, and where."""

    method: str
    param: str
    values: tuple[Any, ...]
    where: str
    """A task, an experiment, or a path to a TOML."""
    columns: tuple[dict[str, Any], ...]
    """Of the table: each a task and a metric, with what the experiment says of them."""
    presets: Mapping[str, Preset]

    @property
    def place(self) -> str:
        """What readers call where it is: a TOML by its name, wherever it lies."""
        return Path(self.where).stem if self.where.endswith(".toml") else self.where

    @property
    def name(self) -> str:
        """Of the experiment, and so of its files."""
        return safe(f"sweep-{self.method}.{self.param}-{self.place}")


def read(text: str, where: str, metrics: Sequence[str] = ()) -> Sweep:
    """What the words of `bench sweep` ask for.

    Args:
        text: "METHOD.PARAM=V1,V2,…".
        where: A task, or an experiment that has or takes the method.
        metrics: In place of the usual ones of the task, or to choose of the experiment's.

    Raises:
        BenchError: a name is unknown, a value cannot be, or there is nothing to sweep there.
    """
    method, param, listed = given.parted(text, "sweep")
    values = _values(method, param, listed)
    for metric in metrics:
        if not metric_names.is_metric(metric):
            raise unknown("metric", metric, metric_names.METRICS, where="--metrics")
    if where in tasks():
        columns, presets = _of_task(where, method, metrics), {p: Preset() for p in PRESETS}
    elif where.endswith(".toml") or where in experiment.names():
        one = experiment.load(where)
        columns, presets = _of_experiment(one, method, param, metrics), one.preset
    else:
        known = (*experiment.names(), *tasks())
        by = "`python -m bench list` with `experiments` and with `tasks`"
        raise unknown("task or experiment", where, known, where="sweep", named_by=by)
    return Sweep(method, param, values, where, tuple(columns), presets)


def _values(method: str, param: str, listed: str) -> tuple[Any, ...]:
    """The values, each of the parameter's type and in its range."""
    try:
        texts = [given.toml(value) for value in parsed(f"x = [{listed}]")["x"]]
    except ValueError:
        texts = [word.strip() for word in listed.split(",")]
    values = [given.checked(method, param, text, "sweep") for text in texts]
    if len({repr(v) for v in values}) < len(values) or len(values) < 2:
        raise BenchError(f"sweep {method}.{param}={listed}: name two or more values, each once")
    if len(values) > MOST_SEEDS:
        raise BenchError(f"sweep: {len(values)} values are more than {MOST_SEEDS}, the most")
    return tuple(values)


def _of_task(task: str, method: str, metrics: Sequence[str]) -> list[dict[str, Any]]:
    kinds, kind = registry.get(method).kinds, get_task(task).kind
    if kinds and kind not in kinds:
        raise BenchError(
            f"sweep: method '{method}' takes {'/'.join(kinds)} tasks, '{task}' is a {kind} task"
            f"{_OF_NEEDED}"
        )
    chosen = metrics or METRICS.get(get_task(task).kind, ())
    if not chosen:
        raise BenchError(f"sweep: say --metrics, since '{task}' is a {get_task(task).kind} task")
    return [{"label": task, "task": task, "metric": metric} for metric in chosen]


def _of_experiment(
    one: Experiment, method: str, param: str, metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """A column for each entry of the method in the experiment's tables, alike ones once.

    A method that no table of it has takes a row of those that it fits, as with `--methods`.
    """
    found: dict[str, dict[str, Any]] = {}
    for table in one.table:
        for row in (*table.row, *extra_rows(one, table, [method])):
            for column in table.column:
                part = one.entry(table, row, column)
                if part.method != method or not part.scored:
                    continue
                if metrics and part.metric not in metrics:
                    continue
                said = _said(part, param)
                label = ", ".join(dict.fromkeys(filter(None, (row.label, column.label))))
                found.setdefault(repr(said), {"label": label, "table": table.name, **said})
    if not found:
        by = f" by {' or '.join(metrics)}" if metrics else ""
        raise BenchError(
            f"sweep: no table of {one.name} has or takes a row of '{method}'{by}{_OF_NEEDED}"
        )
    heads = [(one["label"], one["metric"]) for one in found.values()]
    for head, entry in zip(heads, found.values(), strict=True):
        name = entry.pop("table")
        if heads.count(head) > 1:
            entry["label"] = f"{name}: {entry['label']}"
    return list(found.values())


def _said(part: Entry, param: str) -> dict[str, Any]:
    """What an entry says but for the parameter that is swept."""
    kept = ("setting", "metric", "gain_over", "unit", "probe", "seeds")
    said = {name: getattr(part, name) for name in kept}
    said |= {"task": part.task} if part.task else {"tasks": part.tasks}
    for name in ("params", "quick"):
        said[name] = {k: v for k, v in getattr(part, name).items() if k != param}
    return {name: value for name, value in said.items() if value}


def written(sweep: Sweep) -> str:
    """The experiment as TOML: rows are values, and a curve a column of the first metric."""
    name, where = f"{sweep.method}.{sweep.param}", sweep.place
    lines = [f"title = {given.toml(f'Sweep of {name} on {where}')}"]
    for preset, one in sweep.presets.items():
        lines += [f"[preset.{preset}]", f"seeds = {one.seeds}"]
        lines += [f"params = {given.toml(one.params)}"] if one.params else []
    lines += ["[[table]]", 'name = "values"']
    lines += [f"caption = {given.toml(f'Values of {name} on {where}.')}"]
    for column in sweep.columns:
        lines += ["[[table.column]]", *_pairs(column)]
    for value in sweep.values:
        row = {"label": f"{sweep.param} = {given.word(value)}", "method": sweep.method}
        lines += ["[[table.row]]", *_pairs({**row, "params": {sweep.param: value}})]
    metric = sweep.columns[0]["metric"]
    curves = [c for c in sweep.columns if c["metric"] == metric and "task" in c]
    if curves and all(isinstance(v, (bool, int, float, str)) for v in sweep.values):
        lines += _figure(sweep, metric, curves)
    return "\n".join([*lines, ""])


def sealed(text: str) -> str:
    """A sweep's TOML with a first line by which it is known again as nobody has changed it."""
    return f"{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def is_sealed(text: str) -> bool:
    """Whether a file is what `sealed` made, of whatever sweep."""
    return text == sealed(text.partition("\n")[2])


def _figure(sweep: Sweep, metric: str, curves: Iterable[dict[str, Any]]) -> list[str]:
    name = f"{sweep.method}.{sweep.param}"
    axis = {"label": name, "param": sweep.param, "values": sweep.values, "log": _log(sweep.values)}
    head = {"name": "curve", "caption": f"{metric} by {name}.", "metric": metric, "x": axis}
    lines = ["[[figure]]", *_pairs(head)]
    for curve in curves:
        own = {k: v for k, v in curve.items() if k not in ("metric", "unit")}
        lines += ["[[figure.curve]]", *_pairs({**own, "method": sweep.method})]
    return lines


def _log(values: Sequence[Any]) -> bool:
    """Whether the values span so much that equal steps would hide most of them."""
    numbers = [v for v in values if type(v) in (int, float) and v > 0]
    return len(numbers) == len(values) and max(numbers) >= _DECADES * min(numbers)


def _pairs(content: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {given.toml(value)}" for key, value in content.items()]
