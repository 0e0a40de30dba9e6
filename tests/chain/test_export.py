"""`bench export`: a tidy frame; keys in tables lead to their cells."""

import csv
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from harness import bench, places, write_experiment

from bench import cli
from bench.cli import export, selection


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    folder = tmp_path_factory.mktemp("export")
    rows: list[dict[str, Any]] = [
        {"method": "centroids", "params": {"iterations": 3}},
        {"method": "fault"},
    ]
    toml = write_experiment(folder / "x.toml", "tiny/cluster", rows, n=2)
    assert bench("run", toml, *places(folder / "results")) == 1
    return toml, folder / "results"


def test_a_row_for_each_cell_and_metric(swept, capsys):
    _, results = swept
    capsys.readouterr()
    assert bench("export", *places(results)) == 0
    text = capsys.readouterr().out
    frame = pd.read_csv(io.StringIO(text))
    done = frame[frame.state == "done"]
    assert set(done.metric) >= {"ACC", "NMI", "ARI"}
    assert len(done) == 2 * done.metric.nunique()
    (path,) = (results / "runs").glob("*/centroids/seed1-*/record.json")
    record = json.loads(path.read_text())
    one = done[(done.key == record["key"]) & (done.metric == "ACC")].iloc[0]
    assert (one.value, one.seed, one.task) == (record["metrics"]["ACC"], 1, "tiny/cluster")
    assert json.loads(one.params)["iterations"] == 3
    assert json.loads(one.versions) == record["versions"]
    failed = frame[frame.state == "failed"]
    assert (len(failed), set(failed.failure), failed.value.isna().all()) == (2, {"exception"}, True)


def test_of_an_experiment_the_missing_cells_too(swept, tmp_path, capsys):
    toml, results = swept
    capsys.readouterr()
    path = tmp_path / "all.csv"
    assert bench("export", toml, *places(results), "--seeds", 3, "--output", path) == 0
    frame = pd.read_csv(path)
    assert f"{len(frame)} rows" in capsys.readouterr().out
    assert frame[frame.state == "missing"].seed.tolist() == [2, 2]
    assert frame.sort_values(["task", "method", "seed"], kind="stable").equals(frame)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [("", False), ("--format csv", False), ("--preset paper", True), ("--dtype bfloat16", True),
     ("--set kmeans.n_init=2", True), ("--seeds 1", True)],
)  # fmt: skip
def test_no_flag_that_says_which_cells_is_passed_over(words, chosen):
    assert selection.narrows(cli.parser().parse_args(["export", *words.split()])) is chosen


def test_parquet_says_what_it_lacks(swept, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setattr(export, "frame_of", lambda chosen: pytest.fail("reads first"))
    _, results = swept
    assert bench("export", *places(results), "--output", tmp_path / "x.parquet") == 2
    assert "parquet needs pyarrow" in capsys.readouterr().err
    assert bench("export", *places(results), "--format", "parquet") == 2
    assert "name a file with --output" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--predictions"]])
def test_parquet_holds_what_csv_does(flags, swept, tmp_path):
    pytest.importorskip("pyarrow")
    _, results = swept
    files = tmp_path / "x.parquet", tmp_path / "x.csv"
    for file in files:
        assert bench("export", *flags, *places(results), "--output", file) == 0
    held = pd.read_parquet(files[0])
    assert len(held) > 2
    assert held.to_csv(index=False) == files[1].read_text()


def test_nothing_to_export_is_said(swept, tmp_path, capsys):
    toml, results = swept
    output = tmp_path / "clusters.csv"
    for words in (["--predictions"], ["--predictions", "--output", output]):
        assert bench("export", toml, *words, "--seed-list", "7", *places(results)) == 3
        said = "note: nothing to export: no finished cell of these has predictions in "
        assert said in capsys.readouterr().err
    assert bench("export", "--results", tmp_path) == 3
    assert "nothing to export: no cell has a record" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["", ".", "pipe", "link"])
def test_what_is_no_plain_file_is_left_as_it_is(swept, place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")  # as /dev/null and /dev/stdout, which only a superuser could replace
    Path("link").symlink_to("pipe")
    assert bench("export", *places(swept[1]), "--output", place) == 2
    assert f"--output {place or '.'} is there and no plain file" in capsys.readouterr().err
    assert Path("pipe").is_fifo()
    assert Path("link").is_symlink()


def test_a_number_of_a_table_leads_to_its_cell(swept, capsys):
    _, results = swept
    text = (results / "tables" / "x-t-quick.csv").read_text()
    row = next(r for r in csv.DictReader(io.StringIO(text)) if r["method"] == "centroids")
    keys = dict(item.split(":") for item in row["keys"].split(";"))
    assert list(keys) == ["0", "1"]
    capsys.readouterr()
    assert bench("show", keys["1"][:8], *places(results)) == 0
    assert f'"key": "{keys["1"]}"' in capsys.readouterr().out
    copied = row["keys"].split(";")[1]  # as it stands there, with its seed
    assert bench("show", copied, *places(results)) == 0
    assert f'"key": "{keys["1"]}"' in capsys.readouterr().out


def test_show_says_which_cells_fit_and_what_names_them(swept, tmp_path, capsys):
    _, results = swept
    names = sorted(path.name.rpartition("-")[2] for path in (results / "runs").glob("*/*/seed*"))
    wanted = {
        "": rf"'' fits 4 cells \({', '.join(['[0-9a-f]{16}'] * 4)}\); give more of the key",
        "zz": rf"no cell 'zz' in .*; `python -m bench status --json --results {results} ",
    }
    assert len(names) == 4
    for cell, said in wanted.items():
        assert bench("show", cell, *places(results)) == 2
        assert re.search(said, capsys.readouterr().err)
    for verb in (["show", names[0]], ["report"]):
        assert bench(*verb, *places(tmp_path / "resluts")) == 2
        assert "resluts is no folder: no run has left results there" in capsys.readouterr().err
        assert not (tmp_path / "resluts").exists()
