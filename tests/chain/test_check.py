"""`bench check` from the outside: verdicts, exit statuses, formats, and what --update may do."""

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sealed
from checked import ORIGIN, ROWS, VALUES, fill, same, verdicts
from harness import bench, places, write_experiment

from bench.plan import experiment
from bench.report import reference
from bench.store import cost


@pytest.fixture
def toml(tmp_path):
    return write_experiment(tmp_path / "own" / "x.toml", "tiny/cluster", ROWS, n=10)


@pytest.fixture(autouse=True)
def own(tmp_path):
    (tmp_path / "own").mkdir()


@pytest.fixture
def held(toml, tmp_path, capsys):
    """An experiment with a reference beside it."""
    results = fill(toml, tmp_path / "before", same())
    assert bench("check", toml, *places(results), "--update", "--reason", "first") == 0
    capsys.readouterr()
    return toml


def test_the_same_bits_are_ok(held, tmp_path, capsys):
    status, found = verdicts(capsys, held, *places(tmp_path / "before"))
    assert status == 0
    for number in found.values():
        assert (number["verdict"], number["difference"], number["n"]) == ("ok", 0, 10)
        assert number["reference"] == number["measured"]
        assert number["guarded"]
        assert number["tolerance"] > 0


def test_other_bits_are_told_with_what_differs_and_pass(held, tmp_path, capsys):
    noisy = [v + (0.004 if i % 2 else -0.003) for i, v in enumerate(VALUES)]
    origin = {"hardware": "CPU B", "versions": {"torch": "2.2"}}
    results = fill(held, tmp_path / "now", same(other=noisy), origin=origin)
    status, found = verdicts(capsys, held, *places(results))
    assert status == 0
    assert found["centroids"]["verdict"] == "ok"
    assert found["other"]["verdict"] == "bits changed"
    assert found["other"]["note"] == "torch 2.1 → 2.2, CPU CPU A → CPU B"
    assert bench("check", held, *places(results)) == 0
    said = capsys.readouterr().out
    assert "1 ok, 1 bits changed" in said
    assert "torch 2.1 → 2.2" in said


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_a_fall_is_named_with_few_seeds_too(held, tmp_path, capsys, seeds):
    results = fill(held, tmp_path / "now", same(other=[v - 0.08 for v in VALUES]))
    status, found = verdicts(capsys, held, *places(results), "--seeds", seeds)
    assert status == 1
    assert (found["centroids"]["verdict"], found["other"]["verdict"]) == ("ok", "moved")
    assert found["other"]["direction"] == "worse"
    assert found["other"]["n"] == seeds
    assert found["other"]["reference"] == pytest.approx(sum(VALUES[:seeds]) / seeds)


@pytest.mark.parametrize("what", ["code", "machine too", "bits of the same code too"])
def test_a_new_draw_is_no_excuse_where_the_code_alone_differs(held, tmp_path, capsys, what):
    """Seeds swap their values: as by a new draw, which a change of code alone has no reason for."""
    path = held.parent / "reference" / "x-quick.csv"
    lines = path.read_text().splitlines()
    (cell,) = {line.rsplit(",", 3)[1] for line in lines[1:]}
    lines[2] = lines[2].replace(cell, f"centroids:{'0' * 16}")
    sealed.rewrite(path, "\n".join(lines) + "\n")
    rows = same(other=VALUES[::-1])
    if what.startswith("bits"):
        rows["centroids"] = [v + 1e-6 for v in VALUES]
    origin = ORIGIN | ({"hardware": "CPU B"} if what.startswith("machine") else {})
    results = fill(held, tmp_path / "now", rows, origin=origin)
    status, found = verdicts(capsys, held, *places(results))
    expected = (1, "moved") if what == "code" else (0, "bits changed")
    assert (status, found["other"]["verdict"]) == expected
    assert found["other"]["note"].startswith("code")


def test_one_collapsed_seed_of_ten_is_named(held, tmp_path, capsys):
    results = fill(held, tmp_path / "now", same(other=[*VALUES[:7], 0.1, *VALUES[8:]]))
    status, found = verdicts(capsys, held, *places(results))
    assert (status, found["other"]["verdict"], found["other"]["seeds"]) == (1, "moved", [7])
    bench("check", held, *places(results))
    assert "seed 7" in capsys.readouterr().out


def test_a_value_out_of_the_metrics_range_is_named(held, tmp_path, capsys):
    results = fill(held, tmp_path / "now", same(other=[*VALUES[:9], -5.0]))
    assert bench("check", held, *places(results)) == 1
    said = capsys.readouterr()
    assert "seed 9 lacks: 1 missing" in said.out
    assert "damaged record: ACC = -5.0 is no result" in said.err


def test_seeds_that_the_reference_has_must_be_there(held, tmp_path, capsys):
    results = fill(held, tmp_path / "now", same(), seeds=range(9))
    status, found = verdicts(capsys, held, *places(results))
    assert (status, found["other"]["verdict"]) == (1, "missing")
    assert found["other"]["note"] == "seed 9 lacks: 1 missing"
    assert verdicts(capsys, held, *places(results), "--seeds", 9)[0] == 0
    assert bench("check", held, *places(results)) == 1
    assert f"--results {results} --seeds 9` compares those before" in capsys.readouterr().out


def test_a_weak_reference_is_unguarded_and_never_ok(toml, tmp_path, capsys):
    results = fill(toml, tmp_path / "before", same(other=[0.3] * 10), seeds=[0])
    flags = [*places(results), "--seeds", 1]
    assert bench("check", toml, *flags, "--update", "--reason", "first") == 0
    now = fill(toml, tmp_path / "now", same(other=[0.2] * 10), seeds=[0])
    capsys.readouterr()
    status, found = verdicts(capsys, toml, *places(now), "--seeds", 1)
    assert status == 0
    assert found["other"]["verdict"] == "unguarded"
    assert bench("check", toml, *places(now), "--seeds", 1) == 0
    assert "1 unguarded, 1 ok" in capsys.readouterr().out
    # Alone it is nothing that could be compared.
    now = fill(toml, tmp_path / "both", {"centroids": [0.1] * 10, "other": [0.2] * 10}, seeds=[0])
    status, found = verdicts(capsys, toml, *places(now), "--seeds", 1)
    assert (status, found["centroids"]["verdict"]) == (1, "moved")


def test_nothing_to_compare_has_a_status_of_its_own(toml, tmp_path, capsys):
    results = fill(toml, tmp_path / "now", same(), seeds=[0])
    assert bench("check", toml, *places(results), "--seeds", 1) == 3
    assert "without a reference: x" in capsys.readouterr().out


def test_unavailable_data_are_no_green(toml, tmp_path, capsys):
    assert bench("run", "mnist", *places(tmp_path / "r"), "--data-root", tmp_path) == 3
    assert bench("check", "mnist", *places(tmp_path / "r"), "--data-root", tmp_path) == 3


def test_two_results_folders_are_compared_both_ways_round(toml, tmp_path, capsys):
    sound = fill(toml, tmp_path / "a", same())
    damaged = fill(
        toml, tmp_path / "b", same(other=[v if i < 5 else 0.1 for i, v in enumerate(VALUES)])
    )
    for here, there in ((sound, damaged), (damaged, sound)):
        status, found = verdicts(capsys, toml, *places(here), "--against", there)
        assert status == 1
        assert (found["centroids"]["verdict"], found["other"]["verdict"]) == ("ok", "moved")
        assert found["other"]["seeds"] == [5, 6, 7, 8, 9]
    assert bench("check", toml, *places(sound), "--against", sound) == 0
    assert "2 numbers against a/: 2 ok" in capsys.readouterr().out
    for form in ("text", "markdown"):
        bench("check", toml, *places(damaged), "--against", sound, "--format", form)
        said = capsys.readouterr().out
        assert "2 numbers against a/: 1 moved, 1 ok" in said
        assert "a/" in next(line for line in said.splitlines() if "difference" in line)
        assert "reference" not in said
    assert bench("check", toml, *places(sound), "--against", tmp_path / "none") == 2
    assert "it has no runs/" in capsys.readouterr().err


def test_numbers_of_a_set_are_never_held_against_those_without_it(tmp_path, capsys):
    one = write_experiment(tmp_path / "own" / "x.toml", "tiny/cluster", ROWS[:1], n=10)
    fill(one, tmp_path / "before", same())
    flags = [one, *places(tmp_path / "before"), "--set", "centroids.iterations=3"]
    assert bench("check", *flags) == 3
    said = capsys.readouterr().out
    assert "without a reference: x" in said
    assert "are held against a reference of their own, never against those without it" in said
    assert "bench sweep centroids.iterations=…,3 EXPERIMENT" in said
    assert bench("check", *flags, "--against", tmp_path / "before") == 3
    said = capsys.readouterr().out
    assert "without numbers in before/: x" in said
    assert "held against those of --set centroids.iterations=3 in before/" in said


def test_formats_for_people_and_machines(held, tmp_path, capsys):
    results = fill(held, tmp_path / "now", same(other=[v - 0.08 for v in VALUES]))
    assert bench("check", held, *places(results), "--format", "markdown") == 1
    said = capsys.readouterr().out
    assert said.startswith("### Numbers: 1 moved")
    assert "| moved (worse) | x " in said
    assert bench("check", held, *places(results), "--format", "junit") == 1
    (suite,) = ET.fromstring(capsys.readouterr().out)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    (failure,) = suite.iter("failure")
    assert failure.get("type") == "moved"
    assert "80.00 -> 72.00" in failure.get("message", "")


def test_update_asks_for_a_reason_and_shows_the_difference_first(held, tmp_path, capsys):
    results = fill(held, tmp_path / "now", same(other=[v - 0.08 for v in VALUES]))
    path = held.parent / "reference" / "x-quick.csv"
    before = path.read_bytes()
    assert bench("check", held, *places(results), "--update") == 2
    found = capsys.readouterr()
    assert "--reason" in found.err
    assert "moved" in found.out
    assert path.read_bytes() == before
    assert bench("check", held, *places(results), "--update", "--reason", "crops", "--json") == 0
    assert "moved" in str(json.loads(capsys.readouterr().out))
    assert json.loads(path.with_suffix(".json").read_text())["reason"] == "crops"
    assert bench("check", held, *places(results)) == 0


@pytest.mark.parametrize("part", [["--seeds", 2], ["--tasks", "tiny/cluster", "--seed-list", "3"]])
def test_update_loses_no_numbers_or_seeds_unless_told(held, tmp_path, capsys, part):
    path = held.parent / "reference" / "x-quick.csv"
    before = path.read_bytes()
    words = [held, *places(tmp_path / "before"), *part, "--update", "--reason", "less"]
    assert bench("check", *words) == 2
    assert "seeds of 2 numbers of its reference would be lost" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert bench("check", *words, "--drop") == 0
    assert path.read_bytes() != before


def test_update_keeps_or_drops_other_rows_where_it_is_told(held, tmp_path, capsys):
    path = held.parent / "reference" / "x-quick.csv"
    told, (head, one, other) = path.with_suffix(".json").read_text(), path.read_text().splitlines()
    held.write_text(held.read_text().replace('"other"', '"renamed"'))
    words = [held, *places(tmp_path / "before"), "--update", "--reason", "renamed"]
    assert bench("check", *words) == 2
    assert "1 of 2 numbers" in capsys.readouterr().err
    assert bench("check", *words, "--keep") == 0
    renamed = other.replace("other", "renamed")
    # The last column counts the updates that a line may be from, the last one first.
    assert path.read_text().splitlines() == [head, one, renamed, f"{other.removesuffix('0')}1"]
    (kept,) = json.loads(path.with_suffix(".json").read_text())["kept"]
    of_file = ("identities", "sha256", "checksum")
    assert json.loads(told) == kept | {k: json.loads(told)[k] for k in of_file}
    assert bench("check", *words, "--keep", "--seeds", 2) == 2  # a number is of one measurement
    assert bench("check", *words, "--drop") == 0
    assert other not in path.read_text()


def test_an_experiment_of_ones_own_never_touches_the_shipped_reference(tmp_path, capsys):
    shipped = reference.FOLDER / "digits-quick.csv"
    stamps = shipped.read_bytes(), cost.REFERENCE.read_bytes()
    toml = write_experiment(tmp_path / "own" / "digits.toml", "tiny/cluster", ROWS, n=10)
    results = fill(toml, tmp_path / "r", same())
    assert bench("check", toml, *places(results), "--update", "--reason", "mine") == 0
    assert (tmp_path / "own" / "reference" / "digits-quick.csv").exists()
    assert (shipped.read_bytes(), cost.REFERENCE.read_bytes()) == stamps
    one = experiment.load("digits")
    assert reference.path_of(one, "quick") == shipped
    assert reference.path_of(dataclasses.replace(one, path=toml), "quick") != shipped


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0:0.79", "0:0.97", "its values have the mean"),
        ("1:0.81", "0:0.81", "stands there twice"),
        ("0:0.79", "0:nan", "ACC = nan is no result"),
    ],
)
def test_an_altered_reference_is_named(held, tmp_path, capsys, old, new, said):
    path = held.parent / "reference" / "x-quick.csv"
    text = path.read_text().replace(old, new, 1)
    for write, words in ((sealed.rewrite, said), (Path.write_text, "not those that it was writ")):
        write(path, text)
        assert bench("check", held, *places(tmp_path / "before")) == 2
        error = capsys.readouterr().err
        assert ("x-quick.csv line 2: damaged" in error) == (words == said)
        assert words in error
        text += "\n"


def test_a_run_ends_with_the_check_and_may_take_its_status(held, tmp_path, capsys):
    results = fill(held, tmp_path / "now", same(other=[v - 0.08 for v in VALUES]))
    assert bench("run", held, *places(results)) == 0
    said = capsys.readouterr().out
    assert "check  2 numbers against their reference: 1 moved, 1 ok" in said
    assert bench("run", held, *places(results), "--check") == 1
    assert bench("run", held, *places(tmp_path / "before"), "--check") == 0
