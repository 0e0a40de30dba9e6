"""What machines had computed is computed once, however the run ended that gave it to them."""

import errno
import sys
from pathlib import Path

import pytest
from chain.test_away import Written, compute, everything, predict, rows, runner
from harness import DATA, FAULTY, PLUGINS, make_plan, write_experiment

from bench.cli.progress import Lines
from bench.errors import BenchError
from bench.run import away, engines, remote
from bench.run.job import Report
from bench.run.outcome import record_of
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


def test_by_a_batch_that_is_ended_from_outside_in_that_moment(toml, tmp_path, monkeypatch):
    """One cell has ended well when a signal for the whole job takes another's worker."""
    one, pool = runner(toml, tmp_path / "r", Written())
    one._fill()
    pool._submit()
    (batch,) = pool.engine.batches.values()
    signalled = Report(failure="worker died", message="the worker was ended by SIGTERM")

    class Ending:
        """A pool whose workers end at once: the first by the signal, the second well."""

        def __init__(self, *_, **__):
            self.free, self.jobs = 2, []

        def start(self, jobs):
            self.free -= 1
            self.jobs += jobs

        def wait(self, _):
            for job in self.jobs[1:]:
                predict(job)
            return list(zip(self.jobs, [signalled, Report()], strict=True))

        def stop(self):
            """Nothing runs."""

    monkeypatch.setattr(remote, "Pool", Ending)
    monkeypatch.setattr(remote, "_GRACE_SECONDS", 0.0)
    first, second, *_ = batch.groups
    with pytest.raises(RuntimeError, match="ended from outside"):
        batch()
    assert not batch._file(first).exists()
    assert batch._file(second).exists()
    pool.stop()
    for started in one._started.values():
        started.lock.release()


def test_a_result_that_cannot_be_put_in_its_place_is_one_sentence(toml, tmp_path, monkeypatch):
    replace = Path.replace

    def full(path, to):
        if path.name.startswith("attempt-"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", full)
    one, _ = runner(toml, tmp_path / "r", Written(everything))
    with pytest.raises(BenchError, match="is full: make room and start again"):
        one.run()


def test_seeds_that_a_machine_computed_together_share_its_time(toml, tmp_path):
    """Those that are left of a group, where an earlier run has the others."""
    one, pool = runner(toml, tmp_path / "r", Written())
    one._fill()
    pool._submit()
    (batch,) = pool.engine.batches.values()
    jobs = [batch.groups[number][0] for number in (0, 1, 2)]
    batch._say(0, [(job, Report()) for job in jobs[:2]])
    batch._say(2, [(jobs[2], Report())])
    said = {job["key"]: job["report"]["group"] for _, told in pool.given.results() for job in told}
    assert [said[job.key] for job in jobs] == [2, 2, 1]
    started = one._started[jobs[0].key]
    started.group = 5
    found = record_of(started, Report(failure="exception", group=2), "", dirty=False)
    assert found.group == 2
    assert record_of(started, Report(failure="exception"), "", dirty=False).group == 5
    pool.stop()
    for started in one._started.values():
        started.lock.release()
