"""All that is known of one cell as plain data, for a page on it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.plan.slot import Slot
from bench.report import panel_views
from bench.report.view_types import ConfusionView, Drawing, Matrix
from bench.store import provenance, traces
from bench.store.folders import LOG, TRACEBACK
from bench.store.packing import without
from bench.store.record import Record
from bench.store.states import Results
from bench.store.tail import tail

POINTS, SERIES = 200, 40
"""At most so many points of a learning curve, and curves of a cell."""
_TOLD = (
    "failure", "message", "metrics", "partial_data", "wall_seconds", "cpu_seconds", "peak_memory",
    "peak_device_memory", "group", "resumed", "started", "hardware", "versions", "commit", "dirty",
    "code", "scoring", "output", "curves", "snapshots", "checksum",
)  # fmt: skip
"""Of a record, beside its cell's identity."""


def dossier(
    key: str, results: Results, private: Sequence[Path] = (), matrix: Matrix | None = None
) -> dict[str, Any]:
    """What a page tells of a cell; fractions, seconds and bytes as in records.

    Args:
        key: The cell's.
        results: Of a plan that holds it.
        private: Folders that are an ellipsis in logs and messages.
        matrix: Its classes by clusters, where a figure has it.
    """
    cell, record = results.plan.cells[key], results.records.get(key)
    found: dict[str, Any] = {
        "key": key,
        "state": results.states[key],
        "method": cell.method,
        "task": cell.task,
        "seed": cell.seed,
        "preset": cell.preset,
        "device": cell.device,
        "dtype": cell.dtype,
        "threads": cell.threads,
        "data": cell.data,
        "setting": dict(cell.setting),
        "params": dict(cell.params),
        "needs": [[role, needed] for role, needed in cell.needs],
    }
    if record is None:
        if key in results.lacks:
            found["lacks"] = [str(one) for one in results.lacks[key]]
        return found
    found |= {name: value for name in _TOLD if (value := getattr(record, name))}
    if record.message:
        found["message"] = without(private, record.message)
    # A path's text: most cells of large stores lack all of these files.
    folder = f"{results.runs}/{cell.folder}"
    found |= {"folder": cell.folder, **_traces(folder, record), **_logs(folder, record, private)}
    if matrix is not None and matrix.percent:
        rounded = [[round(share, 1) for share in row] for row in matrix.percent]
        found["matrix"] = {"percent": rounded, "classes": matrix.classes, "matched": matrix.matched}
    if other := provenance.other_versions(record):
        found["here"] = {name: here for name, (_, here) in other.items()}
    return found


def _logs(folder: str, record: Record, private: Sequence[Path]) -> dict[str, Any]:
    """The ends of a cell's log and traceback; why not, where one cannot be read."""
    found: dict[str, Any] = {}
    parts = [("log", LOG)] + [("traceback", TRACEBACK)] * (record.state == "failed")
    for part, name in parts:
        if not os.path.lexists(f"{folder}/{name}"):
            continue
        try:
            lines, more = tail(Path(folder, name))
        except OSError as error:
            found[part] = {"text": f"{name} is not shown: {error.strerror}", "more": False}
            continue
        if lines:
            found[part] = {"text": without(private, "\n".join(lines)), "more": more}
    return found


def _traces(folder: str, record: Record) -> dict[str, Any]:
    """A cell's learning curves, name -> steps and values; what is wrong with damaged ones."""
    if record.checksum and not record.curves:
        return {}
    try:
        read = traces.read(Path(folder), record)
    except BenchError:
        return {"traces_damaged": True}
    series = {name: list(zip(*pairs, strict=True)) for name, pairs in read["logged"].items()}
    scored = dict(read["snapshots"])
    steps = scored.pop("step", [])
    series |= {f"{name} of snapshots": [steps, values] for name, values in scored.items()}
    kept = [(name, both) for name, both in series.items() if both and both[0]][:SERIES]
    return {"traces": {name: [_thinned(one) for one in both] for name, both in kept}}


def _thinned(values: Sequence[float]) -> list[float]:
    """At most `POINTS` of the values, evenly apart, the last among them; six digits of each."""
    step = math.ceil(len(values) / POINTS)
    chosen = list(values[:: step or 1])
    if len(values) and (len(values) - 1) % step:
        chosen.append(values[-1])
    return [float(f"{value:.6g}") for value in chosen]


def askers(results: Results) -> dict[str, Slot]:
    """Key -> the slot that asks for a cell first, by itself or through a cell that needs it."""
    found: dict[str, Slot] = {}
    for slot in results.plan.slots:
        for key in slot.keys:
            found.setdefault(key, slot)
    for key, cell in reversed(results.plan.cells.items()):  # what needs a cell comes after it
        if key in found:
            for _, needed in cell.needs:
                found.setdefault(needed, found[key])
    return found


def matrices(
    results: Results, figures: Iterable[Drawing], *, every: bool = False
) -> Mapping[str, Matrix]:
    """Key -> classes by clusters, of the cells that the figures of confusion show.

    Args:
        results: Of a plan.
        figures: Of the same.
        every: Of all other cells that stored clusters too; each prediction is read for it.
    """
    found: dict[str, Matrix] = {}
    for view in figures:
        if isinstance(view, ConfusionView):
            at = (view.experiment, view.name)
            slots = [slot for slot in results.plan.slots if (slot.experiment, slot.name) == at]
            for slot, panel in zip(slots, view.panels, strict=True):
                if slot.keys:
                    found[slot.keys[0]] = panel
    for key, slot in askers(results).items() if every else ():
        if key not in found and (one := panel_views.matrix(key, slot, results)):
            found[key] = one
    return found
