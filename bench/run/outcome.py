"""What becomes of a cell: its attempt is scored, and the record says how it was computed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bench.plan.cell import Cell
from bench.run.inputs import Truth
from bench.run.job import Job, Report
from bench.run.scoring import score
from bench.store import machine, outputs, traces
from bench.store.folders import CURVES, PREDICTION, SNAPSHOTS
from bench.store.locks import CellLock
from bench.store.record import Record


@dataclass
class Started:
    """A cell that was given to a worker, with what the harness keeps for itself."""

    cell: Cell
    job: Job
    truth: Truth
    lock: CellLock
    when: str
    """ISO 8601, UTC."""
    scoring: str
    """Fingerprint of what scores: now, since a file may be edited before the cell ends."""
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
            metrics = score(cell, started.job.inputs, started.truth, attempt)
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
        code=started.job.code,
        scoring=started.scoring,
        needs={role: needed for role, (_, needed) in started.job.needs.items()},
        output=digest,
        curves=traces.digest(attempt / CURVES) if digest else "",
        snapshots=traces.digest(attempt / SNAPSHOTS) if digest else "",
        wall_seconds=report.wall_seconds,
        cpu_seconds=report.cpu_seconds,
        peak_memory=report.peak_memory,
        peak_device_memory=report.peak_device_memory,
        group=report.group or started.group,
        resumed=report.resumed,
        started=started.when,
        hardware=report.device or report.hardware or machine.hardware(cell.dtype),
        versions=machine.versions(),
        commit=commit,
        dirty=dirty,
    )
