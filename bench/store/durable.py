"""Writes that survive a power cut: files on the disk before they get their name, and that too."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk.

    Raises:
        OSError: it could not be written; some file systems say so only now.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if path.is_dir():
            with contextlib.suppress(OSError):  # some file systems do not sync folders
                os.fsync(descriptor)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Wait until a folder is on the disk with the files in it.

    All at once: a disk takes hardly longer for many than for one.
    """
    files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(sync, [*files, folder]):
            pass  # raises what a thread raised


def make_folder(folder: Path) -> None:
    """Make a folder with those above it, so that they stay."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)
