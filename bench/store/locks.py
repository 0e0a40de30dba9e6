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
from functools import cache
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from bench.errors import BenchError
from bench.files import opened

_WITHOUT = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""Errors of file systems, of networks mostly, that have no locks."""
_TORN_SECONDS = 60.0
"""From then on a mark without a holder's name was left by a process that died while it wrote it."""
LEASE_SECONDS = 300.0
"""A mark of another machine that nobody renewed for so long, as watched from here, has expired."""
RENEW_SECONDS = 30.0
"""How often a holder renews its marks."""
_FORGOTTEN_SECONDS = 86400.0
"""So old by the clock, which may be wrong by less, it has expired without being watched."""
_MOST_BYTES = 1000
"""Of a mark."""
_watched: dict[Path, tuple[int, float]] = {}
"""Marks of others -> the time of their last renewal, and when this process first saw that."""


class CellLock:
    """A lock that one process holds, on any file system and whatever machines share it.

    Two things make it: a lock of the operating system, which goes when its holder dies, and a mark,
    `KEY.held`, that names the holder, for machines that do not see one another's locks and file
    systems that have none. A mark is of no more use once its process is gone, which the same
    machine can tell at once. For others it is a lease: the holder renews it, and who has watched it
    for `LEASE_SECONDS` without that takes it. No clock of one machine is held against another's,
    but for marks that are torn or a day old.
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
                pass
            except OSError as error:
                if error.errno not in _WITHOUT:
                    raise
            self._take_mark()
        except Timeout:
            self._unlock()
            raise
        except OSError as error:
            self._unlock()
            raise BenchError(_sentence(self._file, error)) from error
        return self

    def renew(self) -> None:
        """Tell other machines that its holder lives; to be called every `RENEW_SECONDS`."""
        with contextlib.suppress(OSError):
            os.utime(self._mark)

    def release(self, *, done: bool = False) -> None:
        """Let it go, where it is held.

        Args:
            done: Nobody will want it again: its file goes too. Whoever waits for that finds, once
                it has it, that the cell is done.
        """
        with contextlib.suppress(OSError):
            if self._marked and _holder(self._mark) == _own():
                self._mark.unlink(missing_ok=True)
            if done:
                self._file.unlink(missing_ok=True)
        self._marked = False
        self._unlock()

    def __enter__(self) -> Self:
        """Of a lock that is held: `with lock.acquire():`."""
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _unlock(self) -> None:
        with contextlib.suppress(OSError, NotImplementedError):
            self._lock.release()

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
                judged = _holder(self._mark)
                if not _left(self._mark, judged) or not self._put_away(judged):
                    break
                continue
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_own())
            except OSError:
                self._mark.unlink(missing_ok=True)
                raise
            self._marked = True
            return
        raise Timeout(str(self._mark))

    def _put_away(self, judged: bytes) -> bool:
        """Take a mark away that was left; False where it is somebody's new one by now."""
        aside = self._mark.with_name(f".{self._mark.name}-{platform.node()}-{os.getpid()}")
        try:
            self._mark.rename(aside)  # of two who try, one can
        except FileNotFoundError:
            return True
        found = _holder(aside)
        with contextlib.suppress(OSError):
            if found != judged:
                os.link(aside, self._mark)
            aside.unlink()
        return found == judged


def holders(folder: Path) -> dict[str, str]:
    """Name of a lock -> who holds it now, such as "process 12 on node3".

    For people: a mark of another machine counts while its time is no older than a lease, by the
    clock of this one.

    Args:
        folder: Of locks; it may be a stranger's, or not be there.
    """
    found: dict[str, str] = {}
    for mark in sorted(folder.glob("*.held")) if not folder.is_symlink() else ():
        with contextlib.suppress(OSError), opened(mark) as file:
            holder = file.read(_MOST_BYTES)
            lines = holder.decode(errors="replace").split("\n")
            age = time.time() - os.fstat(file.fileno()).st_mtime
            here = lines[0] == machine()
            if len(lines) == 4 and not _left(mark, holder) and (here or age <= LEASE_SECONDS):
                found[mark.stem] = f"process {lines[1]} on {lines[0].partition(' ')[0]}"
    return found


@cache
def machine() -> str:
    """This machine, since it was started, as its processes are numbered here (in a container)."""
    words = [platform.node()]
    with contextlib.suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with contextlib.suppress(OSError):
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(words)


def _own() -> bytes:
    """What this process writes into its marks."""
    return f"{machine()}\n{os.getpid()}\n{_birth(os.getpid())}\n".encode()


def _holder(mark: Path) -> bytes:
    """What is written in a mark; nothing where it is gone."""
    try:
        return mark.read_bytes()
    except FileNotFoundError:
        return b""


def _left(mark: Path, holder: bytes) -> bool:
    """Whether the process that made a mark is gone, or has not renewed it for too long."""
    try:
        renewed = mark.stat().st_mtime_ns
    except FileNotFoundError:
        return True
    age = time.time() - renewed / 1e9
    lines = holder.decode(errors="replace").split("\n")
    if len(lines) != 4 or not lines[1].isdecimal():
        return age > _TORN_SECONDS
    if lines[0] == machine():
        return _birth(int(lines[1])) != lines[2]
    before, since = _watched.get(mark, (0, 0.0))
    if before != renewed:
        _watched[mark] = (renewed, since := time.monotonic())
    return age > _FORGOTTEN_SECONDS or time.monotonic() - since > LEASE_SECONDS


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
