"""Where a task's images lie in what they were read from: predictions in a user's own order.

Methods are given images by ascending pixel hash. A position counts from 0 over all images of a data
set as its source has them: rows of an .npz file, files of a folder by name, the training images of
MNIST before its test images.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bench.datasets.dataset import get
from bench.datasets.fingerprint import canonical_order, fingerprint, pixel_hashes, records
from bench.datasets.parts import part_fingerprint, select
from bench.datasets.prepare import Prepared, kept, prepare
from bench.datasets.task_specs import TaskSpec
from bench.errors import BenchError
from bench.tasks import Ints


def positions(task: TaskSpec, preset: str, root: Path, data: str) -> Ints:
    """Of each target image of a task, in the order that methods are given, its place.

    Args:
        task: Whose target.
        preset: "quick" or "paper", which may limit the images.
        root: The data root.
        data: The fingerprints that a cell has, "target:… source:…"; the data must be the same.

    Returns:
        int64, (N,), no two alike.

    Raises:
        Unavailable: the data are not here.
        BenchError: they are others than those of the cell, or damaged.
    """
    part, limit = task.target, task.limit("target", preset)
    prepared = _prepared(part.dataset, root)
    known = {**get(part.dataset).pins, **prepared.fingerprints}
    if f"target:{part_fingerprint(part, known, limit)}" not in data.split():
        raise BenchError(
            f"{part.dataset} under {root} holds other images than the cell was computed on"
        )
    index, _, _ = select(part, prepared)
    found: Ints = _order(prepared, root)[index[:limit]]
    return found


def _order(prepared: Prepared, root: Path) -> Ints:
    """Of each prepared image its place in the source."""
    order = prepared.order
    return _read_again(prepared.name, root) if order is None else order


def _prepared(name: str, root: Path) -> Prepared:
    return kept(name, root) or prepare(name, root)


@lru_cache(maxsize=4)
def _read_again(name: str, root: Path) -> Ints:
    """The order of data that were prepared before it was kept, from their source.

    Raises:
        BenchError: the source is not here, or holds other images by now.
    """
    raw = get(name).read(root)
    hashes = pixel_hashes(raw.images)
    order = canonical_order(hashes, records(hashes, raw.columns, raw.names))
    prepared = _prepared(name, root)
    if fingerprint(hashes) != fingerprint(pixel_hashes(prepared.images)):
        raise BenchError(
            f"{name} under {root} is not what it was when it was prepared: delete "
            f"{prepared.folder} and run `python -m bench data prepare {name}`"
        )
    return order
