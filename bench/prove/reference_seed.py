"""Seed 0 of the experiment `digits` by the code as it is, against its reference, exactly."""

from __future__ import annotations

import os
from pathlib import Path

from bench import ROOT
from bench.errors import BenchError
from bench.plan import experiment
from bench.prove.replay import python
from bench.report import reference
from bench.store import machine

NOTHING_COMPARED = 3
"""Exit status where what differs may be the machine's doing."""


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
    done = python(ROOT, [*words, *places], BENCH_CACHE=_cache(folder))
    if done.returncode not in (0, 1):
        raise BenchError(f"digits did not run: {done.stderr.strip()[-300:]}")
    numbers = reference.read(reference.path_of(experiment.load("digits"), "quick"))
    wanted = {key: n.values[0] for key, n in numbers.items() if 0 in n.values}
    found = _measured(folder)
    differing = [key for key in wanted if wanted[key] != found.get(key)]
    for key in differing:
        print(f"{' '.join(filter(None, key))}: {found.get(key)}, the reference has {wanted[key]}")
    print(f"{len(wanted) - len(differing)} of {len(wanted)} numbers are the same to the last digit")
    others = sorted({_elsewhere(n.origin) for n in numbers.values()} - {""})
    if differing and others:
        print(
            f"the reference is of another machine ({'; '.join(others)}), where bits may differ: "
            "it judges nothing here; `python -m bench check digits --update --reason …` on this "
            "machine, by the code that is trusted, makes one that does"
        )
        return NOTHING_COMPARED
    return 1 if differing else 0


def _cache(folder: Path) -> str:
    return str(folder / "cache")


def _elsewhere(origin: reference.Origin) -> str:
    """What of a number's processor and libraries is not here, in words; "" when all is."""
    here = machine.versions()
    words = [
        f"{name} {' and '.join(sorted(versions))}, here {here.get(name, 'none')}"
        for name, versions in sorted(origin.versions.items())
        if name in machine.DECISIVE and versions != {here.get(name)}
    ]
    if origin.hardware != {machine.hardware()}:
        words.append(f"{' and '.join(sorted(origin.hardware))}, here {machine.hardware()}")
    return ", ".join(words)


def _measured(folder: Path) -> dict[reference.Key, float]:
    """Seed 0 of every number of the run."""
    from bench import registry
    from bench.plan import graph
    from bench.store import states
    from bench.store.folders import Store

    registry.load()
    options = graph.Options(seeds=(0,), data_root=folder / "data")
    before = os.environ.get("BENCH_CACHE")
    try:
        os.environ["BENCH_CACHE"] = _cache(folder)  # where the run has prepared what it plans with
        plan = graph.make([experiment.load("digits")], options)
    finally:
        if before is None:
            del os.environ["BENCH_CACHE"]
        else:
            os.environ["BENCH_CACHE"] = before
    return reference.values_of_seed(states.read(plan, Store(folder / "results")), 0)
