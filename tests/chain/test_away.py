"""Cells that others compute: packed, lost, found again, cancelled, on an engine that is a list."""

import dataclasses
import pickle
import shutil
import sys

import numpy as np
import pytest
from harness import DATA, FAULTY, PLUGINS, bench, make_plan, places, write_experiment

from bench.cli.progress import Lines
from bench.errors import BenchError, Lack
from bench.plan import answers, graph
from bench.run import remote
from bench.run.away import Away, Packing
from bench.run.job import Report
from bench.run.runner import Runner, RunOptions
from bench.store import cost, jobs, outputs
from bench.store.folders import PREDICTION, Store
from bench.tasks import Prediction


class Written:
    """An engine that keeps what it is given until a test computes it, loses it or drops it."""

    name, workers = "dask", 2
    poll_seconds = hold_seconds = 0.0

    def __init__(self, then=lambda engine: None):
        self.batches, self.ended, self._then, self.stopped = {}, {}, then, False

    def submit(self, batches):
        ids = [f"{len(self.batches) + i}" for i in range(len(batches))]
        self.batches |= dict(zip(ids, batches, strict=True))
        return ids

    def gone(self, ids):
        self._then(self)
        return {one: self.ended[one] for one in ids if one in self.ended}

    def stop(self):
        self.stopped = True


def compute(batch, number, report=None):
    """What a machine does with a group, less the computing."""
    placed = remote._placed(batch.groups[number])
    for job in placed:
        predict(job)
    batch._say(number, [(job, report or Report()) for job in placed])


def predict(job):
    n = len(np.load(job.inputs.images["target"], mmap_mode="r"))
    outputs.save(job.attempt / PREDICTION, Prediction(assignments=np.zeros(n, np.int64)))


def everything(engine):
    for one, batch in engine.batches.items():
        for number in batch.groups:
            if one not in engine.ended:
                compute(batch, number)
        engine.ended[one] = "finished"


def rows(n, notes="x"):
    return [
        {"label": str(i), "method": "counted", "params": {"number": i, "notes": str(notes)}}
        for i in range(n)
    ]


@pytest.fixture
def toml(tmp_path):
    after = {"label": "a", "method": "counted-after", "params": {"number": 0, "notes": "x"}}
    return write_experiment(tmp_path / "x.toml", "tiny/cluster", [*rows(3), after], n=2)


def runner(toml, results, engine, packing=None):
    store = Store(results)
    store.check_writable()
    given, lock = jobs.begin(store)
    pool = Away(engine, given, lock, packing or Packing(), {})
    options = RunOptions(1, DATA, plugins=(PLUGINS, FAULTY))
    return Runner(make_plan(toml), store, options, Lines(sys.stdout), pool), pool


def test_what_comes_back_is_scored_and_stored_here(toml, tmp_path):
    engine = Written(everything)
    one, _ = runner(toml, tmp_path / "r", engine)
    assert one.run()
    assert set(one.states.values()) == {"done"}
    assert len(one.states) == 10
    assert engine.stopped
    assert not list((tmp_path / "r" / "work").iterdir())
    assert not list((tmp_path / "r" / "locks").iterdir())
    assert {r.hardware for r in one.records.values()} != {""}
    assert all("ACC" in r.metrics for r in one.records.values())


def test_labels_never_leave_the_submitting_process(toml, tmp_path):
    engine = Written(everything)
    one, pool = runner(toml, tmp_path / "r", engine)
    one._fill()
    pool._submit()
    truths = {started.truth.labels for started in one._started.values()}
    for batch in engine.batches.values():
        for group in pickle.loads(pickle.dumps(batch)).groups.values():
            given = group[0].inputs
            assert {"target", "source"} <= given.images.keys()
            assert "target" not in {*given.labels, *given.classes}
            assert not truths & {*given.labels.values(), *given.drawn.values()}
    one.run()


def test_a_batch_that_is_lost_is_given_away_again(toml, tmp_path):
    """Some of it was done, some begun, some not; what its machine says later is nobody's."""

    def loses(engine):
        first = engine.batches["0"]
        if len(engine.batches) == 1 and not engine.ended:
            done, begun, *_ = first.groups
            compute(first, done)
            remote._placed(first.groups[begun])
            engine.ended["0"] = "NODE_FAIL"
        elif len(engine.batches) > 1:
            late = [n for n in first.groups if not first._file(n).exists()]
            first._say(late[0], [(job, Report(stop="nobody's")) for job in first.groups[late[0]]])
            everything(engine)

    engine = Written(loses)
    engine.hold_seconds = 60.0
    one, _ = runner(toml, tmp_path / "r", engine)
    assert one.run()
    assert set(one.states.values()) == {"done"}
    done, begun, *_ = (group[0].key for group in engine.batches["0"].groups.values())
    again = {group[0].key for group in engine.batches["1"].groups.values()}
    assert begun in again
    assert done not in again


def test_a_group_whose_folder_was_taken_away_is_made_again(toml, tmp_path):
    def takes(engine):
        batch = engine.batches["0"]
        if not engine.ended:
            shutil.rmtree(batch.groups[0][0].attempt)
            batch._say(0, [])
            engine.ended["0"] = ""
        everything(engine)

    one, _ = runner(toml, tmp_path / "r", Written(takes))
    assert one.run()
    assert set(one.states.values()) == {"done"}


@pytest.mark.parametrize(
    ("why", "failure"),
    [("OUT_OF_MEMORY: killed", "out of memory"), ("TIMEOUT", "timeout"), ("x", "worker died")],
)
def test_what_is_lost_again_and_again_has_failed(why, failure, tmp_path):
    def begins_and_dies(engine):
        for one, batch in engine.batches.items():
            if one not in engine.ended:
                for group in batch.groups.values():
                    remote._placed(group)
            engine.ended[one] = why

    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows(1))
    engine = Written(begins_and_dies)
    one, _ = runner(toml, tmp_path / "r", engine)
    assert one.run()
    assert {r.failure for r in one.records.values()} == {failure}
    assert len(engine.batches) == 3


def test_what_never_begins_stops_the_run_and_fails_no_cell(toml, tmp_path):
    def dies(engine):
        engine.ended |= dict.fromkeys(engine.batches, "FAILED: module: command not found")

    one, _ = runner(toml, tmp_path / "r", Written(dies))
    with pytest.raises(BenchError, match=r"before it began a cell \(FAILED: module: command"):
        one.run()
    assert not one.records


def test_short_cells_share_a_batch(toml, tmp_path, monkeypatch):
    monkeypatch.setattr(cost.Costs, "of", lambda self, cell: cost.Cost(100.0, "measured"))
    engine = Written(everything)
    one, _ = runner(toml, tmp_path / "r", engine, Packing(cells=7, seconds=200.0))
    assert one.run()
    sizes = [len(batch.groups) for batch in engine.batches.values()]
    assert sizes[:4] == [2, 2, 2, 1]
    assert max(sizes) == 2


def test_cancel_ends_the_run_and_status_names_its_jobs(toml, tmp_path, capsys):
    said = []

    def cancels(engine):
        assert bench("status", toml, *places(tmp_path / "r")) == 0
        said.append(capsys.readouterr().out)
        assert bench("cancel", "--results", tmp_path / "r") == 0

    one, _ = runner(toml, tmp_path / "r", Written(cancels))
    with pytest.raises(BenchError, match="cancelled by `bench cancel`"):
        one.run()
    assert "running: dask job 0: 8 cells" in said[0]
    assert "8 cells given to dask" in capsys.readouterr().out
    assert bench("cancel", "--results", tmp_path / "r") == 0
    assert "nothing to cancel" in capsys.readouterr().out


def test_a_dry_run_reads_the_options(toml, tmp_path, capsys):
    where = ["--executor", "slurm", "--executor-options", tmp_path / "gone.toml"]
    assert bench("run", toml, "--dry-run", *places(tmp_path / "r"), *where) == 2
    assert "gone.toml" in capsys.readouterr().err


def test_another_machine_with_other_code_or_libraries_computes_nothing(toml, tmp_path):
    one, pool = runner(toml, tmp_path / "r", Written())
    one._fill()
    pool._submit()
    (batch,) = pool.engine.batches.values()
    for field, value, says in (
        ("code", "0" * 64, "other code"),
        ("versions", {"numpy": "0.1"}, "the run 0.1"),
    ):
        dataclasses.replace(batch, **{field: value})()
        (_, content), *_ = pool.given.results()
        assert says in content[0]["report"]["stop"]
        for path in pool.given.folder.glob("[0-9]*.json"):
            path.unlink()
    pool.stop()
    for started in one._started.values():
        started.lock.release()


def test_a_submitter_needs_no_gpu_of_its_own(toml, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(answers, "device_lacks", lambda _: (Lack("no CUDA device here"),))
    words = ["--dry-run", "--device", "cuda"]
    assert bench("run", toml, *places(tmp_path / "r"), *words) == 0
    assert "no CUDA device here" in capsys.readouterr().out
    assert bench("run", toml, *places(tmp_path / "r"), *words, "--executor", "slurm") == 0
    assert "10 to compute" in capsys.readouterr().out
    told = graph.Options(device="cuda", elsewhere=True)
    assert graph.device_lacks(told) == ()
    assert graph.device_lacks(dataclasses.replace(told, elsewhere=False))


@pytest.mark.parametrize(
    ("report", "ours"),
    [
        (Report(failure="worker died", message="the worker was ended by SIGTERM"), True),
        (Report(failure="worker died", message="the worker was ended by SIGUSR2"), True),
        (Report(failure="worker died", message="the worker was ended by SIGSEGV"), False),
        (Report(failure="exception", message="SIGTERM"), False),
        (Report(stop="a disk is full"), False),
    ],
)
def test_a_signal_to_the_whole_job_is_no_failure_of_a_cell(report, ours, monkeypatch, forkserver):
    monkeypatch.setattr(remote, "_GRACE_SECONDS", 0.0)
    if ours:
        with pytest.raises(RuntimeError, match="ended from outside"):
            remote._refuse_others_signal(report)
    else:
        remote._refuse_others_signal(report)
