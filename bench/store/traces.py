"""What a method logged while it trained, and the scores of its snapshots: `curves.json`.

It holds "logged", name -> [[step, value], …], and "snapshots", of which "step" is a list and so is
each metric.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NoReturn

from bench.errors import BenchError
from bench.files import content
from bench.store import outputs
from bench.store.folders import CURVES, SNAPSHOTS
from bench.store.record import Record

_MOST_BYTES = 1 << 28
_LARGEST = 1e150
"""No value is larger: squares of such numbers are finite."""
Series = list[tuple[float, float]]
"""Steps and values."""


def logged(folder: Path, record: Record, name: str) -> Series:
    """What a cell logged under a name; none where it logged no such value.

    Raises:
        BenchError: the curves are missing, damaged, or those of another cell.
    """
    return [(step, value) for step, value in read(folder, record)["logged"].get(name, [])]


def scored(folder: Path, record: Record, metric: str) -> Series:
    """A metric of a cell's snapshots; none where it has no such score.

    Raises:
        BenchError: as `logged`.
    """
    snapshots = read(folder, record)["snapshots"]
    return list(zip(snapshots.get("step", []), snapshots.get(metric, []), strict=False))


def digest(path: Path) -> str:
    """SHA-256 of an attempt's curves or snapshots; "" where it left none.

    Raises:
        BenchError: the file cannot be read.
    """
    return outputs.digest(path) if path.exists() else ""


def verify(folder: Path, record: Record) -> None:
    """Hold curves and snapshots against their record, as far as it tells of them.

    Raises:
        BenchError: a file is missing, damaged, or that of another cell.
    """
    for name, wanted in ((CURVES, record.curves), (SNAPSHOTS, record.snapshots)):
        if wanted and outputs.digest(folder / name) != wanted:
            raise _damaged(folder / name, "its SHA-256 is not the record's", folder)


def read(folder: Path, record: Record) -> dict[str, Any]:
    """The content of `curves.json`; nothing where the record tells of none and there is none.

    Raises:
        BenchError: as `logged`.
    """
    path = folder / CURVES
    nothing: dict[str, Any] = {"logged": {}, "snapshots": {}}
    if record.checksum and not record.curves:
        return nothing
    try:
        data = content(path, _MOST_BYTES)
        if record.curves and hashlib.sha256(data).hexdigest() != record.curves:
            raise ValueError("its SHA-256 is not the record's")
        found = nothing | _sound(json.loads(data.decode(), parse_constant=_refuse))
    except FileNotFoundError:
        if not record.curves:
            return nothing
        raise _damaged(path, "it is missing", folder) from None
    except OSError as error:
        raise _damaged(path, error.strerror, folder) from error
    except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, error, folder) from error
    return found


def _damaged(path: Path, why: object, folder: Path) -> BenchError:
    return BenchError(f"{path}: damaged curves ({why}); delete {folder} to compute it again")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value")


def _sound(found: dict[str, Any]) -> dict[str, Any]:
    """Curves of which everything is a number; raises where something is not."""
    for pairs in found.get("logged", {}).values():
        for step, value in pairs:
            _check(step)
            _check(value)
    lists = found.get("snapshots", {})
    for values in lists.values():
        if len(values) != len(lists["step"]):
            raise ValueError("snapshots of unequal length")
        for value in values:
            _check(value)
    return found


def _check(value: Any) -> None:
    if type(value) not in (int, float) or not -_LARGEST <= value <= _LARGEST:
        raise ValueError(f"{str(value)[:40]} is no value")
