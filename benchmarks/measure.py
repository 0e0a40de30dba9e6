"""What the benchmarks share: timing side by side, peak memory, a table and a verdict."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from bench.errors import BenchError
from bench.run import server


@dataclass(frozen=True)
class Target:
    """A measured figure and the bound that it must keep."""

    name: str
    value: float
    bound: float
    at_least: bool = False
    """Whether the bound is a lower one."""

    @property
    def met(self) -> bool:
        """Whether the bound holds; it does not for NaN."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign, verdict = ">=" if self.at_least else "<=", "met" if self.met else "MISSED"
        return f"{self.name} {self.value:.3g} (target {sign} {self.bound:g}: {verdict})"


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser that knows --json, described by the first line of a module's docstring."""
    parser = argparse.ArgumentParser(description=(doc or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return parser


def seconds(*calls: Callable[[], object], repeats: int = 5, turn: float = 0.05) -> list[float]:
    """Median seconds of each call.

    The calls take turns, so that other load on the machine hits all of them. A turn repeats a short
    call until `turn` seconds are over, so that a call of a millisecond is not measured on the cold
    caches that a call of a hundred leaves behind.
    """
    taken: list[list[float]] = [[] for _ in calls]
    for repeat in range(repeats + 1):
        for call, times in zip(calls, taken, strict=True):
            count, start = 0, time.perf_counter()
            while count == 0 or time.perf_counter() - start < turn:
                call()
                count += 1
            if repeat:  # the first turn warms up
                times.append((time.perf_counter() - start) / count)
    return [statistics.median(times) for times in taken]


def processor_seconds(*calls: Callable[[], object], repeats: int = 5) -> list[float]:
    """Median processor seconds of each call; they take turns, the first of which warms up."""
    taken: list[list[float]] = [[] for _ in calls]
    for repeat in range(repeats + 1):
        for call, times in zip(calls, taken, strict=True):
            start = time.process_time()
            call()
            if repeat:
                times.append(time.process_time() - start)
    return [statistics.median(times) for times in taken]


def peak_bytes(call: Callable[[], object]) -> int:
    """The most that torch's CPU allocator held at once during a call, above what it held before.

    Taken from the profiler's record of each allocation and release, which is exact where the
    process's resident size is coarse; a library's own scratch space does not show.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else the profiler prints its own stages
    call()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    memory = [e for e in events if e.get("name") == "[memory]"]
    memory.sort(key=lambda event: float(event["ts"]))
    return max(itertools.accumulate((int(e["args"]["Bytes"]) for e in memory), initial=0))


def as_worker(module: str) -> None:
    """Start a benchmark anew, if need be, with the allocator that a cell's worker has.

    Args:
        module: What `python -m` was given.
    """
    if not server.TUNED.items() <= os.environ.items():
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=os.environ | server.TUNED, check=False).returncode)


def difference(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> float:
    """The largest difference, relative to the largest entry of the tensor it is found in."""
    pairs = zip(ours, theirs, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def print_compared(rows: Callable[[], Iterable[Mapping[str, Any]]], *, as_json: bool) -> int:
    """Print rows that have no target, or on standard error why there are none.

    Returns:
        The exit status: 0, or 2 where `rows` raised a BenchError.
    """
    try:
        found = list(rows())
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found) if as_json else tabulate(found, headers="keys", floatfmt=".3g"))
    return 0


def report(
    title: str, rows: Sequence[Mapping[str, Any]], targets: Sequence[Target], *, as_json: bool
) -> int:
    """Print the rows, then the figures that have targets on the last line.

    Returns:
        The exit status: 0 when every target is met, else 1.
    """
    if as_json:
        verdicts = [vars(target) | {"met": target.met} for target in targets]
        print(json.dumps({"title": title, "rows": rows, "targets": verdicts}))
    else:
        print(tabulate(rows, headers="keys", floatfmt=".3g"))
        if targets:
            print(f"{title}: {'; '.join(map(str, targets))}")
    return int(not all(target.met for target in targets))
