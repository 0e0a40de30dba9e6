"""A full disk within a worker is no failure of the method: the run stops, the cell is missing."""

import os
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from harness import (
    DATA,
    bench,
    make_plan,
    places,
    predictions,
    run,
    states_of,
    write_experiment,
)

from bench.cli.progress import Lines
from bench.errors import BenchError
from bench.run import blame
from bench.run.job import Report
from bench.run.runner import Runner, RunOptions
from bench.store import outputs
from bench.store.folders import PREDICTION, Store
from bench.tasks import Prediction
from benchmarks.scheduling import Instant

WAYS = {
    "own_file": "No space left on device",
    "own_file_of_a_library": "No space left on device",
    "curves": "No space left on device",
    "checkpoint": "results folder cannot be written",
    "quota": "quota exceeded",
    "input_output_error": "results folder cannot be written",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_stops_the_run_and_blames_nobody(way, tmp_path, capsys, forkserver):
    there = tmp_path / "full"
    there.touch()
    rows: list[dict[str, Any]] = [
        {"method": "full-disk", "params": {"way": way, "while_there": str(there)}},
        {"method": "centroids"},
    ]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    words = [toml, *places(tmp_path / "results"), "--workers", 1]
    if way == "checkpoint":
        with pytest.raises(BenchError, match=WAYS[way]):
            run(toml, tmp_path / "results", workers=1, checkpoint_seconds=0)
    else:
        assert bench("run", *words) == 2
        said = capsys.readouterr().err.strip()
        assert said.count("\n") == 0
        assert "full-disk tiny/cluster seed 0: " in said
        assert WAYS[way] in said
    assert set(states_of(toml, tmp_path / "results").values()) <= {"missing", "done"}
    assert "missing" in states_of(toml, tmp_path / "results").values()
    there.unlink()
    assert bench("run", *words) == 0
    assert set(states_of(toml, tmp_path / "results").values()) == {"done"}
    assert len(predictions(tmp_path / "results")) == 2
    assert not list((tmp_path / "results" / "work").iterdir())


class StopsFirst(Instant):
    """Of the cells that end together, the first one met a full disk."""

    def wait(self, seconds):
        (first, _), *others = super().wait(seconds)
        return [(first, Report(stop="a disk is full")), *others]


def test_others_that_ended_meanwhile_are_kept(tmp_path):
    """What stops a run is heard after what else ended."""
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}], n=2)
    plan, store = make_plan(toml), Store(tmp_path / "results")
    outputs.save(tmp_path / PREDICTION, Prediction(assignments=np.arange(150) % 4))
    pool = StopsFirst(tmp_path / PREDICTION)
    with pytest.raises(BenchError, match="centroids tiny/cluster seed 0: a disk is full"):
        Runner(plan, store, RunOptions(2, DATA), Lines(sys.stdout), pool).run()
    found = states_of(toml, tmp_path / "results")
    assert {plan.cells[key].seed: state for key, state in found.items()} == {
        0: "missing",
        1: "done",
    }


def test_a_disk_that_is_full_now_explains_an_error_without_words(tmp_path, monkeypatch):
    error = RuntimeError("PytorchStreamWriter failed writing file data/0")
    assert blame.of_machine(error, tmp_path) == ""
    full = SimpleNamespace(f_bavail=3, f_frsize=4096, f_files=10, f_favail=5)
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert "is full: make room" in blame.of_machine(error, tmp_path)
    for files, left, said in ((10, 0, True), (0, 0, False), (10, 1, False)):
        status = SimpleNamespace(f_bavail=10**6, f_frsize=4096, f_files=files, f_favail=left)
        monkeypatch.setattr(os, "statvfs", lambda _, status=status: status)
        assert bool(blame.of_machine(error, tmp_path)) is said


def test_an_error_of_the_method_stays_one(tmp_path):
    for error in (FileNotFoundError(2, "No such file"), PermissionError(13, "no"), ValueError("x")):
        assert blame.of_machine(error, tmp_path) == ""
        assert blame.of_method(error)[0] == "exception"
