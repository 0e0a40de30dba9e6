"""What a second worker is worth: the same cells by one worker and by two, on any executor.

python -m benchmarks.efficiency [--json] [--cells 12] [--executor local|dask|slurm]

A cell computes until it has used five processor seconds. So what two cores take from each other
(the halves of one core, caches) does not count, but the gaps that the harness leaves do. Efficiency
is the seconds by one worker over twice those by two, from the first submission to the last record.
Slurm must be running (`tests/faults/slurm_here.py python -m benchmarks.efficiency …`). Target: 0.9.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from bench import registry
from bench.plan import experiment, graph
from bench.run import engines
from bench.run.dask_cluster import DaskOptions
from bench.run.runner import Runner, RunOptions
from bench.run.slurm import SlurmOptions
from bench.store.folders import Store
from benchmarks import overhead
from benchmarks.measure import Target, arguments, report

TARGET = 0.9
WORKERS = (1, 2)
METHOD = (
    overhead.METHOD.replace("Returns at once.", "Takes five processor seconds.")
    .replace(
        "        return Prediction",
        "        while time.process_time() < 5.0:\n            pass\n        return Prediction",
    )
    .replace("import numpy", "import time\n\nimport numpy", 1)
)


def wall_seconds(folder: Path, cells: int, executor: str, workers: int) -> float:
    """Seconds of a run of so many cells, the start of workers or of a cluster aside."""
    options = graph.Options(data_root=folder / "data", seeds=tuple(range(cells)))
    made = graph.make([experiment.load(str(folder / "efficiency.toml"))], options)
    store = Store(folder / f"{cells}-by-{workers}")
    store.check_writable()
    asked = RunOptions(workers, folder / "data", plugins=(folder / "own",))
    # Each cell is a job: what it may take is known to nobody, and a shared one would be uneven.
    slurm = SlurmOptions(jobs=workers, share_minutes=0.0, poll_seconds=2)
    chosen = engines.Options(slurm, DaskOptions(workers=workers))
    with contextlib.ExitStack() as stack:
        pool = None
        if executor != "local":
            pool = stack.enter_context(engines.opened(executor, chosen, store, workers, 600.0))
        runner = Runner(made, store, asked, overhead.Silent(), pool)
        start = time.perf_counter()
        runner.run()
        seconds = time.perf_counter() - start
    if sum(record.state == "done" for record in store.records().values()) != cells:
        raise SystemExit(f"not all of {cells} cells are done: the figure means nothing")
    return seconds


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--cells", type=int, default=12)
    parser.add_argument("--executor", choices=("local", "dask", "slurm"), default="local")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("data", "own"):
            (folder / part).mkdir()
        (folder / "own" / "instant.py").write_text(METHOD, encoding="utf-8")
        text = overhead.EXPERIMENT.format(cells=chosen.cells)
        (folder / "efficiency.toml").write_text(text, encoding="utf-8")
        registry.load([folder / "own"])
        os.environ[registry.PLUGINS] = str(folder / "own")
        wall_seconds(folder, 1, "local", 1)  # starts the server of workers, prepares the digits
        times = [wall_seconds(folder, chosen.cells, chosen.executor, n) for n in WORKERS]
    rows = [
        {"executor": chosen.executor, "workers": n, "cells": chosen.cells, "seconds": taken}
        for n, taken in zip(WORKERS, times, strict=True)
    ]
    one, two = times
    targets = [Target("efficiency", one / (2 * two), TARGET, at_least=True)]
    return report("efficiency", rows, targets, as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
