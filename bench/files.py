"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bench.errors import BenchError


def safe(name: str) -> str:
    """A name of a file with nothing in it that some system does not take."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-")


def replace(path: Path, content: bytes) -> Path:
    """Write a file beside its place and rename it into it, so that no half file is ever seen.

    Raises:
        BenchError: the folder cannot be made or written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror or error}") from error
    return path
