"""Seed 0 of the experiment `digits` by the code as it is, against its reference, exactly."""

from __future__ import annotations

import csv
from pathlib import Path

from bench import ROOT
from bench.errors import BenchError
from bench.prove.replay import python
from bench.report import reference


def act(folder: Path, workers: int) -> int:
    """Run it and print what differs; returns the exit status.

    Args:
        folder: Empty.
        workers: Cells at a time.

    Raises:
        BenchError: it did not run, or there is no reference.
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


def _reference() -> dict[tuple[str, ...], float]:
    """Seed 0 of every number in the file."""
    path = reference.path_of("digits", "quick")
    found = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                values = dict(value.split(":") for value in line["values"].split(";"))
                key = tuple(line[c] for c in ("name", "group", "row", "column", "x", "metric"))
                if "0" in values:
                    found[key] = float(values["0"])
    except (OSError, KeyError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    return found


def _measured(folder: Path) -> dict[tuple[str, ...], float]:
    """Seed 0 of every number of the run."""
    from bench import registry
    from bench.plan import experiment, graph
    from bench.store import states
    from bench.store.folders import Store

    registry.load()
    options = graph.Options(seeds=(0,), data_root=folder / "data")
    plan = graph.make([experiment.load("digits")], options)
    return reference.values_of_seed(states.read(plan, Store(folder / "results")), 0)
