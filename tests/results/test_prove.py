"""Evidence from replays: what it says, what it is silent on, and that today's code has it."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from figures import publish
from harness import make_plan, write_experiment

from bench import ROOT, registry
from bench.prove import digests, evidence, golden, replay
from bench.prove.digests import Seen
from bench.prove.replay import Replay
from bench.store import code
from bench.store.folders import Store
from bench.tasks import Prediction


def test_todays_code_is_proven():
    """Code of a method or of the scoring that nobody has proven fails here, which CI runs."""
    lacking = golden.unproven()
    assert not lacking, "\n".join(lacking)


def test_no_witness_is_blind():
    """Each moves its loss, uses more than one cluster, tells pairs apart."""
    cells = golden.read()[0].cells
    assert {name: c.degenerate for name, c in cells.items() if c.degenerate} == {}


def test_every_method_has_a_witness():
    seen = {cell.method for cell in golden.read()[0].cells.values()}
    ours = {n for n, i in registry.load().items() if i.module.startswith(evidence.OURS)}
    assert not ours - seen, "add a row to bench/prove/witness.toml"
    assert "protocol" in seen


def test_seeds_of_a_cell_have_names_of_their_own(tmp_path):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}], n=3)
    plan, store = make_plan(toml), Store(tmp_path / "results")
    for one in plan.cells.values():
        publish(plan, store, one.key, Prediction(np.arange(150) % 4))
    found = digests.read(store.root)
    assert len(found) == 3
    assert {name: seen.label for name, seen in found.items()} == {name: name for name in found}


def cell(method, output="o", logged="l", scores="s", needs=()):
    return Seen(method, method, output, logged, scores, needs)


def words(before, now):
    found = evidence.compare(Replay(before), Replay(now))
    return {name: verdict.word for name, verdict in found.items()}


@pytest.mark.parametrize("what", ["output", "logged"])
def test_a_method_differs_where_a_prediction_or_a_logged_value_does(what):
    before = {"a": cell("dec"), "b": cell("dec"), "c": cell("dtc")}
    now = {**before, "b": replace(before["b"], **{what: "other"})}
    assert words(before, now) == {"dec": "differs", "dtc": "equal"}


def test_other_scores_are_no_other_method():
    before = {"a": cell("dec")}
    now = {"a": cell("dec", scores="other")}
    assert words(before, now) == {"dec": "equal"}
    assert evidence.scores(Replay(before), Replay(now)).word == "differs"
    assert evidence.scores(Replay(before), Replay(before)).word == "equal"


def test_what_rests_on_a_cell_that_differs_is_not_judged():
    before = {"a": cell("pretrain"), "in blocks: a": cell("pretrain")}
    before |= {"b": cell("dtc", needs=("a",)), "in blocks: b": cell("dtc", needs=("a",))}
    now = {name: replace(one, output="other") for name, one in before.items()}
    assert words(before, now) == {"pretrain": "differs", "dtc": "unjudged"}
    now["in blocks: a"] = before["in blocks: a"]
    assert words(before, now) == {"pretrain": "differs", "dtc": "differs"}


def test_what_one_side_alone_has_is_no_difference():
    assert words({"a": cell("dec")}, {"b": cell("dec")}) == {"dec": "new"}
    assert words({"a": cell("dec")}, {}) == {"dec": "gone"}


def test_a_pair_is_equal_with_all_networks_that_its_fingerprint_covers():
    registry.load()
    networks = code.networks_of("bench_baselines.untrained", ("alexnet",))
    assert "alexnet" in networks
    cells = {name: cell(f"network {name}") for name in networks} | {"u": cell("untrained")}
    codes = ({"untrained alexnet": "1"}, {"untrained alexnet": "2"})
    before, now = (Replay(dict(cells), one) for one in codes)
    assert evidence.pairs(before, now) == [("untrained", "1", "2")]
    now.cells["alexnet"] = replace(cells["alexnet"], output="other")
    assert evidence.pairs(before, now) == []
    del now.cells["alexnet"]
    assert evidence.pairs(before, now) == []


def test_an_experiment_of_some_rows_is_what_those_rows_say():
    file = replay.HERE / "witness.toml"
    content = tomllib.loads(file.read_text())
    again = tomllib.loads(replay._text(replay._items(content)))
    assert again["table"] == content["table"]
    assert again["preset"] == content["preset"]


def test_what_a_commit_does_not_know_is_left_out(tmp_path, monkeypatch):
    """Halving finds the rows and parameters that the code there refuses."""
    content = tomllib.loads((replay.HERE / "witness.toml").read_text())
    items, refused = replay._items(content), {"sela", "dtc, TE", "tsp"}

    def fake(tree, place, items, plugins, words):
        names = {i[1] if i[0] == "params" else i[2]["label"] for i in items}
        return type("Done", (), {"returncode": 2 if names & refused else 0})

    monkeypatch.setattr(replay, "_bench", fake)
    known = replay._known(tmp_path, tmp_path, items, [])
    left = [i for i in items if i not in known]
    assert {i[1] if i[0] == "params" else i[2]["label"] for i in left} == refused


def test_a_network_is_replayed_in_another_type(tmp_path):
    """Its outputs are others then: an equivalence in one type says nothing of the other."""
    found = replay.replay(ROOT, tmp_path, lambda n: n in ("network lenet", ""), dtype="bfloat16")
    (cell,) = (one for one in found.cells.values() if one.method == "network lenet")
    (in_float32,) = (c for c in golden.read()[0].cells.values() if c.method == "network lenet")
    assert cell.degenerate == ""
    assert (cell.label, cell.logged) == (in_float32.label, in_float32.logged)
    assert cell.output != in_float32.output


def test_a_cells_name_holds_whatever_its_key_is(tmp_path):
    """Keys hold the data's fingerprint; names do not, and follow what a cell needs."""

    def name(key, **changed):
        cell = {"task": "t/u", "setting": {}, "method": "given", "params": {}, "needs": {}}
        record = {"key": key, "cell": {**cell, **changed}, "state": "failed", "failure": "timeout"}
        record |= {"metrics": {}, "cpu_seconds": 1.0}
        folder = tmp_path / key / "runs" / "t" / "m" / key
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(record))
        return list(digests.read(tmp_path / key))

    first = name("a", data="x", seed=0)
    assert name("b", data="y", seed=0) == first
    assert name("d", data="x", seed=1) != first
    assert name("c", params={"k": 1}) != first
