"""Folders of arrays under the cache: whole or absent, written by one process at a time.

A folder is written beside its final place and renamed into it; its meta.json holds the size of
every file, so that a truncated one is noticed before it is used, and its SHA-256.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from bench.datasets import checksums
from bench.errors import BenchError
from bench.files import content

VERSION = 1
"""The layout's; a folder of another version counts as absent."""


@dataclass(frozen=True)
class Rows:
    """Rows of an array in some order, copied a block at a time: they need not fit into memory."""

    array: npt.NDArray[Any]
    index: npt.NDArray[np.int64]


Content = npt.NDArray[Any] | Rows | Mapping[str, npt.NDArray[Any]]
_BLOCK_BYTES = 2**26
_META_BYTES = 2**24


def cache_root(root: Path) -> Path:
    """`$BENCH_CACHE`, or else `<root>/prepared`."""
    # Absolute: another machine's processes start in other folders.
    return Path(os.environ.get("BENCH_CACHE") or root / "prepared").absolute()


def unwritable(folder: Path, error: OSError) -> BenchError:
    """The error for a folder that cannot be written to, or whose disk is full."""
    return BenchError(
        f"cannot write {folder} ({error.strerror or error}): set BENCH_CACHE to a folder on a "
        "disk with room that you may write to"
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process that writes this folder."""
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def write_folder(
    folder: Path, files: Mapping[str, Content], meta: Mapping[str, Any]
) -> dict[str, Any]:
    """Write arrays (.npy) and groups of arrays (.npz); call it under the lock.

    Returns:
        What meta.json then holds: `meta`, the layout's version and the files' sizes.
    """
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    try:
        for left_over in (new, old):
            if left_over.exists():
                shutil.rmtree(left_over)
        new.mkdir(parents=True)
        for name, held in files.items():
            if isinstance(held, Mapping):
                arrays: dict[str, Any] = dict(held)
                np.savez(new / name, **arrays)
            elif isinstance(held, Rows):
                _save_rows(new / name, held)
            else:
                np.save(new / name, held)
        sizes = {name: (new / name).stat().st_size for name in files}
        digests = checksums.described(new, files)
        whole = {**meta, "version": VERSION, "sizes": sizes, "sha256": digests}
        whole["checksum"] = checksums.seal(whole)
        text = json.dumps(whole, indent=1, sort_keys=True)
        (new / "meta.json").write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise unwritable(folder, error) from error
    return whole


def _save_rows(path: Path, rows: Rows) -> None:
    """An .npy file as `numpy.save` would write it."""
    array, index = rows.array, rows.index
    step = max(_BLOCK_BYTES // max(array[:1].nbytes, 1), 1)
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {**header, "shape": (len(index), *array.shape[1:])}
        )
        for start in range(0, len(index), step):
            file.write(np.ascontiguousarray(array[index[start : start + step]]).data)


def read_meta(folder: Path, mend: str) -> dict[str, Any] | None:
    """The folder's meta.json; None if the folder is absent or of another version.

    Args:
        folder: What `write_folder` wrote.
        mend: What to do about a damaged folder, the end of the error's sentence.

    Raises:
        BenchError: a file is missing, truncated or unreadable.
    """
    path = folder / "meta.json"
    if not folder.is_dir():
        return None
    try:
        meta: dict[str, Any] = json.loads(content(path, _META_BYTES).decode())
        if meta["version"] != VERSION:
            return None
        checksums.check_seal(meta)
        sizes = dict(meta["sizes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BenchError(f"{path} cannot be read ({error}): {mend}") from error
    for name, size in sizes.items():
        file = folder / name
        found = file.stat().st_size if file.is_file() else "missing"
        if found != size:
            raise BenchError(f"{file} is damaged ({found}, not {size} bytes): {mend}")
    return meta
