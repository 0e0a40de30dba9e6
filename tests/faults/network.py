"""A Dask cluster whose workers have networks of their own, which can be cut; needs root.

Each worker lives in a network namespace and reaches the scheduler through one cable. That the
workers share a disk with the run stays as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kill_run import kill_tree

from bench import ROOT

_SECONDS = 60.0
_BLOCK = "10.213"
"""Of private addresses: the cable of worker w is 10.213.w.0/30."""
_HOST = f"{_BLOCK}.255.1"
"""Where the scheduler listens, on no network but these."""


def lacking() -> str:
    """Why no namespaces can be made here; "" where they can."""
    if shutil.which("ip") is None:
        return "no command `ip`"
    name = f"bench-probe-{os.getpid()}"
    made = _tried("netns", "add", name) and _tried("-n", name, "link", "set", "lo", "up")
    cabled = made and _tried(
        "link", "add", "bench-probe", "type", "veth", "peer", "name", "e", "netns", name
    )
    _tried("netns", "del", name)
    return "" if cabled else "network namespaces are not allowed here"


def _tried(*words: str) -> bool:
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@dataclass(frozen=True)
class Cluster:
    """A scheduler and its workers."""

    address: str
    """Of the scheduler, for the run."""

    def cut(self, worker: int) -> None:
        """Pull a worker's cable: nothing arrives any more, and nobody is told."""
        _ip("link", "set", f"bench{worker}", "down")

    def mend(self, worker: int) -> None:
        """Put it back."""
        _ip("link", "set", f"bench{worker}", "up")


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    """A scheduler on this machine's network, each worker on one of its own.

    Args:
        folder: For what the scheduler says of itself, and logs.
        workers: Their number.
    """
    with contextlib.ExitStack() as stack:
        _tried("addr", "add", f"{_HOST}/32", "dev", "lo")
        stack.callback(_tried, "addr", "del", f"{_HOST}/32", "dev", "lo")
        said = folder / "scheduler.json"
        started(stack, folder, "scheduler", "--host", _HOST, "--port", "0",
                 "--no-dashboard", "--scheduler-file", str(said))  # fmt: skip
        where = address(said)
        for worker in range(workers):
            _cabled(stack, worker)
            started(
                stack, folder, "worker", where, "--nthreads", "1", "--no-dashboard",
                "--local-directory", str(folder / f"worker{worker}"), inside=f"bench{worker}",
            )  # fmt: skip
        yield Cluster(where)


def _cabled(stack: contextlib.ExitStack, worker: int) -> None:
    """A namespace and its cable to this machine, for as long as the stack lasts."""
    name = f"bench{worker}"
    _tried("netns", "del", name)  # of a test that was killed
    _ip("netns", "add", name)
    stack.callback(_tried, "netns", "del", name)  # its cable goes with it
    _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("addr", "add", f"{_BLOCK}.{worker}.1/30", "dev", name)
    _ip("link", "set", name, "up")
    _ip("-n", name, "addr", "add", f"{_BLOCK}.{worker}.2/30", "dev", "eth0")
    for device in ("eth0", "lo"):
        _ip("-n", name, "link", "set", device, "up")
    _ip("-n", name, "route", "add", _HOST, "via", f"{_BLOCK}.{worker}.1")


def started(
    stack: contextlib.ExitStack, folder: Path, role: str, *words: str, inside: str = ""
) -> subprocess.Popen[str]:
    """One of Dask's commands, until the stack ends."""
    ahead = ["ip", "netns", "exec", inside] if inside else []
    log = stack.enter_context((folder / f"{role}{inside}.log").open("w"))
    process = subprocess.Popen(
        [*ahead, sys.executable, "-m", f"distributed.cli.dask_{role}", *words],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log,
        text=True,
    )  # fmt: skip
    stack.callback(kill_tree, process)
    return process


def address(said: Path) -> str:
    """The scheduler's, once it says so."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, ValueError):  # half written
            return str(json.loads(said.read_text())["address"])
        time.sleep(0.1)
    raise TimeoutError(f"{said} is not written")
