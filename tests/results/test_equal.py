"""Equivalences of code: how they lead to one another, and what they make of a cell's state."""

import dataclasses

import pytest
from harness import make_plan, write_experiment

from bench.errors import BenchError
from bench.store import code, equal, machine, provenance, states
from bench.store.record import Record

PROOF = {"cpu": "some", "versions": {"torch": "2.14"}}
PLACE = {"device": "cpu", "dtype": "float32"}


def found(*pairs, known=None, place=PLACE):
    known = known or equal.Equal({}, (), {})
    return equal.add(known, pairs, proof=PROOF, **place)


def test_equivalences_lead_on_in_both_directions():
    known = found(("dec", "a", "b"), ("dec", "d", "c"), ("dec", "b", "c"))
    assert known.same("dec", "d", "a", **PLACE)
    assert known.same("dec", "e", "e", **PLACE)
    assert not known.same("dec", "a", "e", **PLACE)


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("kmeans", PLACE),
        ("dec", {**PLACE, "device": "cuda"}),
        ("dec", {**PLACE, "dtype": "bfloat16"}),
    ],
)
def test_another_method_device_or_type_wants_its_own_proof(method, place):
    assert not found(("dec", "a", "b")).same(method, "a", "b", **place)


def test_what_follows_already_is_not_written(tmp_path):
    known = found(("dec", "a", "b"), ("dec", "b", "c"))
    again = found(("dec", "c", "a"), known=known)
    assert again.lines == known.lines
    path = equal.write(again, tmp_path / "equal.json")
    assert equal.read(path) == again
    assert len(path.read_text().splitlines()) == 2 + 1 + 2 + 2


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "equal.json").write_text('{"equal": [{"method": 3}]}')
    with pytest.raises(BenchError, match=r"equal\.json: damaged"):
        equal.read(tmp_path / "equal.json")


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A plan of one cell, its record, and a file of equivalences that is empty yet."""
    plan = make_plan(write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "kmeans"}]))
    (cell,) = plan.cells.values()
    monkeypatch.setattr(equal, "read", lambda: equal.Equal({}, (), {}))
    one = Record(
        cell.key, cell.identity(), "done", code=code.of_cell(cell), versions=machine.versions()
    )
    return plan, one


def state(plan, one):
    return states.states(plan, {one.key: one})[one.key]


def test_other_code_is_stale_until_it_is_shown_to_be_the_same(measured, monkeypatch):
    plan, one = measured
    assert state(plan, one) == "done"
    older = dataclasses.replace(one, code="0" * 16)
    assert state(plan, older) == "stale"
    between = found(("kmeans", "0" * 16, "1" * 16), ("kmeans", "1" * 16, one.code))
    monkeypatch.setattr(equal, "read", lambda: between)
    assert state(plan, older) == "done"
    assert state(plan, dataclasses.replace(one, code="2" * 16)) == "stale"


def test_scores_of_other_code_are_named(measured, monkeypatch):
    plan, one = measured

    def named(one):
        results = states.Results(plan, {one.key: one}, {one.key: "done"})
        return provenance.scored_otherwise(results), provenance.notes(results)

    today = dataclasses.replace(one, scoring=code.scoring())
    assert named(today) == ([], [])
    (key,), (note,) = named(one)
    assert key == one.key
    assert "bench rescore" in note
    same = found((equal.SCORING, "", code.scoring()))
    monkeypatch.setattr(equal, "read", lambda: same)
    assert named(one) == ([], [])


def test_other_versions_are_shown_and_make_nothing_stale(measured):
    plan, one = measured
    older = dataclasses.replace(
        one, versions={**one.versions, "torch": "1.0", "safetensors": "0.1"}
    )
    assert state(plan, older) == "done"
    assert list(provenance.other_versions(older)) == ["torch"]
    older = dataclasses.replace(older, scoring=code.scoring())
    (note,) = provenance.notes(states.Results(plan, {older.key: older}, {older.key: "done"}))
    assert note.startswith("1 cell was measured with torch 1.0 (here ")
