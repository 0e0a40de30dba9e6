"""What `bench check` excuses, and what it says where it compared nothing or not everything."""

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import sealed
from checked import ORIGIN, ROWS, VALUES, fill, same, verdicts
from harness import bench, make_plan, places, write_experiment

from bench.report import comparisons
from bench.store import code, outputs, states
from bench.store.folders import PREDICTION, Store
from bench.store.record import Record
from bench.tasks import Prediction

FALLEN = [value - 0.45 for value in VALUES]
ELSEWHERE = ORIGIN | {"hardware": "CPU B"}


@pytest.fixture
def held(tmp_path, capsys):
    """An experiment with a reference beside it."""
    return referenced(tmp_path, capsys, "x")


def referenced(tmp_path, capsys, name, origin=ORIGIN, rows=ROWS):
    (tmp_path / "own").mkdir(exist_ok=True)
    toml = write_experiment(tmp_path / "own" / f"{name}.toml", "tiny/cluster", rows, n=10)
    results = fill(toml, tmp_path / f"before-{name}", same(), origin=origin)
    assert bench("check", toml, *places(results), "--update", "--reason", "first") == 0
    capsys.readouterr()
    return toml


def other_code(toml):
    """Let the row "other" of a reference be measured by other code."""
    path = toml.parent / "reference" / f"{toml.stem}-quick.csv"
    lines = path.read_text().splitlines()
    head = lines[0].split(",")
    for i, line in enumerate(lines):
        if line.startswith("t,,other,"):
            parts = line.rsplit(",", len(head) - head.index("code"))
            lines[i] = ",".join([parts[0], f"centroids:{'0' * 16}", *parts[2:]])
    sealed.rewrite(path, "\n".join(lines) + "\n")


def transferred(toml, folder, values):
    """Ten seeds of K-means on the features of one network, which a cell of its own has trained."""
    plan, store, found = make_plan(toml), Store(folder), {}
    (slot,) = plan.slots
    seeds = {key: seed for seed, (key,) in slot.cells.items()}
    for key, cell in plan.cells.items():
        attempt = store.work(cell) / "attempt"
        attempt.mkdir(parents=True)
        outputs.save(attempt / PREDICTION, Prediction())
        found[key] = outputs.digest(attempt / PREDICTION)
        record = Record(
            key=key, cell=cell.identity(), state="done", code=code.of_cell(cell),
            metrics={"ACC": values[seeds[key]]} if key in seeds else {}, output=found[key],
            needs={role: found[needed] for role, needed in cell.needs}, **ORIGIN,
        )  # fmt: skip
        store.publish(cell, attempt, record)
    return folder


def test_a_fall_by_the_code_of_a_needed_cell_is_not_excused(tmp_path, capsys):
    row = {"method": "kmeans", "params": {"features": "source", "pretrain_seed": 0}}
    toml = write_experiment(tmp_path / "x.toml", "digits/transfer", [row], n=10)
    before = transferred(toml, tmp_path / "before", VALUES)
    assert bench("check", toml, *places(before), "--update", "--reason", "first") == 0
    capsys.readouterr()
    path = tmp_path / "reference" / "x-quick.csv"
    text, now = path.read_text(), transferred(toml, tmp_path / "now", FALLEN)
    (pretrained,) = {c.method for c in make_plan(toml).cells.values()} - {"kmeans"}
    head, _, rest = text.partition(f"{pretrained}:")
    sealed.rewrite(path, f"{head}{pretrained}:{'0' * 16}{rest[16:]}")
    status, found = verdicts(capsys, toml, *places(now))
    assert (status, found["kmeans"]["verdict"]) == (1, "moved")
    assert found["kmeans"]["direction"] == "worse"
    assert found["kmeans"]["note"] == f"code of {pretrained}"
    # A reference from before the codes of needed cells were kept says so, and excuses nothing else.
    own = next(part for part in text.split(",") if part.startswith("kmeans:"))
    sealed.rewrite(path, text.replace(own, own.split(";")[0].removeprefix("kmeans:")))
    status, found = verdicts(capsys, toml, *places(now))
    assert status == 1
    assert found["kmeans"]["note"] == "nothing that is recorded (codes of needed cells are not)"


def test_another_machines_reference_excuses_its_own_numbers_alone(held, tmp_path, capsys):
    other_code(held)
    mine = fill(held, tmp_path / "now", same(other=VALUES[::-1]))
    assert verdicts(capsys, held, *places(mine))[0] == 1
    rows = [{"label": row.get("label", "centroids")} | row for row in ROWS]
    rows = [row | {"params": {"iterations": i}} for i, row in enumerate(rows, 3)]
    theirs = referenced(tmp_path, capsys, "y", ELSEWHERE, rows)
    fill(theirs, tmp_path / "now", same(other=[v + 1e-6 for v in VALUES]))
    assert bench("check", held, theirs, *places(mine), "--json") == 1
    found = {(c["experiment"], c["row"]): c for c in json.loads(capsys.readouterr().out)}
    assert found["x", "other"]["verdict"] == "moved"
    assert found["y", "other"]["verdict"] == "bits changed"


def test_kept_numbers_of_another_machine_do_not_excuse_those_of_this_one(held, tmp_path, capsys):
    text = held.read_text()
    elsewhere = fill(held, tmp_path / "elsewhere", same(), origin=ELSEWHERE)
    words = ["--update", "--reason", "there"]
    assert bench("check", held, *places(elsewhere), *words) == 0
    held.write_text(text.replace('label = "centroids"', 'label = "renamed"'))
    here = fill(held, tmp_path / "here", {"renamed": VALUES, "other": VALUES})
    assert bench("check", held, *places(here), *words, "--keep") == 0
    held.write_text(text)
    capsys.readouterr()
    other_code(held)
    status, found = verdicts(
        capsys, held, *places(fill(held, tmp_path / "now", same(other=VALUES[::-1])))
    )
    assert (status, found["other"]["note"]) == (1, "code of centroids")


def test_a_seed_that_falls_makes_a_number_worse_though_the_rest_rise(held, tmp_path, capsys):
    rows = same(other=[0.1, *(value + 0.09 for value in VALUES[1:])])
    _, found = verdicts(capsys, held, *places(fill(held, tmp_path / "now", rows)))
    assert (found["other"]["verdict"], found["other"]["direction"]) == ("moved", "worse")
    assert found["other"]["difference"] > 0


def test_seeds_that_the_reference_lacks_are_counted(held, tmp_path, capsys):
    few = ["--seeds", 3, "--update", "--drop", "--reason", "few"]
    assert bench("check", held, *places(tmp_path / "before-x"), *few) == 0
    capsys.readouterr()
    rows = same(other=[*VALUES[:3], *[0.0] * 7])
    results = fill(held, tmp_path / "now", rows)
    assert bench("check", held, *places(results)) == 0
    said = capsys.readouterr().out
    assert "of 2 numbers seeds were measured that their reference does not have" in said


def test_json_is_json_where_a_count_may_move_by_any_amount(tmp_path, capsys):
    column = {"metrics": ["NDC"]}
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", ROWS, n=1, **column)
    results = fill(toml, tmp_path / "r", same(), metric="NDC", seeds=[0], origin=ELSEWHERE)
    assert bench("check", toml, *places(results), "--update", "--reason", "first") == 0
    capsys.readouterr()
    now = same(other=[v + 5 for v in VALUES])
    fill(toml, tmp_path / "now", now, metric="NDC", seeds=[0])
    bench("check", toml, *places(tmp_path / "now"), "--json")

    def refuse(word):
        raise AssertionError(word)

    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert [c["tolerance"] for c in found if c["row"] == "other"] == [None]


def test_what_was_not_compared_is_said_in_every_format(held, tmp_path, capsys):
    alone = write_experiment(tmp_path / "alone.toml", "tiny/cluster", ROWS, n=10)
    results = fill(alone, tmp_path / "before-x", same())
    for names, status in (([alone], 3), ([held, alone], 0)):
        assert bench("check", *names, *places(results), "--format", "markdown") == status
        said = capsys.readouterr().out
        head = "### Nothing was compared" if status == 3 else "### No number moved"
        assert said.startswith(head)
        assert "without a reference: alone" in said
        assert bench("check", *names, *places(results), "--format", "junit") == status
        suites = ET.fromstring(capsys.readouterr().out)
        assert [s.get("skipped") for s in suites if s.get("name") == "alone"] == ["1"]
    assert bench("check", alone, *places(results), "--update", "--reason", "x", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_reference_without_its_json_is_refused(held, tmp_path, capsys):
    (held.parent / "reference" / "x-quick.json").unlink()
    assert bench("check", held, *places(tmp_path / "before-x")) == 2
    assert "x-quick.json is not there, and its CSV needs it" in capsys.readouterr().err


def test_a_failed_row_that_no_reference_knows_is_missing_and_not_new(tmp_path, forkserver):
    """New is what was measured: a method of one's own that crashed has no number to be new."""
    (tmp_path / "mine").mkdir()
    rows: list[dict[str, Any]] = [
        {"method": "centroids"},
        {"method": "fault", "params": {"way": "raises"}},
    ]
    toml = write_experiment(tmp_path / "mine" / "x.toml", "tiny/cluster", rows, n=2)
    where = [toml, *places(tmp_path / "r")]
    held = [*where, "--methods", "centroids"]
    assert bench("run", *held) == 0
    assert bench("check", *held, "--update", "--reason", "first") == 0
    assert bench("run", *where) == 1
    now = states.read(make_plan(toml), Store(tmp_path / "r"))
    found = {c.row: c for c in comparisons.compare_all(now)}
    assert (found["fault"].verdict, found["fault"].note) == ("missing", "2 failed")
    assert found["centroids"].verdict == "ok"
    assert bench("check", *where) == 1
