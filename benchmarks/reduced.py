"""What bfloat16 does to results: the same seeds of digits in float32 and in bfloat16, paired.

python -m benchmarks.reduced [--json] [--seeds 10] [--workers 2]

KCL, MCL and the ClusterNet of 2016 on the second five digits, each with a similarity network G of
the same type that was learned on the first five. Differences are in points, bfloat16 less float32;
p is of Student's paired t-test, without a correction for the number of tests. There is no target.
Some ten minutes on one core; longer where a CPU has no instructions for bfloat16.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import bench
from bench.score.statistics import paired_p
from benchmarks.measure import arguments, report

METHODS = ("kcl", "mcl", "discovery")
EXPERIMENT = """\
title = "Networks in two types"
[preset.quick.params]
similarity = { widths = [32, 64], classes_per_batch = 5, images_per_class = 10, size = 8, \
invert = false, mean = 0.29, std = 0.35, epochs = 10, milestones = [6, 8] }
discovery = { widths = [32, 64], epochs = 20, milestones = [14], learning_rate = 1e-3 }
kcl = { widths = [32, 64], epochs = 20, milestones = [14] }
mcl = { widths = [32, 64], epochs = 20, milestones = [14] }
[[table]]
name = "types"
caption = "The second five digits."
column = [{ label = "digits", task = "digits/transfer", metrics = ["ACC", "NMI"] }]
row = [
  { label = "KCL", method = "kcl" },
  { label = "MCL", method = "mcl" },
  { label = "ClusterNet", method = "discovery" },
]
"""


def values(folder: Path, dtype: str, seeds: int, workers: int) -> dict[tuple[str, str], Any]:
    """(method, metric) -> seed -> value, of cells that were computed in one type."""
    toml = folder / "types.toml"
    toml.write_text(EXPERIMENT)
    frame = bench.run(
        toml, dtype=dtype, seeds=seeds, workers=workers, results=folder / "results", quiet=True
    )
    frame = frame[frame["metric"].isin(("ACC", "NMI"))]
    return {
        (method, metric): dict(zip(of["seed"], of["value"], strict=True))
        for (method, metric), of in frame.groupby(["method", "metric"])
    }


def main() -> int:
    """Measure and report; the exit status."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, reduced = (
            values(Path(folder), dtype, given.seeds, given.workers)
            for dtype in ("float32", "bfloat16")
        )
    rows = []
    for key in ((method, metric) for method in METHODS for metric in ("ACC", "NMI")):
        a, b = whole[key], reduced[key]
        gains = [100 * (b[seed] - a[seed]) for seed in a]
        rows.append(
            {
                "method": key[0],
                "metric": key[1],
                "n": len(gains),
                "float32": 100 * sum(a.values()) / len(a),
                "bfloat16": 100 * sum(b.values()) / len(b),
                "difference": sum(gains) / len(gains),
                "p": paired_p(b, a),
            }
        )
    return report("reduced", rows, [], as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
