"""What `status` and `cancel` say of jobs that have ended, or whose run has."""

import json

import pytest
from chain.test_away import Written, compute, rows, runner
from harness import bench, places, write_experiment

from bench.run import slurm
from bench.store import jobs
from bench.store.folders import Store
from bench.store.locks import CellLock


@pytest.fixture
def left(tmp_path):
    """A run was killed that had given six cells to Slurm, one of which has come back."""
    cells = rows(3, notes=tmp_path / "notes")
    toml, engine = write_experiment(tmp_path / "x.toml", "tiny/cluster", cells, n=2), Written()
    engine.name = "slurm"
    one, pool = runner(toml, tmp_path / "r", engine)
    one._fill()
    pool._submit()
    compute(engine.batches["0"], 0)
    pool.lock.release()
    for started in one._started.values():
        started.lock.release()
    return toml, tmp_path / "r"


@pytest.mark.parametrize(
    ("queue", "line"),
    [
        (None, "running: slurm job 0: 6 cells"),
        ({"0": "PENDING"}, "running: slurm job 0 (pending): 6 cells"),
        ({}, ""),
    ],
)
def test_status_names_what_runs(queue, line, left, monkeypatch, capsys):
    monkeypatch.setattr(slurm, "queue", lambda _: queue)
    toml, results = left
    assert bench("status", toml, *places(results)) == 0
    said = capsys.readouterr().out
    assert line in said
    assert line or "running" not in said


def test_a_folder_that_another_run_takes_away_is_made_again(tmp_path, monkeypatch):
    """Between a folder and its lock another run may take it for one of a run that is no more."""
    taken: list[jobs.Given] = []
    acquire = CellLock.acquire

    def late(lock):
        monkeypatch.setattr(CellLock, "acquire", acquire)
        taken.extend(jobs.orphans(tmp_path))
        return acquire(lock)

    monkeypatch.setattr(CellLock, "acquire", late)
    given, lock = jobs.begin(Store(tmp_path))
    assert len(taken) == 1
    assert given.folder.is_dir()
    assert jobs.found(tmp_path) == [given]
    lock.release()


def test_a_run_that_is_no_more_is_cancelled_once(left, monkeypatch, capsys):
    monkeypatch.setattr(slurm, "cancel", lambda _: None)
    toml, results = left
    assert bench("cancel", "--results", results) == 0
    assert "6 cells given to slurm" in capsys.readouterr().out
    assert bench("cancel", "--results", results) == 0
    assert "nothing to cancel" in capsys.readouterr().out
    assert bench("status", toml, *places(results), "--json") == 0
    assert json.loads(capsys.readouterr().out)["jobs"] == {}
    assert list(results.glob("work/*/attempt-*/report.json")), "what had come back is kept"


def test_a_run_on_this_machine_ends_the_jobs_of_one_that_is_no_more(
    left, monkeypatch, capsys, forkserver
):
    cancelled: list[str] = []
    monkeypatch.setattr(slurm, "cancel", cancelled.append)
    toml, results = left
    assert bench("run", toml, *places(results), "--dry-run") == 0
    assert cancelled == []
    assert bench("run", toml, *places(results)) == 0
    (name,) = cancelled
    assert not jobs.found(results)
    assert name.startswith("bench-")


def test_a_run_that_ends_while_it_is_cancelled_is_no_error(tmp_path):
    given, lock = jobs.begin(Store(tmp_path))
    given.remove()
    lock.release()
    given.cancel()
    assert not jobs.found(tmp_path)
