"""Seed 0 of the experiment `digits` by the code as it is, against its reference, exactly."""

from __future__ import annotations

from pathlib import Path

from bench import ROOT
from bench.errors import BenchError
from bench.plan import experiment
from bench.prove.replay import python
from bench.report import reference


def act(folder: Path, workers: int) -> int:
    """Run it and print what differs; returns the exit status.

    Args:
        folder: Empty.
        workers: Cells at a time.

    Raises:
        BenchError: it did not run, or the reference is damaged.
    """
    (folder / "data").mkdir()
    words = ["-m", "bench", "run", "digits", "--seeds", "1", "--workers", str(workers)]
    places = ["--results", str(folder / "results"), "--data-root", str(folder / "data")]
    done = python(ROOT, [*words, *places], BENCH_CACHE=str(folder / "cache"))
    if done.returncode not in (0, 1):
        raise BenchError(f"digits did not run: {done.stderr.strip()[-300:]}")
    wanted, found = _reference(), _measured(folder)
    differing = [key for key in wanted if wanted[key] != found.get(key)]
    for key in differing:
        print(f"{' '.join(filter(None, key))}: {found.get(key)}, the reference has {wanted[key]}")
    print(f"{len(wanted) - len(differing)} of {len(wanted)} numbers are the same to the last digit")
    return 1 if differing else 0


def _reference() -> dict[reference.Key, float]:
    """Seed 0 of every number in the file."""
    path = reference.path_of(experiment.load("digits"), "quick")
    return {key: n.values[0] for key, n in reference.read(path).items() if 0 in n.values}


def _measured(folder: Path) -> dict[reference.Key, float]:
    """Seed 0 of every number of the run."""
    from bench import registry
    from bench.plan import graph
    from bench.store import states
    from bench.store.folders import Store

    registry.load()
    options = graph.Options(seeds=(0,), data_root=folder / "data")
    plan = graph.make([experiment.load("digits")], options)
    return reference.values_of_seed(states.read(plan, Store(folder / "results")), 0)
