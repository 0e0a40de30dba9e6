"""The processes below another one, whatever sessions they made for themselves; Linux alone.

A process whose parent has ended becomes the child of its nearest ancestor that is a subreaper. So
what a cell starts stays below its worker while that lives, below the server of workers after that,
and can be found and ended. On other systems nothing is found here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 200
"""How often what has started meanwhile is looked for."""


def adopt_orphans() -> None:
    """Make this process the parent of all below it whose own parents end."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> list[int]:
    """The processes whose parent this one is, those that ended and wait to be noticed left out."""
    if not _lists_children():
        return [p for p, (state, parent) in _all().items() if parent == pid and state not in "ZX"]
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended, or a thread of it
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return [child for child in found if lives(child)]


@cache
def _lists_children() -> bool:
    """Whether this kernel does, which saves a look at all processes."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def below(pid: int) -> list[int]:
    """All processes below one, parents first."""
    found = children(pid)
    for child in found:  # grows meanwhile
        found += children(child)
    return found


def end_below(pid: int, spared: Callable[[int], bool] = lambda _: False) -> None:
    """Kill everything below a process, until nothing new turns up.

    Args:
        pid: Of the process, itself left alone.
        spared: Asked of each of its children: whether that and all below it are left alone.
    """
    for _ in range(_ROUNDS):
        found = [child for child in children(pid) if not spared(child)]
        if not found:
            return
        for child in found:
            kill([*below(child), child])
        time.sleep(0.001)  # till those are gone, and their children moved up


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be noticed does not."""
    return _status(pid)[0] not in "ZX"


def session(pid: int) -> int:
    """The session of a process; 0 where it is gone."""
    try:
        return os.getsid(pid)
    except (OSError, AttributeError):
        return 0


def memory(pid: int, enough: int) -> int:
    """Bytes that a process and all below it hold: their own pages, and their shares of others.

    Pages that several of them map count once. That takes a walk through their page tables, so it
    is only done where the quick sum, which counts such pages for each, is more than `enough`.

    Args:
        pid: Of the process.
        enough: What the caller compares the result with, bytes.
    """
    pids = [pid, *below(pid)]
    quick = sum(_fields(p, "status", ("RssAnon", "RssShmem")) for p in pids)
    if quick <= enough:
        return quick
    return sum(_fields(p, "smaps_rollup", ("Pss_Anon", "Pss_Shmem")) for p in pids)


def _fields(pid: int, file: str, names: tuple[str, ...]) -> int:
    """The sum of some lines such as "RssAnon:  1234 kB" of a file in /proc, bytes."""
    try:
        text = _about(pid, file)
    except OSError:  # it has ended
        return 0
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return sum(1024 * int(value.split()[0]) for name, value in pairs if name in names)


def _all() -> dict[int, tuple[str, int]]:
    """Every process -> `_status`."""
    try:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    except OSError:
        return {}
    return {pid: _status(pid) for pid in pids}


def _status(pid: int) -> tuple[str, int]:
    """The letter of a process's state and its parent; "X" where it is gone."""
    try:
        text = _about(pid, "stat")
    except OSError:
        return "X", 0
    state, parent, *_ = text.rpartition(")")[2].split()
    return state, int(parent)


def _about(pid: int, file: str) -> str:
    """A file in /proc, whose process may be called by any bytes, brackets among them."""
    return Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8", errors="replace")
