"""The lock of a cell: the system's where the file system has such, else a file that is there.

Locks save work. No result rests on them: two runs that compute a cell at once make the same bytes,
and the later one finds that it is done.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import time
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from bench.errors import BenchError

_WITHOUT = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""Errors of file systems, of networks mostly, that have no locks."""
_TORN_SECONDS = 60.0
"""From then on a mark without a holder's name was left by a process that died while it wrote it."""


class CellLock:
    """A lock that one process holds; the system releases it when that dies.

    On a file system without locks a file beside it, `KEY.held`, names the holder. Such a mark is of
    no more use once its process is gone, which only the same machine can tell: of another machine
    it counts until somebody deletes it.
    """

    def __init__(self, file: Path) -> None:
        """The lock behind a file, which need not exist."""
        self._lock = FileLock(file)
        self._file, self._mark = file, file.with_suffix(".held")
        self._marked = False

    def acquire(self) -> Self:
        """Take it at once.

        Raises:
            Timeout: another process holds it.
            BenchError: neither a lock nor a mark can be had here.
        """
        try:
            try:
                self._lock.acquire(blocking=False)
            except NotImplementedError:  # what `filelock` makes of ENOSYS
                self._take_mark()
            except OSError as error:
                if error.errno not in _WITHOUT:
                    raise
                self._take_mark()
        except Timeout:
            raise
        except OSError as error:
            raise BenchError(_sentence(self._file, error)) from error
        return self

    def release(self, *, done: bool = False) -> None:
        """Let it go, where it is held.

        Args:
            done: Nobody will want it again: its file goes too. Whoever waits for that finds, once
                it has it, that the cell is done.
        """
        with contextlib.suppress(OSError):
            if self._marked:
                self._mark.unlink(missing_ok=True)
            if done:
                self._file.unlink(missing_ok=True)
        self._marked = False
        with contextlib.suppress(OSError, NotImplementedError):
            self._lock.release()

    def __enter__(self) -> Self:
        """Of a lock that is held: `with lock.acquire():`."""
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take_mark(self) -> None:
        """Be the one who makes the file.

        Raises:
            Timeout: it is there, and its process may live.
            OSError: it cannot be made.
        """
        for _ in range(2):
            try:
                descriptor = os.open(self._mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                if not _left(self._mark):
                    break
                self._mark.unlink(missing_ok=True)
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{platform.node()}\n{os.getpid()}\n{_birth(os.getpid())}\n")
            self._marked = True
            return
        raise Timeout(str(self._mark))


def _left(mark: Path) -> bool:
    """Whether the process that made a mark is known to be gone."""
    try:
        lines = mark.read_text(encoding="utf-8", errors="replace").split("\n")
        age = time.time() - mark.stat().st_mtime
    except FileNotFoundError:
        return True
    if len(lines) != 4 or not lines[1].isdecimal():
        return age > _TORN_SECONDS
    return lines[0] == platform.node() and _birth(int(lines[1])) != lines[2]


def _birth(pid: int) -> str:
    """When a process began, in ticks since the machine did; "" where none is of this number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            return "?"  # it lives, on a system that does not tell more
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _sentence(file: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{file}: no room for it: make some and start again, finished cells are kept"
    why = error.strerror or str(error)
    return f"{file}: cannot be locked ({why}); make {file.parent} writable, or choose --results"
