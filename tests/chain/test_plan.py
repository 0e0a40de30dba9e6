"""Which cells there are, what their keys cover, and when a result is out of date."""

import dataclasses
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from harness import (
    FAULTY,
    PLUGINS,
    bench,
    make_plan,
    places,
    predictions,
    run,
    stamps,
    write_experiment,
)

from bench import registry
from bench.plan import experiment, graph
from bench.plan.cell import Cell
from bench.store import code, states
from bench.store.folders import Store
from bench.tasks import Method

METHOD = '''
"""A module."""
from dataclasses import dataclass
import numpy as np
from bench.registry import method
from bench.tasks import Need, Prediction

@method("made-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class Made:
    """{doc}"""
    def fit(self, task, run):
        # {doc}
        return Prediction(assignments=np.full(len(task.target), {value}))

@method("made-after-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class MadeAfter:
    def needs(self, task):
        return {{"it": Need("made-{n}")}}

    def fit(self, task, run):
        return run.needed("it")
'''


@pytest.fixture
def made(tmp_path, forkserver):
    """A function that writes a plugin of two methods, and an experiment with the second."""
    n = time.monotonic_ns()
    folder = tmp_path / f"made_{n}"
    folder.mkdir()

    def write(value=1, doc="Constant."):
        (folder / "made.py").write_text(METHOD.format(n=n, value=value, doc=doc))
        code.fingerprint.cache_clear()
        return toml

    rows = [{"method": f"made-after-{n}"}, {"method": "centroids"}]
    toml = write_experiment(tmp_path / "made.toml", "tiny/cluster", rows)
    write()
    registry.load([PLUGINS, FAULTY, folder])
    return write, folder


def states_of(toml, results):
    found = states.read(make_plan(toml), Store(results))
    return {
        c.method.split("-")[0] + c.method[4:6]: found.states[k] for k, c in found.plan.cells.items()
    }


def test_changed_code_makes_stale_and_changed_words_do_not(made, tmp_path, monkeypatch, capsys):
    write, folder = made
    toml, results = write(), tmp_path / "results"
    flags = [*places(results), "--plugins", folder]
    assert bench("run", toml, *flags) == 0
    first, before = predictions(results), stamps(results)
    assert bench("check", toml, *flags, "--update", "--reason", "first") == 0
    assert bench("check", toml, *flags) == 0

    write(doc="Other words, the same code.")
    assert set(states_of(toml, results).values()) == {"done"}
    write(value=2)
    found = list(states_of(toml, results).values())
    assert sorted(found) == ["done", "stale", "stale"]  # the needed one and what needs it
    capsys.readouterr()
    assert bench("check", toml, *flags) == 1
    assert "stale" in capsys.readouterr().out
    assert bench("check", toml, *flags, "--json") == 1
    verdicts = {c["row"][:4]: c["verdict"] for c in json.loads(capsys.readouterr().out)}
    assert verdicts == {"made": "stale", "cent": "ok"}

    assert bench("run", toml, *flags) == 0  # kept, and marked
    assert stamps(results) == before
    assert predictions(results) == first
    table = (results / "tables" / "made-t-quick.md").read_text()
    assert "stale" in table.lower() or "other code" in table.lower()
    assert bench("run", toml, *flags, "--rerun-stale") == 0
    assert set(states_of(toml, results).values()) == {"done"}
    assert predictions(results) != first
    assert bench("check", toml, *flags) == 0  # one cluster or another: ACC is the same


def test_what_is_built_anew_is_not_built_on_a_stale_cell(made, tmp_path):
    write, folder = made
    toml, results = write(), tmp_path / "results"
    options: dict[str, Any] = {"plugins": (PLUGINS, FAULTY, folder)}
    run(toml, results, **options)
    write(value=2)
    for path in (results / "runs" / "tiny-cluster").glob("made-after-*/*/record.json"):
        path.unlink()
    run(toml, results, **options)
    assert set(states_of(toml, results).values()) == {"done"}


def test_a_changed_output_of_a_needed_cell_makes_stale(tmp_path, forkserver):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "carrier"}])
    results = run(toml, tmp_path)
    records = dict(results.records)
    key = next(k for k, c in results.plan.cells.items() if c.method == "mean-image")
    records[key] = dataclasses.replace(records[key], output="0" * 64)
    assert list(states.states(results.plan, records).values()) == ["done", "stale"]


def test_a_neutral_parameter_leaves_old_keys_as_they_were(tmp_path, monkeypatch):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    (old,) = make_plan(toml).cells

    @dataclass(frozen=True)
    class Later(Method):
        iterations: int = 5
        momentum: float = 0.0

        def fit(self, task, run):
            raise NotImplementedError

    later = dataclasses.replace(registry.get("centroids"), cls=Later, neutral={"momentum": 0.0})
    monkeypatch.setitem(registry._methods, "centroids", later)
    assert list(make_plan(toml).cells) == [old]
    row = {"method": "centroids", "params": {"momentum": 0.9}}
    other = write_experiment(tmp_path / "y.toml", "tiny/cluster", [row])
    assert list(make_plan(other).cells) != [old]
    monkeypatch.setitem(registry._methods, "centroids", dataclasses.replace(later, neutral={}))
    assert list(make_plan(toml).cells) != [old]


def test_the_key_covers_what_decides_a_result():
    base = Cell("t", (), "centroids", (("iterations", 5),), "quick", 0, "cpu", "float32", 1, "d")
    changes: dict[str, Any] = {
        "task": "u", "setting": (("n_clusters", 3),), "method": "carrier",
        "params": (("iterations", 6),), "preset": "paper", "seed": 1, "device": "cuda",
        "dtype": "bfloat16", "threads": 2, "data": "e", "needs": (("a", "b"),),
    }  # fmt: skip
    assert changes.keys() == {f.name for f in dataclasses.fields(base)}
    registry.load([PLUGINS])
    keys = {base.key} | {dataclasses.replace(base, **{k: v}).key for k, v in changes.items()}
    assert len(keys) == len(changes) + 1


def test_data_of_ones_own_have_one_key_before_and_after_they_are_prepared(tmp_path, monkeypatch):
    """A data set without pins: its fingerprint is known only once it is prepared."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    toml = write_experiment(tmp_path / "x.toml", "tiny/flat", [{"method": "centroids"}])
    keys = []
    for _ in range(2):  # as two commands would
        (cell,) = make_plan(toml).cells.values()
        assert "target:" in cell.data
        keys.append(cell.key)
    assert keys[0] == keys[1]


def test_selection_of_methods_tasks_and_seeds(tmp_path):
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=3)
    assert {c.method for c in make_plan(toml, methods=("centroids",)).cells.values()} == {
        "centroids"
    }
    assert {c.seed for c in make_plan(toml, seeds=(4, 7)).cells.values()} == {4, 7}
    assert not make_plan(toml, tasks=("tiny/adapt",)).cells
    extra = make_plan(toml, methods=("counted",))  # in no table: added as a row
    assert {(c.method, c.seed) for c in extra.cells.values()} == {("counted", s) for s in range(3)}


def test_every_experiment_that_comes_with_the_project_can_be_planned():
    assert experiment.names()
    for name in experiment.names():
        for preset in ("quick", "paper"):
            made = graph.make([experiment.load(name)], graph.Options(preset=preset, seeds=(0,)))
            assert made.cells
            for key, cell in made.cells.items():
                assert cell.key == key
                assert all(needed in made.cells for _, needed in cell.needs)
