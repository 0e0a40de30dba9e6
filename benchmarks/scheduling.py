"""What the harness computes for a cell of a method that takes many seeds at once, by their number.

python -m benchmarks.scheduling [--json] [--cells 1000 10000] [--executor local|dask|slurm]

Cells of `fit_many`, ten seeds a group, on a pool that starts no process: it puts a prediction into
each attempt's folder and reports at once. Counted are processor seconds of the whole run, from the
plan to the last record. Targets: ten times the cells cost no more each, within a quarter, and their
order alone takes a twentieth of a millisecond.

With --executor the cells are real ones that return at once, each in a process of its own, computed
there. Counted are processor seconds of the submitting process and those that the cells say of
themselves, not of Slurm's or Dask's own processes. Targets: 30 ms a cell on this machine, 50 on the
others. Slurm must be running (`tests/faults/slurm_here.py python -m benchmarks.scheduling …`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench import registry
from bench.plan import experiment, graph
from bench.run import engines, grouping, server
from bench.run.dask_cluster import DaskOptions
from bench.run.job import Job, Report
from bench.run.order import Order
from bench.run.runner import Runner, RunOptions
from bench.run.slurm import SlurmOptions
from bench.store import outputs
from bench.store.folders import PREDICTION, Store
from bench.store.record import Record
from bench.tasks import Prediction
from benchmarks import overhead
from benchmarks.measure import Target, arguments, report

SEEDS = 10
TARGET_GROWTH = 1.25
TARGET_ORDER_MS = 0.05
TARGET_MS = {"local": 30.0, "dask": 50.0, "slurm": 50.0}
METHOD = '''
from dataclasses import dataclass

from bench.registry import method


@method("together", kinds=("cluster",))
@dataclass(frozen=True)
class Together:
    """Takes many seeds at once."""

    number: int = 0

    def fit(self, task, run):
        """Nobody calls it here."""

    def fit_many(self, task, runs):
        """Nor this."""
'''


class Instant:
    """Computes nothing: every cell has the same prediction, at once."""

    free = 2

    def __init__(self, prediction: Path) -> None:
        self._content = prediction.read_bytes()
        self._ended: list[tuple[Job, Report]] = []

    def start(self, jobs: Sequence[Job]) -> None:
        """Leave a prediction for each job."""
        for job in jobs:
            (job.attempt / PREDICTION).write_bytes(self._content)
            self._ended.append((job, Report()))
        self.free -= 1

    def wait(self, seconds: float) -> list[tuple[Job, Report]]:  # noqa: ARG002
        """All that was started."""
        ended, self._ended, self.free = self._ended, [], 2
        return ended

    def stop(self) -> None:
        """Nothing runs."""


def toml(cells: int) -> str:
    """An experiment of so many cells."""
    text = (
        f'title = "scheduling"\n[[table]]\nname = "t"\ncaption = "Scheduling."\nseeds = {SEEDS}\n'
    )
    text += '[[table.column]]\nlabel = "digits"\ntask = "digits/cluster"\nmetric = "ACC"\n'
    for number in range(cells // SEEDS):
        text += f'[[table.row]]\nlabel = "{number}"\nmethod = "together"\n'
        text += f"params = {{ number = {number} }}\n"
    return text


def order_seconds(made: graph.Plan) -> float:
    """Processor seconds to bring the cells of a plan into groups and into order."""
    start = time.process_time()
    order = Order(made.cells, made.cells.keys(), grouping.groups(made.cells, made))
    while order:
        for key in order.pop():
            order.done(key)
    return time.process_time() - start


def measure(folder: Path, cells: int) -> tuple[float, float]:
    """Processor seconds of a whole run, and of the order of its cells alone."""
    file = folder / f"scheduling-{cells}.toml"
    file.write_text(toml(cells), encoding="utf-8")
    start = time.process_time()
    made = graph.make([experiment.load(str(file))], graph.Options(data_root=folder / "data"))
    store = Store(folder / f"results-{cells}")
    options = RunOptions(workers=2, data_root=folder / "data")
    Runner(made, store, options, overhead.Silent(), Instant(folder / PREDICTION)).run()
    seconds = time.process_time() - start
    done = sum(r.state == "done" and r.group == SEEDS for r in store.records().values())
    if done != cells:
        raise SystemExit(f"{done} of {cells} cells are done in groups: the figure means nothing")
    return seconds, order_seconds(made)


def plugged(folder: Path, method: str) -> None:
    """Make a method known here and to workers elsewhere, and a folder for the digits."""
    for name in ("data", "own"):
        (folder / name).mkdir()
    (folder / "own" / "instant.py").write_text(method, encoding="utf-8")
    registry.load([folder / "own"])
    os.environ[registry.PLUGINS] = str(folder / "own")


def run_on(
    folder: Path, cells: int, executor: str, workers: int, chosen: engines.Options
) -> tuple[float, Iterable[Record]]:
    """Wall seconds of a run of real cells, the start of a cluster aside, and their records."""
    file = folder / f"{executor}-{cells}.toml"
    file.write_text(overhead.EXPERIMENT.format(cells=cells), encoding="utf-8")
    options = graph.Options(data_root=folder / "data", seeds=tuple(range(cells)))
    made = graph.make([experiment.load(str(file))], options)
    store = Store(folder / f"{executor}-{cells}-by-{workers}")
    asked = RunOptions(workers, folder / "data", plugins=(folder / "own",))
    store.check_writable()
    with contextlib.ExitStack() as stack:
        pool = None  # its workers import what `bench run` lets them import
        stack.enter_context(server.preloading(cell.method for cell in made.cells.values()))
        if executor != "local":
            pool = stack.enter_context(engines.opened(executor, chosen, store, workers))
        runner = Runner(made, store, asked, overhead.Silent(), pool)
        start = time.perf_counter()
        runner.run()
        seconds = time.perf_counter() - start
    records = store.records().values()
    if sum(r.state == "done" for r in records) != cells:
        raise SystemExit(f"not all of {cells} cells are done: the figure means nothing")
    return seconds, records


def measure_on(folder: Path, cells: int, executor: str) -> float:
    """Processor seconds of a run of real cells on two workers."""
    chosen = engines.Options(SlurmOptions(poll_seconds=2), DaskOptions(share_minutes=1))
    start = time.process_time()
    _, records = run_on(folder, cells, executor, 2, chosen)
    return time.process_time() - start + sum(r.cpu_seconds for r in records)


def on(executor: str, few: int, many: int, *, as_json: bool) -> int:
    """Measure one executor, print, judge."""
    rows: list[dict[str, object]] = []
    costs: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugged(folder, overhead.METHOD)
        measure_on(folder, 2, executor)  # prepares the digits
        for cells in (few, many):
            costs.append(1000 * measure_on(folder, cells, executor) / cells)
            rows.append({"executor": executor, "cells": cells, "ms a cell": costs[-1]})
    targets = [
        Target("growth", costs[1] / costs[0], TARGET_GROWTH),
        Target(f"{executor}, ms a cell", costs[1], TARGET_MS[executor]),
    ]
    return report("scheduling", rows, targets, as_json=as_json)


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--cells", type=int, nargs=2, default=[1000, 10_000])
    parser.add_argument("--executor", choices=TARGET_MS, help="real cells, computed there")
    chosen = parser.parse_args()
    if chosen.executor:
        return on(chosen.executor, *chosen.cells, as_json=chosen.json)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "plugins").mkdir()
        (folder / "plugins" / "together.py").write_text(METHOD, encoding="utf-8")
        registry.load([folder / "plugins"])
        outputs.save(folder / PREDICTION, Prediction(assignments=np.zeros(1797, np.int64)))
        measure(folder, 2 * SEEDS)  # prepares the digits
        for cells in chosen.cells:
            whole, order = measure(folder, cells)
            rows.append({"cells": cells, "ms a cell": 1000 * whole / cells})
            rows[-1]["order, ms a cell"] = 1000 * order / cells
    few, many = rows
    targets = [
        Target("growth", many["ms a cell"] / few["ms a cell"], TARGET_GROWTH),
        Target("order, ms a cell", many["order, ms a cell"], TARGET_ORDER_MS),
    ]
    return report("scheduling", rows, targets, as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
