"""`bench check` of a row whose cells compute another thing than those of its reference."""

import json
from typing import Any

import pytest
import sealed
from checked import ROWS, VALUES, fill, same, verdicts
from harness import bench, make_plan, places, write_experiment

from bench.report.comparisons import is_one_draw

KEPT: list[dict[str, Any]] = [
    {"method": "kmeans"},
    {"method": "centroids", "label": "other", "params": {"iterations": 2}},
]


@pytest.fixture
def held(tmp_path, capsys):
    """An experiment with a reference beside it."""
    (tmp_path / "own").mkdir()
    toml = write_experiment(tmp_path / "own" / "x.toml", "tiny/cluster", ROWS, n=10)
    results = fill(toml, tmp_path / "before", same())
    assert bench("check", toml, *places(results), "--update", "--reason", "first") == 0
    capsys.readouterr()
    return toml


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("iterations = 2", "iterations = 3", "parameter centroids.iterations 2 → 3"),
        ("params", "setting = { n_clusters = 2 }\nparams", "setting n_clusters unset → 2"),
    ],
)
def test_what_another_computation_gave_has_moved_by_that(held, tmp_path, capsys, old, new, words):
    """Chance and noise excuse the bits of the same computation alone, however small the change."""
    text = held.read_text()
    assert old in text
    held.write_text(text.replace(old, new))
    results = fill(held, tmp_path / "now", same(other=[v + 1e-9 for v in VALUES]))
    status, found = verdicts(capsys, held, *places(results))
    assert (status, found["centroids"]["verdict"]) == (1, "ok")
    assert found["other"]["verdict"] == "moved"
    assert found["other"]["note"].startswith(words)
    assert found["other"]["difference"] == pytest.approx(1e-9)
    # The same bits are the same result, whatever gave them.
    results = fill(held, tmp_path / "bits", same())
    assert verdicts(capsys, held, *places(results))[0] == 0


def test_a_reference_that_does_not_say_what_its_cells_compute_is_read(held, tmp_path, capsys):
    """As those of 0.1.0; what they lack is said where nothing else differs."""
    sealed.forget_identities(held.parent / "reference" / "x-quick.csv")
    assert verdicts(capsys, held, *places(tmp_path / "before"))[0] == 0
    results = fill(held, tmp_path / "now", same(other=[v + 0.001 for v in VALUES]))
    status, found = verdicts(capsys, held, *places(results))
    assert (status, found["other"]["verdict"]) == (0, "bits changed")
    assert found["other"]["note"] == "nothing that is recorded (parameters are not)"


def test_a_number_that_an_update_keeps_keeps_what_its_cells_compute(tmp_path, capsys):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", KEPT, n=10)
    results = fill(toml, tmp_path / "before", {"kmeans": VALUES, "other": VALUES})
    update = ("check", toml, *places(results), "--update", "--reason", "first")
    assert bench(*update) == 0
    assert bench(*update, "--keep", "--methods", "kmeans") == 0
    told = json.loads((tmp_path / "reference" / "x-quick.json").read_text())
    assert {one["method"] for one in told["identities"].values()} == {"kmeans", "centroids"}
    assert all("identities" not in one for one in told["kept"])
    toml.write_text(toml.read_text().replace("iterations = 2", "iterations = 3"))
    capsys.readouterr()
    now = {"kmeans": VALUES, "other": [v + 1e-9 for v in VALUES]}
    status, found = verdicts(capsys, toml, *places(fill(toml, tmp_path / "now", now)))
    assert (status, found["kmeans"]["verdict"], found["other"]["verdict"]) == (1, "ok", "moved")
    assert found["other"]["note"].startswith("parameter centroids.iterations 2 → 3")


@pytest.mark.parametrize(
    ("params", "one"),
    [
        ({"features": "source", "pretrain_seed": 0}, True),
        ({"features": "source"}, False),  # a network for each seed
        ({}, False),  # pixels
    ],
)
def test_seeds_that_share_a_trained_network_are_one_draw_of_it(tmp_path, params, one):
    row = {"method": "kmeans", "params": params}
    plan = make_plan(write_experiment(tmp_path / "x.toml", "digits/transfer", [row], n=3))
    (slot,) = plan.slots
    assert is_one_draw(slot, (0, 1, 2), plan) is one
    assert not is_one_draw(slot, (0,), plan)
