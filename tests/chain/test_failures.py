"""A cell that goes wrong has a named state, and touches neither a number nor another cell."""

import json
import os
import re
import time
from pathlib import Path

import psutil
import pytest
from harness import FAULTY, all_gone, bench, make_plan, places, run, write_experiment

from bench.store import states
from bench.store.folders import Store

WAYS = {
    "raises": ("exception", "RuntimeError: the centres ran away"),
    "exits": ("exception", "SystemExit: I had enough"),
    "gives_nan": ("non-finite", "assignments hold NaN"),
    "logs_nan": ("non-finite", "loss is nan at step 3"),
    "snapshot_nan": ("non-finite", "snapshot at step 0"),
    "too_short": ("invalid prediction", "assignments have shape (149,); the task has 150 images"),
    "too_high": ("invalid prediction", "range over 1..4; 0..3 is wanted"),
    "gives_nothing": ("invalid prediction", "fit returned a NoneType, not a Prediction"),
    "snapshot_too_short": ("invalid prediction", "snapshot at step 0"),
    "never_ends": ("timeout", "killed after 5 s (--timeout)"),
    "takes_memory": ("out of memory", "Unable to allocate"),
    "takes_memory_in_torch": ("out of memory", "can't allocate memory"),
    "dies": ("worker died", "exit status 7"),
    "is_killed": ("worker died", "SIGKILL"),
}


def rows():
    found = [{"label": "good", "method": "centroids", "seeds": 3}]
    half = {"way": "raises", "seed": 1}
    found += [{"label": "half", "method": "fault", "params": half, "seeds": 3}]
    found += [{"label": way, "method": "fault", "params": {"way": way}} for way in WAYS]
    return [*found, {"label": "needs", "method": "needs-fault", "params": {"way": "dies"}}]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, forkserver):
    """One run in which everything happens that may."""
    folder = tmp_path_factory.mktemp("failures")
    toml = write_experiment(folder / "faults.toml", "tiny/cluster", rows())
    flags = ["--workers", 2, "--timeout", "5s", "--memory", "4G"]
    status = bench("run", toml, *places(folder), *flags)
    plan = make_plan(toml)
    return toml, folder, status, states.read(plan, Store(folder))


def record_of(sweep, label, seed=0):
    results = sweep[3]
    (slot,) = [s for s in results.plan.slots if s.entry.label == label]
    return results.records.get(slot.cells[seed][0])


@pytest.mark.parametrize(("way", "expected"), WAYS.items(), ids=WAYS)
def test_each_way_to_fail_has_its_name(sweep, way, expected):
    record = record_of(sweep, way)
    assert (record.state, record.failure) == ("failed", expected[0])
    assert expected[1] in record.message
    assert "\n" not in record.message
    assert not record.metrics


def test_run_says_that_cells_failed(sweep):
    assert sweep[2] == 1


def test_the_other_cells_finish(sweep):
    assert [record_of(sweep, "good", seed).state for seed in range(3)] == ["done"] * 3
    assert [record_of(sweep, "half", seed).state for seed in range(3)] == ["done", "failed", "done"]


def test_what_needs_a_failed_cell_is_blocked(sweep):
    results = sweep[3]
    assert record_of(sweep, "needs") is None
    assert list(results.states.values()).count("blocked") == 1


def test_means_leave_failures_out_and_say_so(sweep):
    folder = sweep[1]
    table = (folder / "tables" / "faults-t-quick.md").read_text()
    (half,) = [line for line in table.splitlines() if line.startswith("| half")]
    # Cluster i % 4 for image i: the same value for seeds 0 and 2, which a zero would pull down.
    value = record_of(sweep, "half", 0).metrics["ACC"]
    assert value == record_of(sweep, "half", 2).metrics["ACC"]
    assert f"{100 * value:.1f} ± 0.0" in half
    assert "n=2/3" in half
    (raises,) = [line for line in table.splitlines() if line.startswith("| raises")]
    assert "failed" in raises
    assert not re.search(r"\d", raises.split("|")[2])


def test_status_and_show_print_reason_and_traceback(sweep, capsys):
    toml, folder = sweep[:2]
    assert bench("status", toml, *places(folder), "--failed") == 0
    text = capsys.readouterr().out
    for failure in {expected[0] for expected in WAYS.values()}:
        assert f": {failure}: " in text
    key = record_of(sweep, "raises").key
    assert f"show {key}" in text
    assert bench("show", key[:8], *places(folder)) == 0
    text = capsys.readouterr().out
    why = "failed, exception: RuntimeError: the centres ran away"
    assert text.startswith(f"fault tiny/cluster seed 0: {why}")
    assert "faults.py" in text
    assert "in raises" in text
    assert "a line of the log" in text


def test_status_json_names_failed_cells(sweep, capsys):
    toml, folder = sweep[:2]
    bench("status", toml, *places(folder), "--failed", "--json")
    content = json.loads(capsys.readouterr().out)
    assert content["counts"]["failed"] == len(content["cells"]["failed"]) == len(WAYS) + 1
    assert {c["failure"] for c in content["cells"]["failed"]} == {f for f, _ in WAYS.values()}


def test_failed_cells_are_left_alone_until_asked_for(sweep, capsys):
    toml, folder = sweep[:2]
    assert bench("run", toml, *places(folder), "--dry-run") == 0
    assert ", 0 to compute" in capsys.readouterr().out
    assert bench("run", toml, *places(folder), "--dry-run", "--retry-failed") == 0
    assert f", {len(WAYS) + 2} to compute" in capsys.readouterr().out


def test_no_worker_is_left(sweep):
    left = [p for p in psutil.Process().children(recursive=True) if "forkserver" not in _words(p)]
    left = [p for p in left if "resource_tracker" not in _words(p)]
    assert not left


def _words(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "resource_tracker"


MENDABLE = """
from dataclasses import dataclass
import numpy as np
from bench.registry import method
from bench.tasks import Need, Prediction

@method("mendable-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class Mendable:
    def fit(self, task, run):
        {line}
        return Prediction(assignments=np.arange(len(task.target)) % task.n_clusters)

@method("after-mendable-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class AfterMendable:
    def needs(self, task):
        return {{"it": Need("mendable-{n}")}}

    def fit(self, task, run):
        return run.needed("it")
"""


def test_retry_runs_the_mended_cell_and_what_it_blocked(tmp_path, forkserver):
    n = time.monotonic_ns()
    plugins = tmp_path / f"mendable_{n}"
    plugins.mkdir()
    (plugins / "it.py").write_text(MENDABLE.format(n=n, line="raise ValueError('not yet')"))
    rows = [{"method": "centroids"}, {"method": f"after-mendable-{n}"}]
    toml, flags = tmp_path / "x.toml", [*places(tmp_path), "--plugins", plugins]
    write_experiment(toml, "tiny/cluster", rows)
    assert bench("run", toml, *flags) == 1
    assert bench("run", toml, *flags) == 1
    (plugins / "it.py").write_text(MENDABLE.format(n=n, line="pass"))
    from bench.store import code

    code.fingerprint.cache_clear()
    assert bench("run", toml, *flags, "--retry-failed") == 0
    plan = make_plan(toml)
    assert set(states.read(plan, Store(tmp_path)).states.values()) == {"done"}


def test_nothing_of_a_cell_reaches_the_next(tmp_path, forkserver):
    pid = tmp_path / "pid"
    rows = [
        {"method": "litter", "params": {"pid_file": str(pid)}},
        {"method": "sees-litter", "params": {"cwd": str(Path.cwd())}},
    ]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    results = run(toml, tmp_path, workers=1, plugins=(FAULTY.parent, FAULTY), timeout=60)
    assert {r.state for r in results.records.values()} == {"done"}, [
        r.message for r in results.records.values()
    ]
    assert all_gone([int(pid.read_text())]), "a grandchild outlived its cell"
    assert os.environ.get("LITTER") is None
