"""The numbers that results are held against: where they are, and what they were measured with.

A reference is two files: `NAME-PRESET.csv` has a line a number with the value of each seed at full
precision, `NAME-PRESET.json` what they were measured on (of several updates, the one that the
column `update` counts), what their cells compute (which the column `cells` names) and why they
took the place of others (`bench.report.renewing` writes both). Those of the experiments that come
with the project lie in `results/reference` of the clone, those of an experiment of one's own in
the folder `reference` beside its TOML.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from bench import SHIPPED
from bench.errors import BenchError
from bench.files import content, safe
from bench.plan.experiment import Experiment
from bench.plan.planned import Plan
from bench.plan.slot import Slot
from bench.report import identities, seals
from bench.report.identities import Identity
from bench.score import metric_names, statistics
from bench.store.states import Results, measured

FOLDER = SHIPPED / "results" / "reference"
MOST_BYTES = 1 << 26
Key = tuple[str, str, str, str, str, str]
COLUMNS = (
    "name", "group", "row", "column", "x", "metric",
    "mean", "std", "n", "values", "seconds", "cells", "code", "data", "update",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """What a number was measured with; a set is empty where nobody wrote it down."""

    code: Mapping[str, str] = field(default_factory=dict)
    """Method -> fingerprint of its code, of a number's cells and of all that they need; in older
    references that of the first cell alone, under ""."""
    data: frozenset[str] = frozenset()
    versions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Library -> its versions."""
    hardware: frozenset[str] = frozenset()
    identities: tuple[Identity, ...] | None = None
    """What its cells compute, in the order of a slot's; None where nobody wrote it down."""


@dataclass(frozen=True)
class Number:
    """One number of a table or figure."""

    values: Mapping[int, float]
    """Seed -> value, of one seed at least."""
    origin: Origin


def path_of(one: Experiment, preset: str, folder: Path | None = None) -> Path:
    """Where an experiment's numbers lie; `folder` in place of where they belong."""
    place = FOLDER if one.shipped else one.path.parent / "reference"
    return (folder or place) / f"{one.name}-{safe(preset)}.csv"


def nearest(one: Experiment, plan: Plan, folder: Path | None = None) -> Path:
    """Where the numbers lie that an experiment's are held against.

    A GPU's have a reference of their own where there is one, and else that of a CPU.
    """
    own = path_of(one, plan.shown, folder)
    return own if own.exists() else path_of(one, plan.shown_on_cpu, folder)


def key_of(slot: Slot) -> Key:
    """What names a number within an experiment: the first six columns of the file."""
    part = slot.entry
    x = "" if slot.column else json.dumps({**part.params, **part.setting}, sort_keys=True)
    return slot.name, part.group, part.label, slot.column, x, part.metric


def read(path: Path) -> dict[Key, Number]:
    """The numbers of one reference; none where there is no file.

    Raises:
        BenchError: a file cannot be read or was altered; names file and line.
    """
    beside = path.with_suffix(".json")
    if not os.path.lexists(path) and not os.path.lexists(beside):
        return {}
    found: dict[Key, Number] = {}
    number = 1
    try:
        text = content(path, MOST_BYTES).decode()
        updates, known = _noted(beside, text)
        every = _all(updates)
        for key, line in lines(text):
            number += 1
            values = _values(line["values"], float(line["mean"]), key[-1])
            if key in found:
                raise ValueError("this number stands there twice")
            told = updates[int(line["update"])] if line.get("update") else every
            cells = _identities(line.get("cells") or "", known)
            origin = dataclasses.replace(
                told,
                code=codes(line.get("code") or ""),
                data=frozenset({line.get("data") or ""} - {""}),
                identities=cells,
            )
            found[key] = Number(values, origin)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise BenchError(f"{path}: cannot be read: {why}") from error
    except (ArithmeticError, AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise BenchError(f"{path.name} line {number}: damaged: {error}") from error
    return found


def lines(text: str) -> Iterator[tuple[Key, dict[str, str]]]:
    """The numbers of a reference's CSV: what names each, and its columns."""
    for line in csv.DictReader(io.StringIO(text, newline="")):
        name, group, row, column, x, metric = (line[c] for c in COLUMNS[:6])
        yield (name, group, row, column, x, metric), line


def _values(text: str, mean: float, metric: str) -> dict[int, float]:
    """Seed -> value from "0:0.5;1:0.25", which must have the mean that stands beside them."""
    values: dict[int, float] = {}
    for item in text.split(";"):
        seed, value = item.split(":")
        if int(seed) in values:
            raise ValueError(f"seed {seed} stands there twice")
        values[int(seed)] = float(value)
        if not metric_names.in_range(metric, values[int(seed)]):
            raise ValueError(f"{metric} = {value} is no result")
    found = statistics.summarise(list(values.values())).mean
    if found is None or not abs(found - mean) <= statistics.ROUNDING:
        raise ValueError(f"its values have the mean {found}, not {mean}")
    return values


def _identities(cells: str, known: Mapping[str, Any]) -> tuple[Identity, ...] | None:
    """What the cells of a line compute; None in a reference from before that was written down."""
    if not cells or not known:
        return None
    return tuple(identities.named(key, known) for key in cells.split(";"))


def codes(text: str) -> dict[str, str]:
    """Method -> fingerprint, from "kmeans:5f6d;pretrain:01a2"."""
    pairs = (item.rpartition(":") for item in text.split(";") if item)
    return {method: fingerprint for method, _, fingerprint in pairs}


def _noted(path: Path, numbers: str) -> tuple[list[Origin], dict[str, Any]]:
    """Versions and hardware of each update, and by their keys what the cells compute.

    Raises:
        BenchError: the file is damaged or lacking, or the numbers are not those beside it.
    """
    try:
        told = json.loads(content(path, MOST_BYTES).decode())
        seals.check(told, numbers)
        updates = [_of_update(part) for part in (told, *told.get("kept", ()))]
        return updates, dict(told.get("identities", {}))
    except FileNotFoundError as error:
        if "cells" in numbers.partition("\n")[0].split(","):
            raise BenchError(f"{path.name} is not there, and its CSV needs it") from error
        return [], {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BenchError(f"{path.name}: damaged: {error!r}") from error


def _of_update(told: Mapping[str, Any]) -> Origin:
    """What the numbers of one update were measured on."""
    versions: dict[str, set[str]] = {}
    for library, version in chain.from_iterable(one.items() for one in told["versions"]):
        versions.setdefault(library, set()).add(str(version))
    return Origin(
        versions={library: frozenset(found) for library, found in versions.items()},
        hardware=frozenset(map(str, told["hardware"])),
    )


def _all(updates: Iterable[Origin]) -> Origin:
    """What numbers were measured on of which nobody wrote down in which update."""
    versions: dict[str, frozenset[str]] = {}
    for library, found in chain.from_iterable(one.versions.items() for one in updates):
        versions[library] = versions.get(library, frozenset()) | found
    return Origin(versions=versions, hardware=frozenset().union(*(u.hardware for u in updates)))


def of_results(results: Results) -> dict[tuple[str, Key], Number]:
    """Experiment and key -> every number that the results have, to hold other results against."""
    found: dict[tuple[str, Key], Number] = {}
    for slot in results.plan.slots:
        values = measured(slot, results)[0] if slot.entry.scored else {}
        if values:
            found[slot.experiment, key_of(slot)] = Number(values, origin(slot, results))
    return found


def values_of_seed(results: Results, seed: int) -> dict[Key, float]:
    """Every number that one seed has, by what names it within its experiment's file."""
    found = {}
    for slot in results.plan.slots:
        values, _ = measured(slot, results)
        if slot.entry.scored and seed in values:
            found[key_of(slot)] = values[seed]
    return found


def origin(slot: Slot, results: Results) -> Origin:
    """What a slot's cells were measured with, those that they need among them."""
    keys = slot.keys
    own = [results.records[k] for k in keys if k in results.records]
    used = sorted(results.plan.closure(keys) & results.records.keys())
    every = [results.records[k] for k in used]
    libraries = {name for r in every for name in r.versions}
    return Origin(
        code={r.cell["method"]: r.code for r in (*every, *own[:1])},
        data=frozenset(str(r.cell.get("data", "")) for r in own[:1]),
        versions={n: frozenset(r.versions.get(n, "none") for r in every) for n in libraries},
        hardware=frozenset(r.hardware for r in every),
        identities=identities.of_slot(slot, results),
    )


def left_out(results: Results) -> list[str]:
    """Numbers of no reference: their cells are done, and none of them has such a metric."""
    scored = [s for s in results.plan.slots if s.entry.scored and undefined(s, results)]
    return [f"{s.experiment} {s.name}: {s.entry.label}, {s.entry.metric}" for s in scored]


def undefined(slot: Slot, results: Results) -> bool:
    """Whether its cells are there and none of them has such a metric."""
    return set(measured(slot, results)[1]) == {"undefined"}


def unavailable(slot: Slot, results: Results) -> bool:
    """Whether each seed lacks a cell for want of data: its own, or the probe's of its network."""
    seeds = slot.cells.values()
    return all(any(results.states[key] == "unavailable" for key in keys) for keys in seeds)
