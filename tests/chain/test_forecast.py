"""What a dry run says of a plan's length is what a run takes, in a time of its own."""

import heapq
import random
import sys

import pytest
from chain.test_away import predict, rows
from harness import DATA, FAULTY, PLUGINS, bench, make_plan, places, write_experiment

from bench.cli.progress import Lines
from bench.run.job import Report
from bench.run.runner import Runner, RunOptions
from bench.store import cost
from bench.store.folders import Store


@pytest.fixture
def toml(tmp_path):
    after = {"label": "a", "method": "counted-after", "params": {"number": 0, "notes": "x"}}
    return write_experiment(tmp_path / "x.toml", "tiny/cluster", [*rows(3), after], n=2)


class Clock:
    """An executor of so many workers in a time of its own."""

    def __init__(self, workers):
        self.free, self.now, self._running, self._count = workers, 0.0, [], 0

    def start(self, group):
        self.free -= 1
        self._count += 1
        end = self.now + sum(job.seconds for job in group)
        for job in group:
            predict(job)
        heapq.heappush(self._running, (end, self._count, group))

    def wait(self, seconds):
        self.now, _, group = heapq.heappop(self._running)
        self.free += 1
        return [(job, Report()) for job in group]

    def stop(self):
        """Nothing runs."""


@pytest.mark.parametrize("workers", [1, 3, 7])
def test_the_forecast_is_what_a_run_takes(workers, toml, tmp_path, monkeypatch):
    def of(_, cell):
        return cost.Cost(random.Random(cell.key).uniform(1, 1000), "measured")

    monkeypatch.setattr(cost.Costs, "of", of)
    clock, options = Clock(workers), RunOptions(1, DATA, plugins=(PLUGINS, FAULTY))
    store = Store(tmp_path / "r")
    one = Runner(make_plan(toml), store, options, Lines(sys.stdout), clock)
    expected = one.forecast(workers)
    assert one.run()
    assert expected.seconds == pytest.approx(clock.now)
    assert expected.worked == pytest.approx(sum(one.seconds.values()))
    bound = max(expected.worked / workers, one.seconds[expected.longest])
    assert bound <= expected.seconds * (1 + 1e-9)
    if workers == 1:
        assert expected.seconds == pytest.approx(expected.worked)


def test_a_dry_run_says_how_long_gpus_take(toml, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cost.Costs, "of", lambda self, cell: cost.Cost(3600.0, "measured"))
    words = ["--dry-run", "--executor", "slurm", "--gpus", 5]
    assert bench("run", toml, *places(tmp_path / "r"), *words) == 0
    assert "gpus   5: 2.0 h from first to last, 10.0 GPU-hours" in capsys.readouterr().out
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("chosen", "estimate", "seconds"),
    [(None, 100.0, 1200.0), (None, 3600.0, 18_000.0), (60.0, 3600.0, 60.0)],
)
def test_a_cell_is_not_killed_before_its_estimate(
    chosen, estimate, seconds, toml, tmp_path, monkeypatch
):
    monkeypatch.setattr(cost.Costs, "of", lambda self, cell: cost.Cost(estimate, "measured"))
    options = RunOptions(1, DATA, timeout=chosen, plugins=(PLUGINS, FAULTY))
    given = []

    class Noting(Clock):
        def start(self, group):
            given.extend(group)
            super().start(group)

    Runner(make_plan(toml), Store(tmp_path / "r"), options, Lines(sys.stdout), Noting(1)).run()
    assert {job.timeout for job in given} == {seconds}
