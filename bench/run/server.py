"""The process that workers are forked from: it has imported everything and holds no data.

Forking from it costs milliseconds. What cells leave behind comes to it, since it adopts orphans.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import sys
import tempfile
import types
from collections.abc import Iterable, Iterator
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

import bench
from bench.errors import BenchError
from bench.run import processes

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

METHODS = "BENCH_PRELOAD"
"""Environment variable of the server: the methods whose modules it imports, parted by commas; all
where there is none."""
_GIGABYTE = 1 << 30
TUNED = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"
    f":glibc.malloc.mmap_threshold={_GIGABYTE}:glibc.malloc.trim_threshold={_GIGABYTE}",
    "PYTHONMALLOC": "malloc",
}
"""Of the server, and so of its workers. To fork it means to copy the table of its pages, half a
gigabyte of small ones after all imports: 30 ms a worker here, 11 ms with huge ones. And what a
network has freed stays with the process up to a gigabyte: by default tensors above 32 MB are given
back at once, and every layer waits until the system has cleared fresh pages for it."""
_LONGEST = 60
"""Bytes of the folder for temporary files: of a socket's 107 some go to the rest of its path."""


@contextlib.contextmanager
def preloading(methods: Iterable[str]) -> Iterator[None]:
    """Let a server that starts meanwhile import these methods' modules and no others."""
    os.environ[METHODS] = ",".join(sorted(set(methods)))
    try:
        yield
    finally:
        del os.environ[METHODS]


@cache
def context() -> ForkServerContext | SpawnContext:
    """Where workers come from: a server that has imported everything and holds no data.

    It starts with the first worker, so that a run with nothing to do does not wait for it.

    Raises:
        BenchError: there is no place for its socket.
    """
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.run.preload"])
    _settle_sockets()
    # The server looks into the current folder first, where a folder called bench may lie.
    paths = [str(Path(bench.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {**TUNED, "PYTHONPATH": os.pathsep.join(paths)}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        forkserver.ensure_running()
    except OSError as error:
        raise BenchError(f"no worker can be started: {error}") from error
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


def _settle_sockets() -> None:
    """Make the folder of this process's sockets, whose paths may have a hundred characters.

    Raises:
        BenchError: no folder of a short name can be written.
    """
    try:
        wanted = tempfile.gettempdir()
    except OSError as error:
        raise BenchError(f"no folder for temporary files: {error.strerror}; set TMPDIR") from error
    short = [wanted] if len(os.fsencode(wanted)) <= _LONGEST else []
    for folder in (*short, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - a new folder in it
        try:
            tempfile.tempdir = folder
            multiprocessing.util.get_temp_dir()  # makes it once, for this process and its workers
        except OSError:
            continue
        finally:
            tempfile.tempdir = wanted
        return
    raise BenchError(
        f"TMPDIR {wanted} has {len(wanted)} characters, and sockets of workers have room for "
        f"{_LONGEST}; set TMPDIR to a folder of a shorter name"
    )


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Hide the program's main module, which every new process would import otherwise.

    A worker needs nothing of it; a script that runs cells needs no `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def end_orphans() -> None:
    """End what workers that are gone have left to the server, in sessions of their own.

    Workers themselves are spared: those that are known here, and one that is so young that it has
    not left the server's session.
    """
    server = pid()
    if server is None:
        return
    own = processes.session(server)

    def spared(child: int) -> bool:
        known = {process.pid for process in multiprocessing.active_children()}
        return child in known or processes.session(child) in (own, 0)

    processes.end_below(server, spared)


def let_go() -> None:
    """In a worker: leave it to the harness alone how long the server stays.

    The server ends when nobody is left who holds a certain pipe. Every worker inherits that, and
    one that hangs would keep the server from ending it.
    """
    server = getattr(forkserver, "_forkserver", None)
    descriptor = getattr(server, "_forkserver_alive_fd", None)
    if server is not None and isinstance(descriptor, int):
        os.close(descriptor)
        server._forkserver_alive_fd = None


def pid() -> int | None:
    """The process that workers are forked from, if there is one."""
    pid = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    return pid if isinstance(pid, int) else None


def lives() -> bool:
    """Whether there is one."""
    server = pid()
    return server is not None and processes.lives(server)
