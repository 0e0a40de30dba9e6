"""Predicted clusters by image, in the order of the data set and not in that of methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench.datasets import get_task
from bench.datasets.positions import positions
from bench.errors import BenchError
from bench.store import outputs
from bench.store.record import Record
from bench.tasks import Ints

COLUMNS = ("key", "index", "cluster")
"""Of a file of predictions: the cell, the image's place in the data set, its cluster."""


def of_cell(folder: Path, record: Record, root: Path) -> pd.DataFrame:
    """The clusters of one cell.

    Args:
        folder: Of the cell.
        record: In it.
        root: The data root; the data say where an image lay.

    Returns:
        `index` and `cluster`, int64, (N,), by ascending index.

    Raises:
        Unavailable: the data are not here.
        BenchError: they are others, the file is damaged, or its images have no cluster each.
    """
    found = outputs.of_cell(folder, record).assignments
    task, preset, data = (str(record.cell[name]) for name in ("task", "preset", "data"))
    if found is None:
        raise BenchError(f"{record.cell['method']} on {task} gives no cluster for each image")
    place = _positions(task, preset, data, root)
    if len(place) != len(found):
        raise BenchError(f"cell {record.key}: {len(found)} clusters for {len(place)} images")
    order = np.argsort(place)
    return pd.DataFrame({"index": place[order], "cluster": np.asarray(found, np.int64)[order]})


def of_cells(
    cells: Iterable[tuple[Path, Record]], root: Path, left_out: dict[str, str]
) -> Iterator[pd.DataFrame]:
    """The clusters of many cells, one frame of `COLUMNS` a cell, read one at a time.

    Args:
        cells: Folder and record of each.
        root: The data root.
        left_out: Key -> why a cell has no frame; filled in.
    """
    for folder, record in cells:
        try:
            frame = of_cell(folder, record, root)
        except BenchError as error:
            left_out[record.key] = str(error)
            continue
        yield frame.assign(key=record.key).astype({"key": "string"})[list(COLUMNS)]


def empty() -> pd.DataFrame:
    """The same of no cell."""
    types = {"key": "string", "index": "int64", "cluster": "int64"}
    return pd.DataFrame(columns=list(COLUMNS)).astype(types)


@lru_cache(maxsize=16)
def _positions(task: str, preset: str, data: str, root: Path) -> Ints:
    """The same for all cells of a task."""
    return positions(get_task(task), preset, root, data)
