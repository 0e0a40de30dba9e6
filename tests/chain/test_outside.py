"""Cells of a TOML of one's own, seen by verbs that nobody names it to."""

import json
import shutil
from typing import Any

import pytest
from harness import bench, places, write_experiment

ROWS: list[dict[str, Any]] = [
    {"label": "sound", "method": "centroids"},
    {"label": "two", "method": "fault", "params": {"way": "raises"}},
    {"label": "three", "method": "fault", "params": {"way": "too_high"}},
]


@pytest.fixture(scope="module")
def results(tmp_path_factory, forkserver):
    folder = tmp_path_factory.mktemp("outside")
    mine = write_experiment(folder / "mine.toml", "tiny/cluster", ROWS)
    assert bench("run", mine, *places(folder / "r")) == 1
    return folder / "r"


def test_status_counts_them(results, capsys):
    assert bench("status", *places(results)) == 0
    told = "note: 3 cells of none of these experiments (1 done, 2 failed): name the TOML"
    assert told in capsys.readouterr().out
    assert bench("status", "--json", *places(results)) == 0
    found = json.loads(capsys.readouterr().out)["others"]
    assert sorted(found.values()) == ["done", "failed", "failed"]


@pytest.mark.parametrize("words", [["digits"], ["--all"], ["--methods", "dec"], ["--seeds", 1]])
def test_what_was_chosen_is_alone(words, results, capsys):
    assert bench("status", *words, *places(results)) == 0
    assert "none of these" not in capsys.readouterr().out


def test_of_another_preset_they_are_none_of_this_one(results, capsys):
    assert bench("status", "--preset", "paper", *places(results)) == 0
    assert "none of these" not in capsys.readouterr().out


def test_failed_ones_are_named_by_what_tells_them_apart(results, capsys):
    assert bench("status", "--failed", *places(results)) == 0
    out = capsys.readouterr().out
    assert "fault tiny/cluster seed 0 (way=raises): exception: " in out
    assert "fault tiny/cluster seed 0 (way=too_high): invalid prediction: " in out
    assert out.count("python -m bench show ") == 2


def test_check_says_that_it_does_not_compare_them(results, tmp_path, capsys):
    other = shutil.copytree(results, tmp_path / "other")
    bench("check", *places(results), "--against", other)
    assert "note: not compared: 3 cells of none of these" in capsys.readouterr().out
