"""What the harness costs a cell: 1,000 cells of a method that returns at once, on two workers.

python -m benchmarks.overhead [--json] [--cells 1000]

Beside it, in the same run, the same calls through a bare `concurrent.futures` process pool, which
isolates nothing, stores nothing and scores nothing. Target: 30 ms a cell.
"""

from __future__ import annotations

import concurrent.futures
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench import registry
from bench.plan import experiment, graph
from bench.plan.cell import Cell
from bench.run.runner import Runner, RunOptions
from bench.store.folders import Store
from bench.store.record import Record
from benchmarks.measure import Target, arguments, report

TARGET_MS = 30.0
METHOD = '''
from dataclasses import dataclass

import numpy as np

from bench.registry import method
from bench.tasks import Prediction


@method("instant", kinds=("cluster",))
@dataclass(frozen=True)
class Instant:
    """Returns at once."""

    def fit(self, task, run):
        """Put every image into cluster 0."""
        return Prediction(assignments=np.zeros(len(task.target), np.int64))
'''
EXPERIMENT = """
title = "overhead"
[[table]]
name = "overhead"
caption = "Overhead."
seeds = {cells}
[[table.column]]
label = "digits"
task = "digits/cluster"
metric = "ACC"
[[table.row]]
label = "instant"
method = "instant"
"""


class Silent:
    """Shows nothing."""

    def started(self, cell: Cell) -> None:
        """A cell was given to a worker."""

    def progressed(self, cell: Cell, fraction: float) -> None:
        """A running cell says how far it is."""

    def ended(self, cell: Cell, result: Record | None) -> None:
        """A cell ended."""

    def gave_up(self, cell: Cell, reason: str) -> None:
        """A cell cannot run."""


def harness(folder: Path, cells: int, workers: int) -> float:
    """Seconds that the harness takes for so many cells, from the plan to the last record."""
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "instant.py").write_text(METHOD, encoding="utf-8")
    (folder / "overhead.toml").write_text(EXPERIMENT.format(cells=cells), encoding="utf-8")
    registry.load([plugins])
    options = graph.Options(data_root=folder / "data")
    (folder / "data").mkdir()
    # One cell first: it starts the server that forks the workers, and prepares the digits.
    for number in (1, cells):
        chosen = experiment.load(str(folder / "overhead.toml"))
        seeds = tuple(range(10_000, 10_000 + number)) if number == 1 else tuple(range(number))
        start = time.perf_counter()
        made = graph.make([chosen], graph.Options(seeds=seeds, data_root=options.data_root))
        store = Store(folder / "results")
        run = RunOptions(workers=workers, data_root=options.data_root, plugins=(plugins,))
        Runner(made, store, run, Silent()).run()
        seconds = time.perf_counter() - start
    done = [r for r in store.records().values() if r.state == "done"]
    if len(done) != cells + 1:
        raise SystemExit(f"{len(done)} of {cells + 1} cells are done: the figure means nothing")
    return seconds


def _instant(n: int) -> np.ndarray:
    return np.zeros(n, np.int64)


def bare(cells: int, workers: int) -> float:
    """Seconds that a bare pool takes for the same calls."""
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        list(pool.map(_instant, [1797] * workers))
        start = time.perf_counter()
        list(pool.map(_instant, [1797] * cells))
        return time.perf_counter() - start


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    cells, workers = chosen.cells, chosen.workers
    with tempfile.TemporaryDirectory() as folder:
        seconds = {
            "bench": harness(Path(folder), cells, workers),
            "bare pool": bare(cells, workers),
        }
    rows = [
        {"": name, "cells": cells, "seconds": s, "ms a cell": 1000 * s / cells}
        for name, s in seconds.items()
    ]
    target = Target("ms a cell", 1000 * seconds["bench"] / cells, TARGET_MS)
    return report("overhead", rows, [target], as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
