"""Where a parameter's value comes from: the layers that `bench.plan.graph` lays over one another.

The method's default, its quick preset, the experiment's preset, then the column (or a figure's
group), the row (or curve), a figure's axis, both parts' `quick`, and the command line's --set.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.errors import BenchError
from bench.method_info import MethodInfo
from bench.plan import meanings
from bench.plan.entry import Entry
from bench.plan.experiment import Experiment, Preset

_LISTED = 6
"""Columns of a row that are named; of more, no further ones."""

_NO_ROW = "in no row: so where --methods adds one, or another cell needs it and says no more"

Layer = tuple[str, Mapping[str, Any]]
"""Where some values come from, and the values."""


@dataclass(frozen=True)
class Value:
    """A parameter as a cell gets it."""

    name: str
    value: Any
    origin: str
    """Such as "default, methods/ccn.py:73" or "row 'CCN'"."""


@dataclass(frozen=True)
class _Use:
    """An entry of a table or figure that a method computes."""

    where: str
    at: str
    """Its column, group or place on the axes; "" where there is none."""
    part: Entry
    layers: tuple[Layer, ...]


def trace(
    info: MethodInfo,
    one: Experiment,
    preset: str,
    task: str = "",
    given: Mapping[str, Any] | None = None,
) -> list[tuple[list[str], list[Value]]]:
    """The parameters of a method in an experiment.

    Args:
        info: The method.
        one: The experiment.
        preset: "quick" or "paper".
        task: Only entries on this task; "": all.
        given: What the command line sets.

    Returns:
        Entries of tables and figures that have the same values from the same places, with those;
        where no entry names the method, what holds before another cell asks for more.

    Raises:
        BenchError: no entry of this method is on the task.
    """
    found: dict[str, tuple[dict[str, list[str]], list[Value]]] = {}
    uses = [u for u in _uses(one, preset) if u.part.method == info.name and u.part.runs]
    base = [*_base(info, one, preset)]
    chosen = [u for u in uses if not task or task in u.part.all_tasks]
    if task and uses and not chosen:
        raise BenchError(f"{one.name} has no entry of {info.name} on {task}")
    for use in chosen or [_Use(_NO_ROW, "", Entry(), ())]:
        layers = [*base, *use.layers, ("command line", given or {})]
        for on in (task,) if task else use.part.all_tasks or ("",):
            values = _values(info, layers, preset, on)
            places, _ = found.setdefault(repr(values), ({}, values))
            places.setdefault(use.where, []).append(use.at)
    return [
        ([_at(where, [*dict.fromkeys(filter(None, at))]) for where, at in places.items()], values)
        for places, values in found.values()
    ]


def _at(where: str, at: list[str]) -> str:
    """A row or curve with its columns, groups or places on the axes; of many, the first."""
    named = ", ".join(at[:_LISTED]) + (", …" if len(at) > _LISTED else "")
    return f"{where}: {named}" if at else where


def _base(info: MethodInfo, one: Experiment, preset: str) -> Iterator[Layer]:
    """What all of a method's entries have in common."""
    for f in dataclasses.fields(info.cls):
        yield f"default, {_declared(info.cls, f.name)}", {f.name: f.default}
    if preset == "quick":
        yield f"quick preset of {info.name}, {_file(info.cls)}", info.quick
    given = one.preset.get(preset, Preset()).params
    yield f"preset.{preset}.params.{info.name} of {one.path.name}", given.get(info.name, {})


def _values(info: MethodInfo, layers: list[Layer], preset: str, task: str) -> list[Value]:
    """Each parameter by the last layer that has it, in the order of the method's fields.

    What a recipe of the method has for the task counts last, as it does when the cell runs.
    """
    overrides = {name: value for _, values in layers for name, value in values.items()}
    params = info.params(preset, overrides)
    origins = {name: origin for origin, values in layers for name in values}
    built = info.build(params).resolved()
    resolved = {name: getattr(built, name) for name in params}
    origins |= {n: "resolved from what is here" for n in params if resolved[n] != params[n]}
    decided = built.decided(task) if task else {}
    origins |= dict.fromkeys(decided, f"the recipe, {_file(info.cls)}")
    resolved |= decided
    return [Value(name, value, origins[name]) for name, value in resolved.items()]


def _uses(one: Experiment, preset: str) -> Iterator[_Use]:
    """Every entry of an experiment, with what its parts say."""
    for table in one.table:
        for row in table.row:
            for column in table.column:
                named = {"column": column, "row": row}
                where = f"table '{table.name}', row '{row.label}'"
                part = one.entry(table, row, column)
                yield _Use(where, column.label, part, tuple(_layers(named, part, preset)))
    for figure in one.figure:
        groups = {group.label: group for group in figure.groups}
        for curve in figure.curve:
            for part, label in figure.entries(curve, preset):
                named = {"group": groups[label]} if label in groups else {}
                named["curve"] = curve
                where = f"figure '{figure.name}', curve '{curve.label}'"
                axes = [axis for axis in (figure.x, figure.y) if axis.key]
                at = label or " ".join(f"{axis.key}={axis.value(part)}" for axis in axes)
                yield _Use(where, at, part, tuple(_layers(named, part, preset)))


def _layers(named: Mapping[str, Entry], part: Entry, preset: str) -> Iterator[Layer]:
    """The params of an entry's parts, then what an axis adds, then their quick values."""
    said: dict[str, Any] = {}
    for what, one in named.items():
        yield f"{what} '{one.label}'", one.params
        said |= one.params
    yield "axis", {k: v for k, v in part.params.items() if k not in said or said[k] != v}
    if preset == "quick":
        for what, one in named.items():
            yield f"quick of {what} '{one.label}'", one.quick


def _declared(cls: type, name: str) -> str:
    """File and line of the class that says a field's default."""
    owner = next(c for c in cls.__mro__ if name in inspect.get_annotations(c))
    return f"{_file(owner)}:{meanings.declared(owner)[name][0]}"


def _file(cls: type) -> str:
    """The file of a class, from the clone's root where it lies there."""
    path = Path(inspect.getfile(cls))
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
