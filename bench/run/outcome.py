"""What becomes of a cell: its attempt is scored, and the record says how it was computed."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

import numpy as np
from filelock import FileLock

from bench import registry
from bench.plan.cell import Cell
from bench.run.inputs import Truth
from bench.run.worker import SNAPSHOTS, Job, Report
from bench.score import scores, snapshots
from bench.store import outputs, record
from bench.store.folders import CURVES, PREDICTION
from bench.store.record import Record


@dataclass
class Started:
    """A cell that was given to a worker, with what the harness keeps for itself."""

    cell: Cell
    job: Job
    truth: Truth
    lock: FileLock
    when: str
    """ISO 8601, UTC."""
    code: str
    """Fingerprint of the code that runs: now, since a file may be edited before the cell ends."""
    group: int = 1
    """Cells that its process computes."""


def record_of(started: Started, report: Report, commit: str, *, dirty: bool) -> Record:
    """The record of a cell that ended; scored snapshots join the attempt's curves.

    Args:
        started: The cell.
        report: How its worker ended.
        commit: Of the clone.
        dirty: Whether the clone's files differ from it.

    Raises:
        OSError: the curves cannot be written.
    """
    cell, attempt = started.cell, started.job.attempt
    metrics: dict[str, float] = {}
    digest = ""
    if not report.failure:
        digest = outputs.digest(attempt / PREDICTION)
        try:
            metrics = score(started)
        except ValueError as error:  # one cell's fault, which must not end the others
            message = f"cannot be scored: {error}"
            report = dataclasses.replace(report, failure="invalid prediction", message=message)
    return Record(
        key=cell.key,
        cell=cell.identity(),
        state="failed" if report.failure else "done",
        failure=report.failure,
        message=report.message,
        metrics=metrics,
        partial_data=started.truth.partial,
        code=started.code,
        needs={role: needed for role, (_, needed) in started.job.needs.items()},
        output=digest,
        wall_seconds=report.wall_seconds,
        cpu_seconds=report.cpu_seconds,
        peak_memory=report.peak_memory,
        peak_device_memory=report.peak_device_memory,
        group=started.group,
        resumed=report.resumed,
        started=started.when,
        hardware=report.device or record.hardware(),
        versions=record.versions(),
        commit=commit,
        dirty=dirty,
    )


def score(started: Started) -> dict[str, float]:
    """The metrics of a finished attempt; scored snapshots join its curves.

    Raises:
        ValueError: the prediction cannot be scored.
    """
    inputs, truth, attempt = started.job.inputs, started.truth, started.job.attempt
    labels = np.load(truth.labels, allow_pickle=False)
    pairs = np.load(inputs.drawn["pairs"]) if inputs.kind == "similarity" else None
    stored = attempt / SNAPSHOTS
    if stored.exists():
        curves = json.loads((attempt / CURVES).read_text(encoding="utf-8"))
        curves["snapshots"] |= snapshots.score(np.load(stored, allow_pickle=False), labels)
        (attempt / CURVES).write_text(json.dumps(curves), encoding="utf-8")
    if registry.get(started.cell.method).artifact:
        found = outputs.load(attempt / PREDICTION, tensors=True).tensors.get("features")
        return {} if found is None else scores.score_features(found.float().numpy(), labels)
    return scores.score(
        inputs.kind,
        outputs.load(attempt / PREDICTION),
        labels,
        n_classes=truth.n_classes,
        setting=inputs.setting,
        pairs=pairs,
    )
