"""The end of a log, read without reading all of it."""

from __future__ import annotations

import os
from pathlib import Path

from bench.files import opened

LINES, LONGEST = 30, 500
"""Lines that are kept, and characters of each."""
_MOST_BYTES = 1 << 15


def tail(path: Path) -> tuple[list[str], bool]:
    """The last lines of a plain file, and whether there are more before them.

    Raises:
        OSError: it is not there, cannot be read, or is a link, a folder, a pipe, …
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = max(0, size - _MOST_BYTES)
        file.seek(start)
        lines = file.read(_MOST_BYTES).decode(errors="replace").splitlines()
    kept = [line[:LONGEST] for line in lines[-LINES:]]
    return kept, start > 0 or len(lines) > len(kept)
