"""Same cell, same bytes; and the chain from records to a table."""

import json
import shutil
import time
from typing import Any

import pytest
from harness import (
    bench,
    make_plan,
    outputs,
    places,
    predictions,
    run,
    stamps,
    start,
    write_experiment,
)

from bench import ROOT
from bench.errors import Lack
from bench.store import code, states
from bench.store.folders import Store
from bench.store.record import State
from bench.store.states import to_run

GOLDEN = ROOT / "tests" / "golden" / "sweep"
ROWS: list[dict[str, Any]] = [
    {"method": "centroids"},
    {"label": "longer", "method": "centroids", "params": {"iterations": 9}},
    {"method": "carrier"},
]


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    """Nine cells on two workers."""
    folder = tmp_path_factory.mktemp("runner")
    toml = write_experiment(folder / "nine.toml", "tiny/cluster", ROWS, n=2)
    assert bench("run", toml, *places(folder / "results"), "--workers", 2) == 0
    return toml, folder / "results"


def test_the_number_of_workers_and_the_process_change_no_byte(swept, tmp_path):
    toml, results = swept
    process = start("run", toml, *places(tmp_path), "--workers", 1)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert predictions(tmp_path) == predictions(results)
    assert outputs(tmp_path) == outputs(results)


def test_another_seed_is_another_result(swept):
    found = predictions(swept[1])
    first, second = ({v for k, v in found.items() if f"centroids/seed{s}" in k} for s in range(2))
    assert len(first) == len(second) == 2
    assert not first & second


def test_running_again_computes_nothing_and_writes_the_same(swept, capsys):
    toml, results = swept
    before, tables = stamps(results), outputs(results)
    assert bench("run", toml, *places(results)) == 0
    assert ", 0 to compute" in capsys.readouterr().out
    assert stamps(results) == before
    assert outputs(results) == tables
    assert bench("render", toml, *places(results)) == 0
    assert outputs(results) == tables


def test_tables_are_the_same_whatever_the_order_of_the_records(swept, tmp_path):
    toml, results = swept
    shutil.copytree(results, tmp_path / "results")
    tables = outputs(results)
    (tmp_path / "results" / "runs" / "index.jsonl").unlink()
    shutil.rmtree(tmp_path / "results" / "tables")
    assert bench("render", toml, *places(tmp_path / "results")) == 0
    assert outputs(tmp_path / "results") == tables


def test_two_experiments_share_a_cell(swept, tmp_path):
    toml, results = swept
    other = write_experiment(tmp_path / "other.toml", "tiny/cluster", ROWS[:1], metric="NMI", n=2)
    assert set(make_plan(other).cells) < set(make_plan(toml).cells)
    assert set(states.read(make_plan(other), Store(results)).states.values()) == {"done"}


def test_seed_0_of_everything_comes_first(swept):
    seeds = [cell.seed for cell in make_plan(swept[0]).cells.values()]
    assert seeds == sorted(seeds)


def test_records_say_what_ran(swept):
    _toml, results = swept
    for folder in (results / "runs").glob("*/*/*"):
        content = json.loads((folder / "record.json").read_text())
        assert content["key"] == folder.name.rsplit("-", 1)[1]
        assert content["cell"]["device"] == "cpu"
        assert content["cell"]["threads"] == 1
        assert content["cell"]["data"]
        assert content["wall_seconds"] > 0
        assert content["cpu_seconds"] >= 0
        assert content["peak_memory"] > 10**7
        assert {"python", "numpy", "torch"} <= content["versions"].keys()
        assert len(content["output"]) == 64
        assert content["started"].endswith("+00:00")


def test_snapshots_become_curves(swept):
    for path in (swept[1] / "runs").glob("*/centroids/seed0-*/curves.json"):
        curves = json.loads(path.read_text())
        steps = curves["snapshots"]["step"]
        assert len(curves["snapshots"]["ACC"]) == len(curves["snapshots"]["NMI"]) == len(steps)
        final = json.loads(path.with_name("record.json").read_text())["metrics"]["ACC"]
        assert curves["snapshots"]["ACC"][-1] == final
        assert curves["logged"]["moved"][1] == [1, 1.0]


def test_a_network_is_probed_for_its_row(tmp_path, forkserver):
    row = {"method": "random-network"}
    toml = write_experiment(tmp_path / "net.toml", "tiny/represent", [row], metric="knn top-1", n=2)
    toml.write_text(
        toml.read_text().replace(
            'metric = "knn top-1"', 'metrics = ["knn top-1", "linear conv2 top-1"]'
        )
    )
    assert bench("run", toml, *places(tmp_path)) == 0
    results = states.read(make_plan(toml), Store(tmp_path))
    assert sorted(r.cell["method"] for r in results.records.values()) == [
        *["probe"] * 2,
        *["random-network"] * 2,
    ]
    for record in results.records.values():
        if record.cell["method"] == "probe":
            assert 0.3 < record.metrics["knn top-1"] <= 1
            assert {"linear conv1 top-1", "linear conv2 top-1"} <= record.metrics.keys()
    table = (tmp_path / "tables" / "net-t-quick.md").read_text()
    assert "knn top-1" in table
    assert "linear conv2 top-1" in table
    assert "missing" not in table


@pytest.mark.parametrize(
    ("task", "method", "metric", "least"),
    [
        ("adapt", "nearest-mean", "accuracy", 0.8),
        ("similarity", "pixel-likeness", "similar recall", 0.0),
        ("pairs", "answers", "ACC", 0.5),
    ],
)
def test_other_kinds_of_task_are_scored(task, method, metric, least, tmp_path, forkserver):
    toml = write_experiment(
        tmp_path / "x.toml", f"tiny/{task}", [{"method": method}], metric=metric
    )
    results = run(toml, tmp_path)
    (record,) = results.records.values()
    assert record.state == "done", record.message
    assert least <= record.metrics[metric] <= 1


def test_pairs_and_answers_are_drawn_by_seed_alone(tmp_path, forkserver):
    import numpy as np

    from bench.run.inputs import gather

    drawn: dict[int, dict[str, bytes]] = {}
    for method in ("answers", "spy", "spy"):
        toml = write_experiment(tmp_path / "x.toml", "tiny/pairs", [{"method": method}], n=2)
        for cell in make_plan(toml).cells.values():
            inputs, _ = gather(cell, ROOT / "data", tmp_path / cell.key)
            arrays = {k: np.load(v).tobytes() for k, v in inputs.drawn.items()}
            assert drawn.setdefault(cell.seed, arrays) == arrays
    assert drawn[0] != drawn[1]


def test_the_chain_from_a_committed_sweep_to_its_table(tmp_path, monkeypatch):
    """Records of six real cells, as a run left them, give the table that was checked by hand."""
    shutil.copytree(GOLDEN / "runs", tmp_path / "runs")
    # Python's own syntax tree, and so the fingerprint, differs from version to version.
    prints = {
        json.loads(p.read_text())["code"] for p in (GOLDEN / "runs").glob("*/*/*/record.json")
    }
    (measured,) = prints
    monkeypatch.setattr(code, "fingerprint", lambda module, networks=(): measured)
    assert bench("render", GOLDEN / "sweep.toml", *places(tmp_path)) == 0
    for path in (tmp_path / "tables").iterdir():
        assert path.read_text() == (GOLDEN / path.name).read_text(), path.name
    assert len(list((tmp_path / "tables").iterdir())) == 3


def test_a_report_at_the_last_moment_is_not_lost():
    """A worker that reports and leaves between two looks at it has not died."""
    from multiprocessing import Pipe
    from types import SimpleNamespace

    from bench.run.job import Report
    from bench.run.pool import Pool, _Running

    receiver, sender = Pipe(duplex=False)

    def reports_and_leaves():
        sender.send([Report()])
        return False

    process: Any = SimpleNamespace(is_alive=reports_and_leaves, exitcode=0)
    pool = Pool.__new__(Pool)
    job: Any = SimpleNamespace(key="k", timeout=60.0)
    running = _Running((job,), process, receiver, time.monotonic(), begun=True)
    assert pool._ended(running) == [Report()]


@pytest.mark.parametrize(
    ("code", "said"), [(-9, "by SIGKILL, perhaps"), (-40, "by signal 40"), (3, "exit status 3")]
)
def test_every_end_of_a_worker_has_words(code, said):
    from bench.run.pool import _death

    found = _death(code)
    assert found["failure"] == "worker died"
    assert said in found["message"]


def test_nothing_is_computed_from_a_need_that_failed_or_cannot_be_had(tmp_path):
    made = make_plan(write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "carrier"}]))
    needed, needing = made.cells
    found: dict[str, State] = {needed: "failed", needing: "stale"}
    assert to_run(made, found, {}, retry_failed=False, rerun_stale=True) == set()
    assert to_run(made, found, {}, retry_failed=True, rerun_stale=True) == {needed, needing}
    gone = {needed: (Lack("gone"),), needing: (Lack("gone"),)}
    assert to_run(made, found, gone, retry_failed=True, rerun_stale=True) == set()
    # A stale one is usable, but has to be computed again first, for which its own need lacks.
    found, gone = {needed: "stale", needing: "missing"}, {needed: (Lack("packed"),)}
    assert to_run(made, found, {}, retry_failed=False, rerun_stale=False) == {needed, needing}
    assert to_run(made, found, gone, retry_failed=False, rerun_stale=False) == set()


def test_what_others_wait_for_comes_first_and_seed_0_before_seed_1(tmp_path, forkserver):
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=2)
    assert bench("run", toml, *places(tmp_path), "--workers", 1) == 0
    records = sorted(Store(tmp_path).records().values(), key=lambda record: record.started)
    assert [(r.cell["seed"], r.cell["method"]) for r in records] == [
        (seed, method) for seed in (0, 1) for method in ("mean-image", "centroids", "carrier")
    ]
