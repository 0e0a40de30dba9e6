"""Writing a reference: measured numbers take the place of those that results were held against."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError
from bench.files import content, replace
from bench.plan.experiment import Experiment
from bench.plan.slot import Slot
from bench.report import identities, seals
from bench.report.reference import (
    COLUMNS,
    MOST_BYTES,
    Key,
    Number,
    key_of,
    lines,
    path_of,
    read,
    unavailable,
    undefined,
)
from bench.score import statistics
from bench.store import code, record
from bench.store.states import Results, measured

Others = Literal["refuse", "keep", "drop"]
"""What becomes of a reference's numbers that were not measured now."""
_OF_FILE = ("kept", "identities", "sha256", "checksum")
"""What the provenance says of the file as it was, and not of how its numbers came about."""


@dataclass(frozen=True)
class _Kept:
    """What stays of a reference."""

    lines: Sequence[Sequence[str]] = ()
    provenance: Sequence[Mapping[str, Any]] = ()
    """Of the updates that these lines may be from, the last first."""
    identities: Mapping[str, Any] = field(default_factory=dict)
    """What their cells compute, as `bench.report.identities.listed` has it."""


def update(
    results: Results, reason: str, *, others: Others = "refuse", folder: Path | None = None
) -> list[Path]:
    """Make the measured numbers the new reference, with what they were measured on and why.

    Raises:
        BenchError: a cell is stale, missing or failed: a reference is made of done cells alone; or
            numbers or seeds would be lost and `others` does not say so. Nothing is written then.
    """
    texts: dict[Path, str] = {}
    for one in results.plan.experiments:
        if slots := _measured(one, results, others):
            path = path_of(one, results.plan.shown, folder)
            before = read(path)
            now = {key_of(s): s for s in slots}
            if lost := _lost(before, now, results, others):
                raise BenchError(f"{one.name}: {lost}")
            kept = _kept(path, before.keys() - now.keys()) if others == "keep" else _Kept()
            text = _numbers(now, kept, results)
            told = _provenance(one.name, now.values(), results) | {"reason": reason}
            if kept.lines:
                told |= {"numbers_kept": len(kept.lines), "kept": list(kept.provenance)}
            computed = identities.listed(i for s in slots for i in identities.of_slot(s, results))
            told["identities"] = dict(sorted({**kept.identities, **computed}.items()))
            sealed = seals.sealed(told, text)
            texts |= {path: text, path.with_suffix(".json"): _laid_out(sealed)}
    return [replace(path, text.encode()) for path, text in texts.items()]


def _measured(one: Experiment, results: Results, others: Others) -> list[Slot]:
    """The numbers of an experiment that its cells have.

    Where others are kept, a number of which no cell is there was not measured here.

    Raises:
        BenchError: a cell that could be done is not.
    """
    slots = [s for s in results.plan.slots if s.experiment == one.name and s.entry.scored]
    slots = [s for s in slots if not unavailable(s, results)]
    if others == "keep":
        slots = [s for s in slots if any(results.states[k] != "missing" for k in s.keys)]
    if wrong := {results.states[k] for s in slots for k in s.keys} - {"done"}:
        raise BenchError(
            f"{one.name}: some cells are {' and '.join(sorted(wrong))}; "
            "a reference is made of done cells alone"
        )
    return [s for s in slots if not undefined(s, results)]


def _lost(
    before: Mapping[Key, Number], now: Mapping[Key, Slot], results: Results, others: Others
) -> str:
    """What of a reference would be lost, in words; "" for nothing that `others` does not allow."""
    gone = len(before.keys() - now.keys()) if others == "refuse" else 0
    seeds = sum(
        bool(before[key].values.keys() - measured(now[key], results)[0].keys())
        for key in before.keys() & now.keys()
    )
    parts = [f"{gone} of {len(before)} numbers"] if gone else []
    parts += [f"seeds of {seeds} numbers"] if seeds and others != "drop" else []
    if not parts:
        return ""
    ways = "--keep or --drop" if gone else "--drop"
    said = " and ".join(parts)
    return f"{said} of its reference would be lost; measure the whole experiment, or say {ways}"


def _kept(path: Path, keys: set[Key]) -> _Kept:
    """The lines of a reference that were not measured now, of a file that has been verified."""
    if not keys:
        return _Kept()
    text = content(path, MOST_BYTES).decode()
    stay = [{c: line.get(c) or "" for c in COLUMNS} for key, line in lines(text) if key in keys]
    beside = path.with_suffix(".json")
    told = json.loads(content(beside, MOST_BYTES).decode()) if beside.exists() else {}
    own = {name: value for name, value in told.items() if name not in _OF_FILE}
    updates = [own, *told.get("kept", ())] if own else []
    # Of the updates before, those that a line is from; all where a line does not say it.
    used = sorted({int(line["update"]) for line in stay if line["update"]})
    if any(not line["update"] for line in stay):
        used = [*range(len(updates))]
    for line in stay:
        line["update"] = str(1 + used.index(int(line["update"]))) if line["update"] else ""
    known = told.get("identities", {})
    named = {key for line in stay for key in line["cells"].split(";") if key and known}
    computed = identities.listed(identities.named(key, known) for key in sorted(named))
    return _Kept([[*line.values()] for line in stay], [updates[i] for i in used], computed)


def _laid_out(told: Mapping[str, Any]) -> str:
    """The JSON, what a cell computes on a line of its own: there are hundreds."""
    rest = json.dumps({k: v for k, v in told.items() if k != "identities"}, indent=1)
    own = [f"  {json.dumps(k)}: {json.dumps(one)}" for k, one in told["identities"].items()]
    return "\n".join([rest[:-2] + ",", ' "identities": {', ",\n".join(own), " }", "}", ""])


def _numbers(now: Mapping[Key, Slot], kept: _Kept, results: Results) -> str:
    """The CSV: what was measured, then what stays."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*key, *_line(slot, results)) for key, slot in now.items())
    writer.writerows(kept.lines)
    return text.getvalue()


def _provenance(name: str, slots: Collection[Slot], results: Results) -> dict[str, Any]:
    """What the numbers were measured on, those of the cells that were needed for them too."""
    plan = results.plan
    keys = plan.closure({key for slot in slots for key in slot.keys})
    mine = [results.records[k] for k in keys]
    return {
        "experiment": name,
        "preset": plan.shown,
        "measured": f"{min(r.started for r in mine)} to {max(r.started for r in mine)}",
        "seeds": sorted({plan.cells[k].seed for k in keys}),
        "cells": len(mine),
        "cpu_seconds": round(sum(r.cpu_seconds / r.group for r in mine)),
        "hardware": sorted({r.hardware for r in mine}),
        "versions": [dict(v) for v in sorted({tuple(sorted(r.versions.items())) for r in mine})],
        "commits": sorted({r.commit + ("+" if r.dirty else "") for r in mine}),
        "record_layout": record.VERSION,
    }


def _line(slot: Slot, results: Results) -> tuple[object, ...]:
    """The columns of a number after those that name it."""
    values, _ = measured(slot, results)
    summary = statistics.summarise([values[s] for s in sorted(values)])
    keys, records = slot.keys, results.records
    seconds = statistics.summarise([records[k].wall_seconds / records[k].group for k in keys]).mean
    cells = [results.plan.cells[k] for k in sorted(results.plan.closure(keys))]
    codes = {cell.method: code.of_cell(cell) for cell in cells}
    return (
        repr(summary.mean),
        "" if summary.std is None else repr(summary.std),
        summary.n,
        ";".join(f"{s}:{values[s]!r}" for s in sorted(values)),
        f"{seconds or 0.0:.2f}",
        ";".join(identities.keys(identities.of_slot(slot, results))),
        ";".join(f"{method}:{own}" for method, own in sorted(codes.items())),
        results.plan.cells[keys[0]].data,
        0,
    )
