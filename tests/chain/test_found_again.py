"""What machines had computed is computed once, however the run ended that gave it to them."""

import sys

import pytest
from chain.test_away import Written, compute, everything, rows, runner
from harness import DATA, FAULTY, PLUGINS, make_plan, write_experiment

from bench.cli.progress import Lines
from bench.errors import BenchError
from bench.run import away, engines
from bench.run.job import Report
from bench.run.runner import Runner, RunOptions
from bench.store.folders import Store


@pytest.fixture
def toml(tmp_path):
    return write_experiment(tmp_path / "x.toml", "tiny/cluster", rows(3), n=2)


def asked(engine):
    """Keys of the cells that it was given."""
    return {job.key for b in engine.batches.values() for g in b.groups.values() for job in g}


def again(toml, results, monkeypatch):
    """Keys of what a second run gives away; all is done after it."""
    engine = Written(everything)
    monkeypatch.setattr(engines, "Dask", lambda *_: engine)
    options = RunOptions(1, DATA, plugins=(PLUGINS, FAULTY))
    with engines.opened("dask", engines.Options(), Store(results), 1) as pool:
        one = Runner(make_plan(toml), Store(results), options, Lines(sys.stdout), pool)
        assert one.run()
    assert set(one.states.values()) == {"done"}
    assert not list((results / "work").iterdir())
    assert {path.name for path in results.glob("runs/*/*/*/*")} == {
        "record.json",
        "prediction.safetensors",
    }
    return asked(engine)


def refuse(*_):
    raise BenchError("no Dask scheduler answers")


@pytest.mark.parametrize("between", ["nothing", "a run that cannot begin"])
def test_by_a_run_that_was_killed(between, toml, tmp_path, monkeypatch):
    one, pool = runner(toml, tmp_path / "r", Written())
    one._fill()
    pool._submit()
    (batch,) = pool.engine.batches.values()
    done, failed, *_ = batch.groups
    compute(batch, done)
    compute(batch, failed, Report(failure="exception", message="not this one"))
    # The process is gone: nobody has its locks.
    pool.lock.release()
    for started in one._started.values():
        started.lock.release()
    if between != "nothing":
        monkeypatch.setattr(engines, "Dask", refuse)
        with (
            pytest.raises(BenchError, match="no Dask scheduler"),
            engines.opened("dask", engines.Options(), Store(tmp_path / "r"), 1),
        ):
            """It does not get here."""
    expected = asked(pool.engine) - {batch.groups[done][0].key}
    assert again(toml, tmp_path / "r", monkeypatch) == expected


def test_by_a_run_that_was_cancelled(toml, tmp_path, monkeypatch):
    def cancels(engine):
        first = engine.batches["0"]
        compute(first, min(first.groups))
        pool.given.cancel()

    one, pool = runner(toml, tmp_path / "r", Written(cancels))
    with pytest.raises(BenchError, match="cancelled"):
        one.run()
    assert len(again(toml, tmp_path / "r", monkeypatch)) == 5


def test_by_a_run_that_ends_while_it_scores(toml, tmp_path, monkeypatch):
    monkeypatch.setattr(away, "_AT_A_TIME", 1)
    one, _ = runner(toml, tmp_path / "r", Written(everything))

    def ends(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(one, "_publish", ends)
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert len(again(toml, tmp_path / "r", monkeypatch)) == 1


def test_paths_that_are_told_hold_in_any_folder(toml, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", "cache")
    monkeypatch.setenv("BENCH_WEIGHTS", "weights")
    engine = Written(everything)
    monkeypatch.setattr(engines, "Dask", lambda *_: engine)
    with engines.opened("dask", engines.Options(), Store(tmp_path / "r"), 1) as pool:
        options = RunOptions(1, DATA, plugins=(PLUGINS, FAULTY))
        plan = make_plan(toml)
        assert Runner(plan, Store(tmp_path / "r"), options, Lines(sys.stdout), pool).run()
    for batch in engine.batches.values():
        for job in (job for group in batch.groups.values() for job in group):
            assert job.inputs.images["target"].is_relative_to(tmp_path / "cache")
            assert job.environment["BENCH_WEIGHTS"] == str(tmp_path / "weights")
