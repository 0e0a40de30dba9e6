"""What a second worker is worth: the same cells by one worker and by two, on any executor.

python -m benchmarks.efficiency [--json] [--cells 60] [--executor local|dask|slurm]

A cell computes until it has used five processor seconds. So what two cores take from each other
(the halves of one core, caches) does not count, but the gaps that the harness leaves do. Efficiency
is the seconds by one worker over twice those by two, from the first submission to the last record.
Slurm must be running (`tests/faults/slurm_here.py python -m benchmarks.efficiency …`). Target: 0.9.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.run import engines
from bench.run.dask_cluster import DaskOptions
from bench.run.slurm import SlurmOptions
from benchmarks import overhead
from benchmarks.measure import Target, arguments, report
from benchmarks.scheduling import plugged, run_on

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
    """Seconds from the first submission to the last record."""
    # Each cell is a job: what it may take is known to nobody, and a shared one would be uneven.
    slurm = SlurmOptions(jobs=workers, share_minutes=0.0, poll_seconds=2)
    chosen = engines.Options(slurm, DaskOptions(workers=workers))
    return run_on(folder, cells, executor, workers, chosen)[0]


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--executor", choices=("local", "dask", "slurm"), default="local")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugged(folder, METHOD)
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
