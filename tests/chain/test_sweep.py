"""`bench sweep`: an experiment of its own, a table and a curve of one parameter."""

import tomllib
from typing import Any

import pytest
from harness import DATA, FAULTY, PLUGINS, bench, make_plan, outputs, places, write_experiment

from bench import registry
from bench.datasets import get_task, make_ready
from bench.errors import BenchError
from bench.plan import experiment, swept

ROWS: list[dict[str, Any]] = [
    {"label": "one", "method": "centroids", "params": {"iterations": 3}},
    {"label": "two", "method": "centroids", "params": {"iterations": 4}},
    {"label": "three", "method": "carrier"},
]


def test_a_sweep_on_a_task_has_a_table_and_a_curve(tmp_path, capsys, forkserver):
    registry.load([PLUGINS, FAULTY])
    make_ready([get_task("tiny/cluster")], DATA)  # a dry run prepares nothing
    words = ["sweep", "centroids.iterations=1,3", "tiny/cluster", *places(tmp_path), "--seeds", 2]
    assert bench(*words, "--dry-run") == 0
    assert "4 cells, 0 done, 4 to compute" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert bench(*words) == 0
    path = tmp_path / "sweeps" / "sweep-centroids.iterations-tiny-cluster.toml"
    assert f"wrote  {path}" in capsys.readouterr().out
    stem = "sweep-centroids.iterations-tiny-cluster"
    files = outputs(tmp_path)
    assert {f"tables/{stem}-values-quick.csv", f"figures/{stem}-curve-quick.png"} <= files.keys()
    cells = make_plan(path, seeds=(0, 1)).cells.values()
    assert [(dict(c.params)["iterations"], c.seed) for c in cells] == [
        (1, 0), (3, 0), (1, 1), (3, 1),
    ]  # fmt: skip
    assert bench(*words) == 0
    assert outputs(tmp_path) == files
    # A page's command names the file where it lies, as it does the results folder.
    assert bench("report", path, *places(tmp_path)) == 0
    pages = "".join(page.read_text() for page in (tmp_path / "report" / "cells").glob("*.js"))
    assert f'"python -m bench run {tmp_path.name}/sweeps/{path.name} ' in pages
    # The same cells as those of an experiment that says so.
    said = write_experiment(tmp_path / "x.toml", "tiny/cluster", ROWS[:1])
    assert next(iter(make_plan(said).cells)) in {cell.key for cell in cells}


def test_a_sweep_in_a_toml_is_called_by_its_name_wherever_it_lies(tmp_path):
    registry.load([PLUGINS, FAULTY])
    mine = write_experiment(tmp_path / "mine.toml", "tiny/cluster", ROWS[:1])
    made = tomllib.loads(swept.written(swept.read("centroids.iterations=1,3", str(mine))))
    assert made["title"] == "Sweep of centroids.iterations on mine"
    assert made["table"][0]["caption"] == "Values of centroids.iterations on mine."


def test_a_file_that_was_changed_by_hand_is_not_overwritten(tmp_path, capsys):
    registry.load([PLUGINS, FAULTY])
    flags = ["tiny/cluster", *places(tmp_path), "--seeds", 1]
    assert bench("sweep", "centroids.iterations=1,3", *flags) == 0
    assert bench("sweep", "centroids.iterations=2,3", *flags) == 0  # other values take its place
    (path,) = (tmp_path / "sweeps").iterdir()
    text = path.read_text()
    assert "iterations = 2" in text
    assert bench("run", path, *places(tmp_path), "--seeds", 1) == 0
    path.write_text(mine := text.replace('caption = "', 'caption = "Mine: '))
    capsys.readouterr()
    for more in ([], ["--dry-run"]):
        assert bench("sweep", "centroids.iterations=1,3", *flags, *more) == 2
        assert f"{path} was changed by hand" in capsys.readouterr().err
    assert path.read_text() == mine


def test_a_sweep_on_an_experiment_takes_what_it_says_of_the_method(tmp_path):
    registry.load([PLUGINS, FAULTY])
    toml = write_experiment(
        tmp_path / "mine.toml", "tiny/cluster", ROWS[:2], n=3, setting={"n_clusters": 3},
        quick={"iterations": 9},
    )  # fmt: skip
    made = swept.read("centroids.iterations=5,6,7", str(toml))
    assert made.name == "sweep-centroids.iterations-mine"
    path = tmp_path / "s.toml"
    path.write_text(swept.written(made))
    plan = make_plan(path)
    # Rows that differed in the parameter alone have become one column.
    assert [column.label for column in plan.experiments[0].table[0].column] == ["one, tiny"]
    assert [dict(cell.params)["iterations"] for cell in plan.cells.values()] == [5, 6, 7] * 3
    assert {cell.setting for cell in plan.cells.values()} == {(("n_clusters", 3),)}


def test_a_method_that_an_experiment_has_not_takes_rows_of_the_tables_that_it_fits(tmp_path):
    """As `--methods` adds it: how one tunes a method of one's own on the project's tasks."""
    registry.load([PLUGINS, FAULTY])
    toml = write_experiment(tmp_path / "mine.toml", "tiny/cluster", ROWS[2:], n=3)
    made = swept.read("centroids.iterations=1,2", str(toml))
    assert {(c["task"], c["label"].partition(",")[0]) for c in made.columns} == {
        ("tiny/cluster", "centroids")
    }


def test_the_shipped_experiment_can_be_swept(tmp_path):
    made = swept.read("dec.tolerance=1e-4,0.01", "digits", ["ACC"])
    text = swept.written(made)
    assert tomllib.loads(text)["preset"]["quick"]["seeds"] == 10
    (tmp_path / "s.toml").write_text(text)
    one = experiment.load(str(tmp_path / "s.toml"))
    assert {entry.method for entry in one.entries()} == {"dec"}
    assert one.figure[0].x.log
    assert [row.label for row in one.table[0].row] == ["tolerance = 0.0001", "tolerance = 0.01"]


def test_a_gain_stays_one_over_the_same_method(tmp_path):
    registry.load()
    made = swept.read("dann.epochs=1,2", "ccn", ["accuracy gain"])
    (tmp_path / "s.toml").write_text(swept.written(made))
    columns = experiment.load(str(tmp_path / "s.toml")).table[0].column
    assert {column.gain_over for column in columns} == {"source-only"}


@pytest.mark.parametrize(
    ("task", "metric", "said"),
    [
        ("digits/represent", "top-1", "method 'kmeans' takes cluster tasks"),
        ("digits/cluster", "knn top-1", "is no metric of the cluster task 'digits/cluster', which"),
        ("digits/cluster", "top-1", "is no metric of the cluster task 'digits/cluster', which"),
    ],
)
def test_a_sweep_that_cannot_be_leaves_no_file(task, metric, said, tmp_path, capsys):
    assert bench("sweep", "kmeans.n_init=5,6", task, "--metrics", metric, *places(tmp_path)) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_swept_cannot_be_set_too(tmp_path, capsys):
    words = ["kmeans.n_init=1,5", "digits/cluster", "--set", "kmeans.n_init=3"]
    assert bench("sweep", *words, *places(tmp_path)) == 2
    assert "--set kmeans.n_init=3: the sweep varies it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kmeans.n_init=5", "digits"), "name two or more values"),
        (("kmeans.n_init=5,5", "digits"), "name two or more values"),
        (("kmeans.n_init=5,0", "digits"), "kmeans.n_init = 0 must be above 0"),
        (("kmeans.n_int=5,6", "digits"), "did you mean 'n_init'?"),
        (("kmeans.n_init=5,6", "digts"), "task or experiment 'digts': did you mean 'digits'?"),
        (("sela.epochs=5,6", "digits/represent"), "say --metrics"),
        (("kmeans.n_init=5,6", "digits", ["acc"]), "--metrics: unknown metric 'acc': did you mean"),
        (("kmeans.n_init=5,6", "diagnosis"), "no table of diagnosis has or takes a row of"),
        (("similarity.epochs=1,2", "digits"), "of 'similarity'; a sweep varies what rows say"),
        (("similarity.epochs=1,2", "digits/transfer"), "is a cluster task; a sweep varies what ro"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_one_sentence(words, said):
    registry.load()
    with pytest.raises(BenchError) as caught:
        swept.read(*words)
    assert said in str(caught.value)
