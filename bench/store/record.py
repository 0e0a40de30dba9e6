"""The record of a cell: what ran, on what, how it ended and what it scored."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.errors import BenchError
from bench.files import content as content_of
from bench.score.metric_names import metric

VERSION = 1
State = Literal["done", "failed", "missing", "stale", "blocked", "unavailable"]
Failure = Literal[
    "",
    "exception",
    "non-finite",
    "invalid prediction",
    "timeout",
    "out of memory",
    "worker died",
]
_MOST_BYTES = 1 << 22
"""Of a record, which has some two thousand."""
_LARGEST = 2.0**53
"""No count, time or size is larger: sums and squares of such numbers are finite."""
_ROUNDING = 1e-9
"""By which a metric may pass either end of its range, as `metric_names.in_range` has it."""
RECORD = "record.json"
"""In the cell's folder."""


@dataclass(frozen=True)
class Record:
    """One finished cell; `record.json` in its folder. Only `bench rescore` puts another there."""

    key: str
    """The cell's key: the hash of `cell`."""
    cell: dict[str, Any]
    """The cell's identity: task, setting, method, params, preset, seed, device, …"""
    state: Literal["done", "failed"]
    failure: Failure = ""
    """Which way it failed."""
    message: str = ""
    """One line on the failure."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Name -> value; fractions, except counts such as NDC."""
    partial_data: str = ""
    """What is lacking of the data set, when only a known part of it was here."""
    code: str = ""
    """Fingerprint of the method's code (`bench.store.code`)."""
    scoring: str = ""
    """Fingerprint of what made the metrics; "" in records from before there was one."""
    needs: dict[str, str] = field(default_factory=dict)
    """Role -> hash of the output that was read from the needed cell."""
    output: str = ""
    """SHA-256 of prediction.safetensors."""
    arrays: str = ""
    """SHA-256 of arrays.safetensors, all that is here of the prediction where a pack left its
    tensors out; "" where the prediction is whole."""
    curves: str = ""
    """SHA-256 of curves.json; "" where there is none, or in records without a checksum."""
    snapshots: str = ""
    """SHA-256 of snapshots.npy, likewise."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Largest resident size of the worker, bytes."""
    peak_device_memory: int = 0
    """Largest size allocated on the GPU, bytes; 0 on a CPU."""
    group: int = 1
    """Cells that one process computed together, seeds of the same: times and memory are those of
    them all."""
    resumed: bool = False
    """Started from a checkpoint: the times are those of the last start alone."""
    started: str = ""
    """UTC, ISO 8601."""
    hardware: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    dirty: bool = False
    """Tracked files differed from the commit."""
    checksum: str = ""
    """Of all else; "" in records from before there was one, and in those that were never stored."""
    version: int = VERSION
    """This layout's number."""

    @property
    def cell_seconds(self) -> float:
        """What the cell itself took, its share where a group was computed together.

        CPU seconds where it ran on a CPU, on one thread; else wall seconds.
        """
        on_cpu = self.cell.get("device") == "cpu" and self.cpu_seconds > 0
        return (self.cpu_seconds if on_cpu else self.wall_seconds) / self.group

    def says_more(self, other: Record) -> bool:
        """Whether it is done where the other failed, or has tensors where the other has none."""
        if self.state != other.state:
            return self.state == "done"
        return bool(other.arrays) and not self.arrays

    def write(self, folder: Path) -> None:
        """Write `record.json` into a folder."""
        (folder / RECORD).write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The content of `record.json`."""
        return json.dumps(vars(self.sealed()), indent=1, sort_keys=True) + "\n"

    def sealed(self) -> Record:
        """The same with its checksum, as it lies in the store."""
        return dataclasses.replace(self, checksum=_checksum(vars(self)))


_FIELDS = vars(Record("", {}, "done"))
"""Name -> default."""
_NUMBERS = {name: 0 for name, value in _FIELDS.items() if type(value) in (int, float)}
_NUMBERS |= {"group": 1}
"""Name -> the smallest value."""


def _checksum(content: Mapping[str, Any]) -> str:
    """Of a record's content, less the checksum: 32 hexadecimal digits of its SHA-256."""
    rest = {name: value for name, value in content.items() if name != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def parse(content: Any, where: str) -> Record:
    """A record from parsed JSON.

    Args:
        content: What was parsed.
        where: The file, for the error.

    Raises:
        BenchError: it is of another layout, lacks what every record has, holds what cannot be, or
            is not what was written.
    """
    if not isinstance(content, dict) or not {"key", "cell", "state"} <= content.keys():
        raise BenchError(f"{where}: damaged record: not a record's JSON")
    _refuse_newer(content.get("version"), where)
    try:
        record = whole(msgspec.convert(content, Record))
    except msgspec.ValidationError as error:
        raise BenchError(f"{where}: damaged record: {error}") from error
    check(record, where)
    _check_sum(content, where)
    return record


def whole(decoded: Record) -> Record:
    """A record that msgspec made, with fields of its own for what an older one lacks.

    It leaves those to the class, where `vars` does not see them.
    """
    return decoded if len(vars(decoded)) == len(_FIELDS) else Record(**vars(decoded))


def check(record: Record, where: str) -> None:
    """Look whether every value of a record, each of its type, is what it can be.

    Raises:
        BenchError: one is not.
    """
    _refuse_newer(record.version, where)
    values = vars(record)
    for name, least in _NUMBERS.items():
        if not least <= values[name] <= _LARGEST:
            raise BenchError(f"{where}: damaged record: {name} = {_short(values[name])} cannot be")
    for name, value in record.metrics.items():
        low, high = _range(name)
        if not low <= value <= high:
            raise BenchError(f"{where}: damaged record: {name} = {_short(value)} is no result")


def _refuse_newer(version: object, where: str) -> None:
    if isinstance(version, int) and version > VERSION:
        raise BenchError(f"{where}: record of a newer layout; update bench")


@cache
def _range(name: str) -> tuple[float, float]:
    """What a metric can be, as far as sums and squares of it are finite."""
    known = metric(name)
    if known is None:
        return -_LARGEST, _LARGEST
    return max(known.low - _ROUNDING, -_LARGEST), min(known.high + _ROUNDING, _LARGEST)


def _short(value: object) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:30]}… ({len(text)} characters)"


def _check_sum(content: Mapping[str, Any], where: str) -> None:
    """Raises BenchError where a record is not what was written.

    Records from before there were checksums have none, and no field that is unknown here.
    """
    if content.get("checksum"):
        if content["checksum"] != _checksum(content):
            raise BenchError(f"{where}: damaged record: its checksum is not that of its content")
    elif odd := sorted(content.keys() - _FIELDS.keys()):
        raise BenchError(f"{where}: damaged record: no checksum, and a field {_short(odd[0])}")


def read(folder: Path) -> Record:
    """The record in a folder.

    Raises:
        BenchError: there is none, or it is damaged; names the file.
    """
    path = folder / RECORD
    try:
        content = json.loads(content_of(path, _MOST_BYTES).decode())
        return parse(content, str(path))
    except OSError as error:
        raise BenchError(f"{path}: damaged record: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise BenchError(f"{path}: damaged record: {error}") from error
