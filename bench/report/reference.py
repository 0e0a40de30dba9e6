"""Whether results moved: measured means against those kept in `results/reference`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import SHIPPED
from bench.errors import BenchError
from bench.files import replace, safe
from bench.plan.slot import Slot
from bench.score import statistics
from bench.score.metric_names import is_count
from bench.score.statistics import Summary
from bench.store import code, record
from bench.store.states import Results, measured

FOLDER = SHIPPED / "results" / "reference"
Verdict = Literal["ok", "moved", "stale", "missing", "new", "unavailable"]
_COLUMNS = (
    "name",
    "group",
    "row",
    "column",
    "x",
    "metric",
    "mean",
    "std",
    "n",
    "values",
    "seconds",
    "code",
    "data",
)


@dataclass(frozen=True)
class Comparison:
    """One number against its reference."""

    experiment: str
    preset: str
    name: str
    """Of the table or figure."""
    row: str
    column: str
    metric: str
    reference: float | None
    measured: float | None
    difference: float | None
    tolerance: float | None
    n: int
    verdict: Verdict
    """ok; moved beyond the tolerance; stale: other code measured it; missing: seeds are lacking
    or failed that the reference has; new: the reference does not know it; unavailable: the data
    are not here."""


def path_of(experiment: str, preset: str, folder: Path = FOLDER) -> Path:
    """Where an experiment's reference lies."""
    return folder / f"{experiment}-{safe(preset)}.csv"


def compare_all(results: Results, folder: Path = FOLDER) -> list[Comparison]:
    """Every number of a plan's experiments that has a reference, or should.

    The tolerance follows from the spread over seeds of both sides, and holds family-wise: under
    no change, one number among all of them is flagged in one of twenty checks.

    Raises:
        BenchError: a reference file cannot be read.
    """
    references: dict[tuple[str, ...], Summary] = {}
    plan = results.plan
    for one in plan.experiments:
        path = path_of(one.name, plan.shown, folder)
        if path.exists():
            references |= {(one.name, *key): s for key, s in _read(path).items()}
    known, family = {one for one, *_ in references}, len(references)
    slots = [s for s in plan.slots if s.experiment in known and s.entry.scored]
    # What no cell of the plan could ever have, such as a probe of a block that is not there.
    slots = [
        s for s in slots if (s.experiment, *_key(s)) in references or not _undefined(s, results)
    ]
    found = [
        _compare(
            slot,
            references.pop((slot.experiment, *_key(slot)), None),
            results,
            family=family,
        )
        for slot in slots
    ]
    # What is left has lost its row or column: a number that is no longer measured.
    left = {} if plan.filtered else references
    return found + [
        Comparison(
            experiment,
            plan.shown,
            name,
            row,
            column or x,
            metric,
            reference=gone.mean,
            measured=None,
            difference=None,
            tolerance=None,
            n=0,
            verdict="missing",
        )
        for (experiment, name, _, row, column, x, metric), gone in left.items()
    ]


def _compare(
    slot: Slot,
    reference: Summary | None,
    results: Results,
    *,
    family: int,
) -> Comparison:
    """One slot against its reference."""
    values, states = measured(slot, results)
    summary = statistics.summarise([values[s] for s in sorted(values)])
    difference = tolerance = None
    verdict: Verdict = "new" if reference is None else "missing"
    if reference is not None and summary.n and reference.mean is not None:
        counted = is_count(slot.entry.metric)
        floor = statistics.COUNT_FLOOR if counted else statistics.FRACTION_FLOOR
        drift = statistics.drift(reference, summary, family=family, floor=floor)
        difference, tolerance = drift.difference, drift.tolerance
        if drift.moved:
            verdict = "moved"
        elif states["stale"]:
            verdict = "stale"
        elif summary.n >= min(reference.n, len(slot.cells)):
            verdict = "ok"
    elif states and not states.keys() - {"unavailable"}:
        verdict = "unavailable"
    name, _, row, column, x, metric = _key(slot)
    return Comparison(
        slot.experiment,
        results.plan.shown,
        name,
        row,
        column or x,
        metric,
        reference.mean if reference else None,
        summary.mean,
        difference,
        tolerance,
        summary.n,
        verdict,
    )


def left_out(results: Results) -> list[str]:
    """Numbers of no reference: their cells are done, and none of them has such a metric."""
    scored = [s for s in results.plan.slots if s.entry.scored and _undefined(s, results)]
    return [f"{s.experiment} {s.name}: {s.entry.label}, {s.entry.metric}" for s in scored]


def _undefined(slot: Slot, results: Results) -> bool:
    """Whether its cells are there and none of them has such a metric."""
    return set(measured(slot, results)[1]) == {"undefined"}


def _key(slot: Slot) -> tuple[str, ...]:
    """What names a number within an experiment: the first six columns of the file."""
    part = slot.entry
    x = "" if slot.column else json.dumps({**part.params, **part.setting}, sort_keys=True)
    return slot.name, part.group, part.label, slot.column, x, part.metric


def values_of_seed(results: Results, seed: int) -> dict[tuple[str, ...], float]:
    """Every number that one seed has, by what names it within its experiment's file."""
    found = {}
    for slot in results.plan.slots:
        values, _ = measured(slot, results)
        if slot.entry.scored and seed in values:
            found[_key(slot)] = values[seed]
    return found


def _read(path: Path) -> dict[tuple[str, ...], Summary]:
    """The numbers of one reference file.

    Raises:
        BenchError: a line cannot be read; names file and line.
    """
    found: dict[tuple[str, ...], Summary] = {}
    number = 1
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                number += 1
                key = tuple(line[c] for c in _COLUMNS[:6])
                values = [float(v.split(":")[1]) for v in line["values"].split(";")]
                found[key] = statistics.summarise(values)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise BenchError(f"{path.name} line {number}: damaged: {error}") from error
    return found


def update(results: Results, folder: Path = FOLDER) -> list[Path]:
    """Make the measured numbers the new reference, with what they were measured on.

    Raises:
        BenchError: a cell is stale, missing or failed: a reference must be whole and of one code.
    """
    written: list[Path] = []
    for one in results.plan.experiments:
        slots = [s for s in results.plan.slots if s.experiment == one.name and s.entry.scored]
        slots = [s for s in slots if not _unavailable(s, results)]
        wrong = {results.states[k] for s in slots for k in _cells(s)} - {"done"}
        slots = [s for s in slots if not _undefined(s, results)]
        if wrong:
            raise BenchError(
                f"{one.name}: some cells are {' and '.join(sorted(wrong))}; "
                "a reference is made of done cells alone"
            )
        if slots:
            written += _write(one.name, slots, results, folder)
    return written


def _write(name: str, slots: Iterable[Slot], results: Results, folder: Path) -> list[Path]:
    """An experiment's reference: the numbers as CSV, their provenance as JSON beside it."""
    plan, records = results.plan, results.records
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    used: set[str] = set()
    for slot in slots:
        values, _ = measured(slot, results)
        summary = statistics.summarise([values[s] for s in sorted(values)])
        keys = _cells(slot)
        used |= set(keys)
        seconds = (
            statistics.summarise([records[k].wall_seconds / records[k].group for k in keys]).mean
            or 0.0
        )
        writer.writerow(
            (
                *_key(slot),
                repr(summary.mean),
                "" if summary.std is None else repr(summary.std),
                summary.n,
                ";".join(f"{s}:{values[s]!r}" for s in sorted(values)),
                f"{seconds:.2f}",
                code.of_cell(plan.cells[keys[0]]),
                plan.cells[keys[0]].data,
            )
        )
    used |= {needed for key in used for _, needed in plan.cells[key].needs}
    mine = [records[k] for k in used]
    provenance = {
        "experiment": name,
        "preset": plan.shown,
        "measured": f"{min(r.started for r in mine)} to {max(r.started for r in mine)}",
        "seeds": sorted({plan.cells[k].seed for k in used}),
        "cells": len(used),
        "cpu_seconds": round(sum(r.cpu_seconds / r.group for r in mine)),
        "hardware": sorted({r.hardware for r in mine}),
        "versions": [dict(v) for v in sorted({tuple(sorted(r.versions.items())) for r in mine})],
        "commits": sorted({r.commit + ("+" if r.dirty else "") for r in mine}),
        "record_layout": record.VERSION,
    }
    path = path_of(name, plan.shown, folder)
    return [
        replace(path, text.getvalue().encode()),
        replace(path.with_suffix(".json"), (json.dumps(provenance, indent=1) + "\n").encode()),
    ]


def _unavailable(slot: Slot, results: Results) -> bool:
    """Whether each seed lacks a cell for want of data: its own, or the probe's of its network."""
    seeds = slot.cells.values()
    return all(any(results.states[key] == "unavailable" for key in keys) for keys in seeds)


def _cells(slot: Slot) -> list[str]:
    return [key for keys in slot.cells.values() for key in keys]
