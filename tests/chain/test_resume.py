"""Stop a run anywhere: the same command goes on, loses nothing and does nothing twice."""

import os
import signal
import subprocess
import sys
from collections import Counter

import psutil
import pytest
from harness import (
    bench,
    counted,
    drive,
    make_plan,
    places,
    predictions,
    run,
    stamps,
    start,
    wait_for,
    write_experiment,
)
from kill_run import kill_tree, rewritten

from bench.store import states
from bench.store.folders import Store


def test_workers_end_with_the_process_that_started_them(tmp_path):
    toml, notes = counted(tmp_path, rows=1, seconds=300), tmp_path / "notes"
    process = start("run", toml, *places(tmp_path / "results"))
    wait_for(notes.exists, process)
    below = psutil.Process(process.pid).children(recursive=True)
    worker = int(notes.read_text().split()[-1])
    assert worker in [child.pid for child in below]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(below, timeout=15)
    assert not alive


def test_ctrl_c_ends_quickly_with_130(tmp_path):
    toml, notes = counted(tmp_path, rows=1, seconds=300), tmp_path / "notes"
    process = start("run", toml, *places(tmp_path / "results"))
    wait_for(notes.exists, process)
    below = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted; the same command continues" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive


@pytest.mark.parametrize(("said", "code"), [("", 130), ("SIGTERM", 143)])
def test_interrupted_while_a_class_is_made_has_the_same_status(said, code, tmp_path):
    """Python would end such a program by SIGINT: dataclasses are made by exec()."""
    (tmp_path / "mine.py").write_text(f"exec('raise KeyboardInterrupt(\"{said}\")')\n")
    words = (sys.executable, "-m", "bench", "list", "methods", "--plugins", tmp_path)
    assert subprocess.run(words, capture_output=True, check=False).returncode == code


def test_two_runs_at_once_share_the_work(tmp_path):
    toml, notes = counted(tmp_path, rows=6, seeds=2), tmp_path / "notes"
    both = [start("run", toml, *places(tmp_path / "results"), "--workers", 2) for _ in range(2)]
    said = [process.communicate(timeout=180)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    starts = Counter(
        line.rsplit(" ", 1)[0]
        for line in notes.read_text().splitlines()
        if line.startswith("start")
    )
    assert set(starts.values()) == {1}
    assert len(starts) == len(stamps(tmp_path / "results"))


def steps(folder, **params):
    params = {"notes": str(folder / "notes"), **params}
    row = {"method": "steps", "params": params}
    return write_experiment(folder / "steps.toml", "tiny/cluster", [row])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, forkserver):
    """The prediction of `steps` without any stop."""
    folder = tmp_path_factory.mktemp("steps")
    run(steps(folder, seconds=0.0), folder / "results")
    (content,) = predictions(folder / "results").values()
    return content


def test_a_cell_that_died_resumes_from_its_checkpoint(tmp_path, uninterrupted):
    toml = steps(tmp_path, seconds=0.0, die_once=str(tmp_path / "died"))
    first = run(toml, tmp_path / "results", checkpoint_seconds=0)
    assert [r.failure for r in first.records.values()] == ["worker died"]
    second = run(toml, tmp_path / "results", checkpoint_seconds=0, retry_failed=True)
    (record,) = second.records.values()
    assert record.state == "done"
    assert record.resumed
    assert (tmp_path / "notes").read_text().split() == [
        word for step in range(12) for word in ("step", str(step))
    ]
    assert list(predictions(tmp_path / "results").values()) == [uninterrupted]
    assert not list((tmp_path / "results" / "work").iterdir())


def test_a_cell_that_ran_out_of_time_resumes_from_its_checkpoint(tmp_path, uninterrupted):
    toml = steps(tmp_path, seconds=0.15)
    first = run(toml, tmp_path / "results", checkpoint_seconds=0, timeout=1.0)
    assert [r.failure for r in first.records.values()] == ["timeout"]
    second = run(toml, tmp_path / "results", checkpoint_seconds=0, retry_failed=True)
    (record,) = second.records.values()
    assert record.resumed
    done = (tmp_path / "notes").read_text().splitlines()
    assert 12 <= len(done) <= 13  # the step that was cut off may have been noted
    assert list(predictions(tmp_path / "results").values()) == [uninterrupted]


def test_a_run_that_was_killed_resumes_within_the_cell(tmp_path, uninterrupted):
    toml, notes = steps(tmp_path, seconds=0.3), tmp_path / "notes"
    process = drive(toml, tmp_path / "results")
    wait_for(lambda: notes.exists() and "step 4" in notes.read_text(), process)
    kill_tree(process)
    assert not stamps(tmp_path / "results")
    results = run(toml, tmp_path / "results", checkpoint_seconds=0)
    assert [r.resumed for r in results.records.values()] == [True]
    counts = Counter(notes.read_text().splitlines())
    assert len(counts) == 12
    assert [line for line, n in counts.items() if n > 1] in ([], ["step 4"], ["step 5"])
    assert list(predictions(tmp_path / "results").values()) == [uninterrupted]


def test_a_damaged_checkpoint_is_as_good_as_none(tmp_path, uninterrupted):
    toml = steps(tmp_path, seconds=0.0, die_once=str(tmp_path / "died"))
    run(toml, tmp_path / "results", checkpoint_seconds=0)
    (checkpoint,) = (tmp_path / "results" / "work").glob("*/checkpoint.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-40])
    results = run(toml, tmp_path / "results", checkpoint_seconds=0, retry_failed=True)
    (record,) = results.records.values()
    assert (record.state, record.resumed) == ("done", False)
    assert list(predictions(tmp_path / "results").values()) == [uninterrupted]
    (log,) = (tmp_path / "results" / "runs").glob("*/steps/*/log.txt")
    assert "damaged checkpoint" in log.read_text()


def test_a_budget_stops_in_time_and_the_next_run_goes_on(tmp_path, capsys, forkserver):
    toml = counted(tmp_path, rows=4, seeds=2, seconds=0.4)
    assert bench("run", toml, *places(tmp_path), "--workers", 1, "--budget", "1s") == 1
    assert "budget spent:" in capsys.readouterr().out
    before = stamps(tmp_path)
    seen = states.read(make_plan(toml), Store(tmp_path)).states
    assert "missing" in seen.values()
    assert bench("run", toml, *places(tmp_path)) == 0
    assert set(states.read(make_plan(toml), Store(tmp_path)).states.values()) == {"done"}
    assert not rewritten(before, tmp_path)
