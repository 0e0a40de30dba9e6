"""The index: a copy of all records in one file, so that `status` opens one and not thousands.

A line tells of one cell's folder: the size and time of its record, the record, and a checksum of
all this. A line that is torn, altered or out of date is passed over; it costs time and nothing
else, since the record itself is read then.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench.errors import BenchError
from bench.files import opened
from bench.plan.cell import folder_of, names
from bench.store import collecting
from bench.store import record as records
from bench.store.record import Record

NAME = "index.jsonl"
Stamp = tuple[int, int]
"""Of a record's file: its time, ns, and its size, bytes."""
_SUM = b',"sum":"'
_DIGITS = 32


class _Line(msgspec.Struct):
    """What a line holds, its checksum aside."""

    folder: str
    stamp: Stamp
    record: Record


_LINE = msgspec.json.Decoder(_Line)


def stamp_of(status: os.stat_result) -> Stamp:
    """What a record's file is recognised by."""
    return status.st_mtime_ns, status.st_size


def line(folder: str, stamp: Stamp, record: Record) -> str:
    """A line of the index."""
    content = {"folder": folder, "stamp": stamp, "record": vars(record)}
    head = json.dumps(content, separators=(",", ":")).encode()[:-1]
    return f'{head.decode()}{_SUM.decode()}{_sum(head)}"}}'


def _sum(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:_DIGITS]


def read(path: Path) -> dict[str, tuple[Stamp, Record]]:
    """Folder -> stamp and record, of every line that is as it was written.

    Raises:
        OSError: the file is not there or no plain file.
    """
    found = {}
    with collecting.put_off(), opened(path) as file:
        for one in file:
            head, _, tail = one.rstrip().rpartition(_SUM)
            if tail != f'{_sum(head)}"}}'.encode():
                continue
            try:
                known = _LINE.decode(one)
                record = records.whole(known.record)
                records.check(record, NAME)
                # All but that the key is the hash of the cell, which would take the longest.
                placed = folder_of(*names(record.cell), record.key)
            except (BenchError, RecursionError, ValueError):  # msgspec's errors are ValueErrors
                continue
            if known.folder == placed and isinstance(record.cell.get("preset"), str):
                found[placed] = (known.stamp, record)
    return found


def append(path: Path, lines: Iterable[str]) -> None:
    """Add lines in one write; a failure to do so is no failure of a cell."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    # The leading break closes a line that a killed process left half-written.
    text = ("\n" + "\n".join(lines) + "\n").encode()
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError:
        return
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.write(descriptor, text)
    except OSError:
        return
    finally:
        os.close(descriptor)
