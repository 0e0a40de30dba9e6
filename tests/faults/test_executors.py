"""Real Slurm and real Dask: the same bytes as on this machine, though what computes is killed."""

import json
from collections import Counter

import pytest
from faults.kills_elsewhere import OPTIONS, strike
from faults.slurm_here import lacking, slurm
from harness import bench, outputs, places, predictions, start, wait_for, write_experiment

ONE_BATCH = "share_minutes = 5\nunknown_minutes = 0.01\n"
"""Of Dask's table, the last one."""
CELLS, SEEDS = 12, 2


def experiment(folder):
    """24 cells that need no other, so that they are one batch."""
    rows = [
        {
            "label": str(n),
            "method": "counted",
            "params": {"notes": str(folder / "notes"), "number": n, "seconds": 0.05},
        }
        for n in range(CELLS)
    ]
    (folder / "options.toml").write_text(OPTIONS + ONE_BATCH)
    (folder / "notes").touch()
    return write_experiment(folder / "x.toml", "tiny/cluster", rows, n=SEEDS)


@pytest.fixture(scope="module")
def here(tmp_path_factory, forkserver):
    """An undisturbed run on this machine: experiment, results."""
    folder = tmp_path_factory.mktemp("here")
    toml = experiment(folder)
    assert bench("run", toml, *places(folder / "here"), "--workers", 2) == 0
    return toml, folder / "here"


def disturbed(here, executor, kind, capsys):
    """A run elsewhere, what computes it killed once there is something to lose."""
    toml, whole = here
    results, notes = toml.parent / executor, toml.parent / "notes"
    notes.write_text("")
    options = toml.parent / "options.toml"
    process = start(
        "run", toml, *places(results), "--executor", executor, "--executor-options", options
    )
    wait_for(lambda: notes.read_text().count("end") >= 5, process)
    capsys.readouterr()
    assert bench("status", toml, *places(results), "--json") == 0
    running = json.loads(capsys.readouterr().out)["jobs"]
    assert strike(kind, process, results), "there was nothing to kill"
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert outputs(results) == outputs(whole)
    assert predictions(results) == predictions(whole)
    assert len(predictions(results)) == CELLS * SEEDS
    starts = Counter(line.rsplit(" ", 1)[0] for line in notes.read_text().splitlines())
    again = [line for line, n in starts.items() if line.startswith("start") and n > 1]
    assert len(again) <= 2, "what had ended was computed again"
    left = [path for path in (results / "work").iterdir() if path.name != "shared"]
    assert not [*left, *(results / "locks").iterdir()]
    return running


@pytest.mark.skipif(bool(lacking()), reason=f"no Slurm to test with: {lacking()}")
def test_a_slurm_job_that_is_killed(here, capsys, monkeypatch):
    pytest.importorskip("submitit", reason="no Slurm to test with: submitit is not installed")
    with slurm() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        running = disturbed(here, "slurm", "job killed", capsys)
    assert running
    assert all(one.partition("_")[0].isdecimal() for one in running.values())


def test_a_dask_worker_that_is_killed(here, capsys):
    pytest.importorskip("distributed", reason="no Dask to test with: distributed is not installed")
    assert disturbed(here, "dask", "worker", capsys)
