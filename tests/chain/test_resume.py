"""Stop a run anywhere: the same command goes on, loses nothing and does nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest
from harness import (
    DRIVER,
    bench,
    make_plan,
    outputs,
    places,
    predictions,
    run,
    stamps,
    start,
    wait_for,
    write_experiment,
)
from kill_run import kill_tree, rewritten

from bench import ROOT
from bench.store import states
from bench.store.folders import Store


def counted(folder, n=5, seeds=3, seconds=0.25):
    """An experiment whose cells note their starts and ends."""
    notes = folder / "notes"
    rows = [
        {
            "label": f"row {i}",
            "method": "counted-after" if i % 2 else "counted",
            "params": {"notes": str(notes), "number": i, "seconds": seconds},
        }
        for i in range(n)
    ]
    return write_experiment(folder / "counted.toml", "tiny/cluster", rows, n=seeds), notes


def test_a_killed_run_goes_on_where_it_stopped(tmp_path, forkserver):
    toml, notes = counted(tmp_path)
    assert bench("run", toml, *places(tmp_path / "whole")) == 0
    wanted = outputs(tmp_path / "whole")
    assert len(wanted) >= 4
    notes.unlink()
    rng, broken = random.Random(1), tmp_path / "broken"
    before: dict[str, int] = {}
    for goal in (1, 5, 9):
        process = start("run", toml, *places(broken), "--workers", 2)
        wait_for(lambda: len(stamps(broken)) >= goal, process)  # noqa: B023 - called in this turn
        time.sleep(rng.uniform(0, 0.5))
        kill_tree(process)
        assert not rewritten(before, broken)
        before = stamps(broken)
    assert len(before) < len(stamps(tmp_path / "whole")), "the kills came too late to test anything"
    process = start("run", toml, *places(broken))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert not rewritten(before, broken)
    assert outputs(broken) == wanted
    assert predictions(broken) == predictions(tmp_path / "whole")
    ends = Counter(line.rsplit(" ", 1)[0] for line in notes.read_text().splitlines())
    assert len(stamps(broken)) == sum(key.startswith("end") for key in ends)
    # A kill between a cell's end and its record may cost that cell, and it alone.
    twice = [key for key, n in ends.items() if key.startswith("end") and n > 1]
    assert len(twice) <= 3 * 2
    assert not list((broken / "work").glob("*/attempt-*"))


def test_workers_end_with_the_process_that_started_them(tmp_path):
    toml, notes = counted(tmp_path, n=1, seconds=300)
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
    toml, notes = counted(tmp_path, n=1, seconds=300)
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


def test_two_runs_at_once_share_the_work(tmp_path):
    toml, notes = counted(tmp_path, n=6, seeds=2)
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
    (tmp_path / "driver.py").write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py", toml, tmp_path / "results"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
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
    assert (
        "damaged checkpoint"
        in (tmp_path / "results" / "runs" / "tiny-cluster" / "steps")
        .glob("*/log.txt")
        .__next__()
        .read_text()
    )


def test_a_budget_stops_in_time_and_the_next_run_goes_on(tmp_path, capsys, forkserver):
    toml, _ = counted(tmp_path, n=4, seeds=2, seconds=0.4)
    assert bench("run", toml, *places(tmp_path), "--workers", 1, "--budget", "1s") == 1
    assert "budget spent:" in capsys.readouterr().out
    before = stamps(tmp_path)
    seen = states.read(make_plan(toml), Store(tmp_path)).states
    assert "missing" in seen.values()
    assert bench("run", toml, *places(tmp_path)) == 0
    assert set(states.read(make_plan(toml), Store(tmp_path)).states.values()) == {"done"}
    assert not rewritten(before, tmp_path)
