"""Ten seeds of TSP's head together and one after another; neighbours beside scikit-learn's.

python -m benchmarks.tsp [--json] [--points 50000] [--among 60000] [--width 384] [--epochs 4]

One thread throughout, seconds of the processor. Features are random clusters. Both ways of training
need the same neighbours, which are timed once: ten cells one after another pay for them ten times,
a group once. The training of --epochs epochs and of one gives the time of an epoch, and so that of
the paper's 100, which are not run. Faiss is measured where it can be imported, on the same points;
it rounds to float32.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from bench import registry
from bench.nn.clustering.neighbours import nearest
from bench.tasks import ClusterTask, Prediction, Run
from benchmarks.alone import Alone
from benchmarks.measure import Target, arguments, report

SEEDS = 10
CLUSTERS = 10
NEIGHBOURS = 20
EPOCHS = 100
"""As in the paper."""


def clustered(n: int, width: int) -> torch.Tensor:
    """Points of ten clusters, float32 (n, width)."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, width), np.float32)
    noise = rng.standard_normal((n, width), np.float32)
    return torch.from_numpy(0.5 * centres[rng.integers(CLUSTERS, size=n)] + noise)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of a call, and its result."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def by_faiss(points: npt.NDArray[np.float32]) -> float:
    """Seconds that faiss takes; NaN where it is not installed."""
    try:
        import faiss
    except ImportError:
        return float("nan")
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    return timed(lambda: index.search(points, NEIGHBOURS + 1))[0]


def neighbours(n: int, width: int) -> dict[str, Any]:
    """Exact neighbours, ours and others'."""
    points = clustered(n, width)
    model = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(points.numpy())
    seconds, ours = timed(lambda: nearest(points, NEIGHBOURS))
    theirs, (_, indices) = timed(model.kneighbors)
    return {
        "s": seconds,
        "s scikit-learn": theirs,
        "s faiss": by_faiss(points.numpy()),
        "against scikit-learn": theirs / seconds,
        "same": float(np.mean(ours.indices.numpy() == indices)),
    }


def _each(method: Any, task: ClusterTask, runs: Sequence[Run]) -> list[Prediction]:
    return [method.fit(task, run) for run in runs]


def heads(n: int, width: int, epochs: int) -> list[dict[str, Any]]:
    """Seeds one after another and together: an epoch, what comes before it, and all of 100."""
    features = clustered(n, width)
    needed = Prediction(tensors={"features": features})
    task = ClusterTask("benchmark", np.zeros((n, 1, 1, 1), np.uint8), CLUSTERS)
    tsp = registry.get("tsp").cls
    module = sys.modules[tsp.__module__]
    search, known = timed(lambda: nearest(features, NEIGHBOURS))
    taken: dict[str, dict[int, float]] = {"one after another": {}, "together": {}}
    same = []
    try:
        module.nearest = lambda _features, _k: known  # type: ignore[attr-defined]
        tsp(neighbours=NEIGHBOURS, epochs=1).fit(task, Alone(0, needed))  # imports and caches
        for count in (1, epochs):
            method = tsp(neighbours=NEIGHBOURS, epochs=count)
            runs = [[Alone(seed, needed) for seed in range(SEEDS)] for _ in range(2)]
            taken["together"][count], group = timed(partial(method.fit_many, task, runs[0]))
            taken["one after another"][count], alone = timed(partial(_each, method, task, runs[1]))
            same += [a.assignments == b.assignments for a, b in zip(group, alone, strict=True)]
            pairs = [(a.tensors, b.tensors) for a, b in zip(group, alone, strict=True)]
            same += [np.array(torch.equal(a[name], b[name])) for a, b in pairs for name in a]
    finally:
        module.nearest = nearest  # type: ignore[attr-defined]
    rows = []
    for name, times in taken.items():
        epoch = (times[epochs] - times[1]) / (epochs - 1)
        before, searches = times[1] - epoch, 1 if name == "together" else SEEDS
        rows.append(
            {
                "": f"{SEEDS} seeds {name}",
                "s neighbours": searches * search,
                "s K-means": before,
                "s an epoch": epoch,
                f"s {EPOCHS} epochs": searches * search + before + EPOCHS * epoch,
                "identical": float(np.mean([np.all(s) for s in same])),
            }
        )
    return rows


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--among", type=int, default=60_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--epochs", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    registry.load()
    whole = f"s {EPOCHS} epochs"
    with threadpool_limits(1):
        alone, together = heads(given.points, given.width, given.epochs)
        near = neighbours(given.among, given.width)
    targets = [
        Target("ten together", alone[whole] / together[whole], 2.5, at_least=True),
        Target("an epoch of ten", alone["s an epoch"] / together["s an epoch"], 1.0, at_least=True),
        Target("identical", min(alone["identical"], together["identical"]), 1.0, at_least=True),
        Target("s of one seed", alone[whole] / SEEDS, 60.0),
        Target("neighbours, times", near["against scikit-learn"], 1.5, at_least=True),
        Target("same neighbours", near["same"], 1.0, at_least=True),
    ]
    rows = [alone, together, {"": f"{NEIGHBOURS} neighbours among {given.among}", **near}]
    return report("tsp", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
