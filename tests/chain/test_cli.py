"""The command line's contract: verbs, flags, and what programs may read of it."""

import argparse
import json
import re

import pytest
from harness import bench, outputs, places, stamps, start, write_experiment

from bench.cli import progress, selection, words
from bench.datasets.task_specs import groups
from bench.store import states

SELECTION = [
    "--methods", "--tasks", "--seeds", "--seed-list", "--preset", "--device", "--dtype", "--set",
]  # fmt: skip
PLACES = ["--data-root", "--results", "--plugins"]
FLAGS = {
    "run": [
        *SELECTION, *PLACES, "--all", "--workers", "--budget", "--timeout", "--retry-failed",
        "--rerun-stale", "--dry-run", "--download", "--memory", "--check",
    ],
    "sweep": ["--metrics", "--workers", "--budget", "--dry-run", *SELECTION, *PLACES],
    "list": ["--json", *PLACES],
    "status": ["--failed", "--json", "--all", *SELECTION, *PLACES],
    "show": ["--params", "--set", *PLACES],
    "render": ["--format", "--all", *SELECTION, *PLACES],
    "export": ["--format", "--output", "--all", *SELECTION, *PLACES],
    "check": [
        "--all", "--json", "--update", "--against", "--format", "--reason", "--keep", "--drop",
        *SELECTION, *PLACES,
    ],
    "prove": ["--at", "--digits", "--update", "--methods", "--dtype", "--workers"],
    "rescore": ["--anew", *SELECTION, *PLACES],
    "pack": ["--tensors", "--tensors-of", *SELECTION, *PLACES],
    "merge": ["--results"],
    "data": PLACES,
}  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    folder = tmp_path_factory.mktemp("cli")
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    toml = write_experiment(folder / "x.toml", "tiny/cluster", rows, n=3)
    assert bench("run", toml, *places(folder / "results")) == 0
    return toml, folder / "results"


@pytest.mark.parametrize("verb", FLAGS)
def test_every_verb_has_its_flags_and_help(verb, capsys):
    assert bench(verb, "--help") == 0
    said = capsys.readouterr().out
    for flag in FLAGS[verb]:
        assert f"{flag} " in said or f"{flag}\n" in said, flag


def test_help_names_all_verbs_with_examples(capsys):
    assert bench("--help") == 0
    said = capsys.readouterr().out
    for verb in FLAGS:
        assert f"    {verb} " in said
    assert "python -m bench run --all" in said
    assert "exit status" in said


@pytest.mark.parametrize("kind", ["methods", "tasks", "datasets", "experiments"])
def test_list(kind, capsys):
    assert bench("list", kind) == 0
    plain = capsys.readouterr().out
    assert bench("list", kind, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows
    assert all(row["name"] in plain for row in rows)


def test_how_to_get_data_is_said_of_those_that_are_named(tmp_path, capsys):
    for verb in (["list", "datasets"], ["data", "list"]):
        assert bench(*verb, "--data-root", tmp_path) == 0
        plain = capsys.readouterr().out
        assert "image-net.org" not in plain
        assert max(map(len, plain.splitlines())) < 120
        assert bench(*verb, "--data-root", tmp_path, "--json") == 0
        assert "image-net.org" in capsys.readouterr().out
    assert bench("data", "list", "imagenet", "digits", "--data-root", tmp_path) == 0
    said = capsys.readouterr().out
    assert "how to get it: imagenet train, val not under" in said
    assert "here: no\n" in said
    assert "licence: BSD-3-Clause" in said
    assert "mnist" not in said
    assert bench("data", "list", "imagenet", "--json", "--data-root", tmp_path) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "imagenet"
    assert bench("data", "list", "imagnet", "--data-root", tmp_path) == 2
    assert "unknown dataset 'imagnet': did you mean 'imagenet'?" in capsys.readouterr().err


def test_an_empty_folder_of_weights_is_said(tmp_path, capsys):
    assert bench("weights", "list", "--weights", tmp_path) == 0
    said = capsys.readouterr().out
    assert f"no weights in {tmp_path}: `python -m bench weights fetch NAME --weights " in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nosuchthing", "unknown weights 'nosuchthing': timm.list_pretrained() names all"),
        ("resnet18.tv_in1", "unknown weights 'resnet18.tv_in1': did you mean 'resnet18.tv_in1k'?"),
        ("resnet18.tv_in1k", "try `python -m bench weights fetch resnet18.tv_in1k --weights "),
        ("resnet50.dino", "its authors publish it at https://"),
    ],
)
def test_weights_that_are_not_here_are_not_listed(name, said, tmp_path, capsys):
    assert bench("weights", "list", name, "--weights", tmp_path) == 2
    assert said in capsys.readouterr().err


def test_nothing_to_cancel(tmp_path, capsys):
    assert bench("cancel", "--results", tmp_path) == 0
    assert capsys.readouterr().out.startswith("nothing to cancel: no run with these results")
    assert bench("cancel", "--results", tmp_path / "typo") == 2
    assert "typo is no folder: no run has left results there" in capsys.readouterr().err


def test_status_json_counts_and_names_cells(swept, capsys):
    toml, results = swept
    assert bench("status", toml, *places(results), "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content["counts"]) == set(states.STATES)
    assert content["counts"]["done"] == len(content["cells"]["done"]) == 9
    assert {"key", "cell", "task", "method", "seed"} <= content["cells"]["done"][0].keys()
    assert bench("status", toml, *places(results), "--json", "--seeds", 4) == 0
    content = json.loads(capsys.readouterr().out)
    assert {c["seed"] for c in content["cells"]["missing"]} == {3}


def test_a_dry_run_computes_and_writes_nothing(swept, tmp_path, capsys):
    toml, _ = swept
    assert bench("run", toml, *places(tmp_path / "results"), "--dry-run") == 0
    assert "9 cells, 0 done, 9 to compute" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_plain_lines_where_there_is_no_terminal(swept, tmp_path):
    toml, results = swept
    process = start("run", toml, *places(results))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "\x1b" not in said
    assert "\r" not in said
    assert said.splitlines()[0].startswith("plan ")


def test_render_writes_the_chosen_formats_and_prints_the_table(swept, tmp_path, capsys):
    import shutil

    toml, results = swept
    shutil.copytree(results / "runs", tmp_path / "runs")
    assert bench("render", toml, *places(tmp_path), "--format", "markdown,csv") == 0
    assert sorted(p.suffix for p in (tmp_path / "tables").iterdir()) == [".csv", ".md"]
    assert "centroids" in capsys.readouterr().out
    assert outputs(tmp_path).items() <= outputs(results).items()


def test_show_takes_a_key_its_beginning_or_a_folder(swept, capsys):
    _toml, results = swept
    folder = sorted((results / "runs" / "tiny-cluster" / "centroids").iterdir())[0]
    key = folder.name.rsplit("-", 1)[1]
    for word in (key, key[:7], folder, folder.relative_to(results / "runs")):
        assert bench("show", word, *places(results)) == 0
        first, text = capsys.readouterr().out.split("\n", 1)
        assert re.match(r"centroids tiny/cluster seed 0: done, ACC \d", first)
        assert json.JSONDecoder().raw_decode(text.lstrip())[0]["key"] == key
    assert bench("show", "", *places(results)) == 2
    assert "fits 9 cells" in capsys.readouterr().err


def test_a_run_of_some_seeds_leaves_other_cells_alone(swept, tmp_path):
    toml, _ = swept
    assert bench("run", toml, *places(tmp_path), "--seed-list", "1", "--methods", "centroids") == 0
    assert len(stamps(tmp_path)) == 1


def test_many_files_are_counted_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tables = [
        tmp_path / "tables" / f"x-{i}-quick.{form}" for i in range(20) for form in ("md", "tex")
    ]
    figures = [tmp_path / "figures" / "x-f-quick.pdf", tmp_path / "figures" / "x-f-quick.png"]
    written = [*tables, *figures, tmp_path / "all-quick.tex"]
    progress.print_end({"a": "done"}, written, 1.0, whole=True, words={"status": "", "report": ""})
    assert capsys.readouterr().out.splitlines()[1:] == [
        "wrote  20 tables and 1 figure, named in all-quick.tex",
        "       `python -m bench report` makes pages of them, for a browser",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("0.5s", 0.5)]
)
def test_durations(text, seconds):
    assert words.duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("800M", 800 * 2**20), ("1.5G", 3 * 2**29)])
def test_sizes(text, size):
    assert words.size(text) == size


@pytest.mark.parametrize("text", ["", "m", "5d", "-1s", "1e3", "0s", "90"])
def test_bad_durations(text):
    with pytest.raises(argparse.ArgumentTypeError):
        words.duration(text)


def test_interrupted_is_130(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(selection, "plan_for", interrupt)
    assert bench("status") == 130
    assert "interrupted" in capsys.readouterr().err


def test_all_passes_over_what_runs_by_its_name(tmp_path, capsys):
    assert bench("run", "--all", "--dry-run", *places(tmp_path), "--data-root", tmp_path) == 0
    said = capsys.readouterr().out
    assert "plan   not in --all, for they take long: digits-turned, supreme-level, " in said
    assert "plan   supreme-readings (quick)" not in said
    assert "plan   supreme (quick)" in said


def test_all_is_not_said_beside_what_it_has(tmp_path, capsys):
    assert bench("run", "digits", "--all", "--dry-run", *places(tmp_path)) == 2
    assert "--all has digits already: leave out one of the two" in capsys.readouterr().err
    assert bench("run", "digits-turned", "--all", "--dry-run", *places(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "plan   digits-turned (quick)" in said
    assert "plan   digits (quick)" in said


def test_a_group_stands_for_its_tasks(tmp_path, capsys):
    chosen = ("run", "ccn", "--methods", "kmeans", "--seeds", 1, "--dry-run", *places(tmp_path))
    assert bench(*chosen, "--tasks", "omniglot/alphabets", "--data-root", tmp_path) == 0
    grouped = capsys.readouterr().out
    tasks = ",".join(groups()["omniglot/alphabets"])
    assert bench(*chosen, "--tasks", tasks, "--data-root", tmp_path) == 0
    assert capsys.readouterr().out == grouped
    assert "80 cells" in grouped
    assert bench(*chosen, "--tasks", "omniglot/alphabet") == 2
    assert "unknown task 'omniglot/alphabet': did you mean" in capsys.readouterr().err
