"""A finished cell scored again, from its stored prediction."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from filelock import Timeout

from bench.errors import BenchError
from bench.plan.cell import Cell
from bench.run.inputs import gather
from bench.run.scoring import score
from bench.store import code
from bench.store.folders import Store


class Impossible(BenchError):  # noqa: N818 - named like what is printed
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
    work = scratch / cell.key
    lock = store.lock(cell)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise Impossible("another run computes it") from None
    try:
        record = store.read(cell)
        if record is None or record.state != "done":
            raise Impossible("it is not done")
        inputs, truth = gather(cell, root, work)
        metrics = score(cell, inputs, truth, store.folder(cell))
        before = record.metrics
        store.rewrite(cell, dataclasses.replace(record, metrics=metrics, scoring=code.scoring()))
    except Impossible:
        raise
    except (BenchError, ValueError, OSError) as error:
        raise Impossible(str(error)) from error
    finally:
        lock.release()
        shutil.rmtree(work, ignore_errors=True)
    names = before.keys() | metrics.keys()
    return sorted(name for name in names if before.get(name) != metrics.get(name))
