"""Packs: finished cells as one zip archive, to travel between machines that share no disk.

    runs/TASK/METHOD/seedN-KEY/…   as in the store: unpacked by hand into a results folder they fit
    manifest.json                  layout; of every cell its key, folder and output; of every file
                                   its size in bytes and SHA-256

The archive's comment holds the SHA-256 of all bytes before it, so that no bit of a pack can change
unnoticed. The same cells give the same bytes: names sorted, dates fixed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.files import opened
from bench.plan.cell import address
from bench.store import outputs, traces
from bench.store.folders import ARRAYS, CURVES, LOG, PREDICTION, SNAPSHOTS, TRACEBACK, Store
from bench.store.record import RECORD, Record

LAYOUT = 1
MANIFEST = "manifest.json"
FILES = (RECORD, PREDICTION, ARRAYS, CURVES, SNAPSHOTS, LOG, TRACEBACK)
"""What a cell's folder may hold in a pack."""
SEAL = b"bench pack, SHA-256 of what precedes: "
_DIGITS = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Packed:
    """What was written."""

    cells: int
    size: int
    """Bytes of the archive."""
    without_tensors: int
    """Cells whose tensors were left out, or lie nowhere here."""
    failed: int
    """Of the cells; where the pack is merged they are failed too, until they are retried."""
    damaged: Mapping[str, str]
    """Folder -> why the cell was left out."""


def write(
    path: Path,
    store: Store,
    keys: Iterable[str],
    *,
    tensors: bool | Collection[str] = False,
    private: Sequence[Path] = (),
) -> Packed:
    """Write the finished cells among some to one archive, whole or not at all.

    Args:
        path: The archive; an older pack gives way.
        store: Where the cells lie.
        keys: Of the cells; those that have no record are passed over.
        tensors: Networks and features too, which most predictions mainly consist of: of all cells,
            or of these methods'.
        private: Folders of this machine whose names logs and messages shall not carry away.

    Raises:
        BenchError: no cell is finished, or the archive cannot be written.
    """
    known = store.records()
    damaged = dict[str, str]()
    found = {_folder(known[key]): known[key] for key in set(keys) & known.keys()}
    half = path.with_name(f".{path.name}.{os.getpid()}")
    cells: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(half, "w") as archive:
            for place, record in sorted(found.items()):
                whole = tensors if isinstance(tensors, bool) else record.cell["method"] in tensors
                try:
                    content = _content(store.runs / place, record, whole, private)
                except BenchError as error:
                    damaged[place] = str(error)
                    continue
                for name, data in sorted(content.items()):
                    _add(archive, f"runs/{place}/{name}", data)
                cells[record.key] = {
                    "folder": place,
                    "output": record.output,
                    "files": {name: _described(data) for name, data in content.items()},
                }
            if not cells:
                raise BenchError(f"nothing to pack: no cell of these is finished in {store.root}")
            manifest = {"layout": LAYOUT, "cells": cells}
            _add(archive, MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
            archive.comment = SEAL + b"0" * _DIGITS
        _seal(half)
        half.replace(path)
        size = path.stat().st_size
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # such as that nothing can lie there
            half.unlink()
    bare = sum(ARRAYS in cell["files"] for cell in cells.values())
    failed = sum(known[key].state == "failed" for key in cells)
    return Packed(len(cells), size, bare, failed, damaged)


def is_pack(path: Path) -> bool:
    """Whether a file ends as packs do."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(SEAL) - _DIGITS))
        return file.read(len(SEAL)) == SEAL


def is_sealed(path: Path) -> bool:
    """Whether a pack's bytes have the sum that stands at its end."""
    with path.open("rb") as file:
        wanted = _sum(file, path.stat().st_size - _DIGITS)
        return file.read() == wanted


def _seal(path: Path) -> None:
    """Put the SHA-256 of a pack's bytes into the place that its comment keeps for it."""
    with path.open("rb+") as file:
        found = _sum(file, path.stat().st_size - _DIGITS)
        file.seek(-_DIGITS, os.SEEK_END)
        file.write(found)
        file.flush()
        os.fsync(file.fileno())


def _sum(file: Any, size: int) -> bytes:
    """SHA-256 of so many bytes of a file from where it stands, in hexadecimal."""
    found = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, 1 << 20))):
        found.update(block)
        size -= len(block)
    return found.hexdigest().encode()


def _folder(record: Record) -> str:
    """Where the store has a record's cell; raises BenchError where its identity names no folder."""
    try:
        return address(record.cell).folder
    except ValueError as error:
        raise BenchError(f"record {record.key}: damaged record: {error}") from error


def _content(
    folder: Path, record: Record, tensors: bool, private: Sequence[Path]
) -> dict[str, bytes]:
    """Name -> bytes of what a pack takes of a cell.

    Raises:
        BenchError: the record or the prediction is damaged.
    """
    if address(record.cell).key != record.key:
        raise BenchError(f"{folder}: damaged record: its key is not that of its cell")
    content: dict[str, bytes] = {}
    if record.output or record.arrays:
        path = outputs.verified(folder, record)
        bare = None if tensors or record.arrays else outputs.without_tensors(path)
        if bare is None:
            content[path.name] = path.read_bytes()
        else:
            content[ARRAYS] = bare
            record = dataclasses.replace(record, arrays=hashlib.sha256(bare).hexdigest())
    traces.verify(folder, record)
    for other in (CURVES, SNAPSHOTS, LOG, TRACEBACK):
        try:
            with opened(folder / other) as file:
                data = file.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BenchError(f"{folder / other}: cannot be packed: {error.strerror}") from error
        if other in (LOG, TRACEBACK):
            data = without(private, data.decode(errors="replace")).encode()
        content[other] = data
    record = dataclasses.replace(record, message=without(private, record.message))
    return {RECORD: record.text().encode(), **content}


def without(private: Sequence[Path], text: str) -> str:
    """A text in which folders of this machine are an ellipsis."""
    for name in sorted({str(path) for path in private}, key=len, reverse=True):
        text = text.replace(name, "…") if len(name) > 1 else text
    return text


def _described(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """One file, with nothing in its header that differs from machine to machine."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    archive.writestr(info, data, zipfile.ZIP_DEFLATED, 9)
