"""SHA-256 of prepared files, in their folder's meta.json, and a checksum of that itself.

Folders that were prepared before there were checksums have none and are taken as they are; delete
them to have them made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.files import digest

AT_ONCE = 1 << 30
"""Bytes of a folder up to which it is verified before a process first uses it: a second or two.
Larger ones are when a method fails on them, and by `data verify`."""


def described(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Name -> SHA-256 of files that were just written."""
    return {name: digest(folder / name) for name in names}


def seal(meta: Mapping[str, Any]) -> str:
    """A checksum of all else in a meta.json, 32 hexadecimal digits."""
    rest = {name: value for name, value in meta.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:32]


def check_seal(meta: Mapping[str, Any]) -> None:
    """Raises ValueError where a meta.json is not what was written."""
    if ("checksum" in meta or "sha256" in meta) and meta.get("checksum") != seal(meta):
        raise ValueError("its checksum is not that of its content")


def verify(
    folder: Path, meta: Mapping[str, Any], mend: str, *, most: int | None = None, only: str = ""
) -> bool:
    """Hold the files of a folder against their SHA-256, those that changed since it was last done.

    Args:
        folder: What `bench.datasets.cache.write_folder` wrote.
        meta: Its meta.json.
        mend: What to do about damage, the end of the error's sentence.
        most: Pass over a folder of more bytes; None: none.
        only: The name of a single file; "" for all.

    Returns:
        Whether it was verified: not if it is too large, or from before there were checksums.

    Raises:
        BenchError: a file is damaged.
    """
    known = meta.get("sha256")
    if not known or (most is not None and sum(meta["sizes"].values()) > most):
        return False
    for name, wanted in known.items():
        if only not in ("", name):
            continue
        path = folder / name
        try:
            status = path.stat()
            found = _kept(path, status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError as error:
            raise BenchError(f"{path} is damaged ({error.strerror}): {mend}") from error
        if found != wanted:
            raise BenchError(f"{path} is damaged (its SHA-256 is another): {mend}")
    return True


@cache
def _kept(path: Path, _time: int, _size: int, _inode: int) -> str:
    """The digest of a file as it is now."""
    return digest(path)
