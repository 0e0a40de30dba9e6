"""A finished cell scored again, from its stored prediction."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from pathlib import Path

from filelock import Timeout

from bench import registry
from bench.errors import BenchError
from bench.plan.cell import Cell
from bench.run.inputs import gather
from bench.run.scoring import score
from bench.store import code, outputs, traces
from bench.store.folders import CURVES, SNAPSHOTS, Store
from bench.store.record import RECORD


class Impossible(BenchError):
    """A cell cannot be scored: its data or prediction are not here, or another runner holds it."""


def rescore(cell: Cell, store: Store, root: Path, scratch: Path) -> list[str]:
    """Put a cell's metrics in its record anew, and the scores of snapshots in its curves.

    Args:
        cell: Finished.
        store: Where it lies.
        root: The data root.
        scratch: A folder for what is drawn for the cell, the pairs of a similarity task say.

    Returns:
        Names of the metrics that changed, came or went.

    Raises:
        Impossible: see there; the cell is as it was.
    """
    work, attempt = scratch / cell.key, store.work(cell) / "rescored"
    lock = store.lock(cell)
    try:
        lock.acquire()
    except Timeout:
        raise Impossible("another run computes it") from None
    try:
        record = store.read(cell)
        if record is None or record.state != "done":
            raise Impossible("it is not done")
        folder = store.folder(cell)
        scored_by_tensors = registry.get(cell.method).artifact
        prediction = outputs.verified(folder, record, tensors=scored_by_tensors)
        traces.verify(folder, record)
        inputs, truth = gather(cell, root, work)
        before = record.metrics
        _copy(folder, attempt)
        metrics = score(cell, inputs, truth, attempt, prediction.name)
        new = dataclasses.replace(
            record,
            metrics=metrics,
            scoring=code.scoring(),
            curves=traces.digest(attempt / CURVES),
            snapshots=traces.digest(attempt / SNAPSHOTS),
        )
        store.publish(cell, attempt, new)
        store.clear_work(cell)
    except Impossible:
        raise
    except (BenchError, ValueError, OSError) as error:
        raise Impossible(str(error)) from error
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
        lock.release()
        shutil.rmtree(work, ignore_errors=True)
    names = before.keys() | metrics.keys()
    return sorted(name for name in names if before.get(name) != metrics.get(name))


def _copy(folder: Path, attempt: Path) -> None:
    """The files of a finished cell, less its record, in a folder to score: links where that goes.

    What is scored anew is renamed into place there, so that the cell itself stays as it is.
    """
    shutil.rmtree(attempt, ignore_errors=True)

    def link(source: str, target: str) -> None:
        with contextlib.suppress(OSError):
            os.link(source, target, follow_symlinks=False)
            return
        shutil.copy2(source, target, follow_symlinks=False)

    record = shutil.ignore_patterns(RECORD)
    shutil.copytree(folder, attempt, symlinks=True, ignore=record, copy_function=link)
