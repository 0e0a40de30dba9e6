"""Metrics computed again from stored predictions: the same by the same code, anew by other."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from figures import publish
from harness import PLUGINS, bench, make_plan, places, write_experiment

from bench.errors import BenchError
from bench.plural import were
from bench.score import metrics
from bench.store import code
from bench.store.folders import ARRAYS, Store
from bench.tasks import Prediction

ROWS = {
    "tiny/cluster": ("centroids", "ACC"),
    "tiny/adapt": ("nearest-mean", "accuracy"),
    "tiny/similarity": ("pixel-likeness", "similar F1"),
    "tiny/pairs": ("answers", "ACC"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory, forkserver):
    """Finished cells of four kinds, one of them with snapshots."""
    folder = tmp_path_factory.mktemp("rescore")
    files = []
    for task, (method, metric) in ROWS.items():
        file = folder / f"{method}.toml"
        files.append(str(write_experiment(file, task, [{"method": method}], metric=metric)))
    places = ["--results", folder, "--plugins", PLUGINS]
    assert bench("run", *files, *places) == 0
    return folder, files, places


def contents(folder, name):
    return {p.parent.name: p.read_bytes() for p in sorted(folder.glob(f"runs/*/*/*/{name}"))}


def test_the_same_code_gives_the_same_bytes(store, capsys):
    folder, files, places = store
    before = [contents(folder, name) for name in ("record.json", "curves.json")]
    assert len(before[0]) == 4
    assert len(before[1]) == 1
    assert bench("rescore", *files, *places, "--anew") == 0
    assert [contents(folder, name) for name in ("record.json", "curves.json")] == before
    assert "4 of 4 cells scored again: 0 changed\n" in capsys.readouterr().out


def test_only_what_other_code_scored_is_scored_again(store, capsys, monkeypatch):
    folder, files, places = store
    before = [contents(folder, name) for name in ("record.json", "curves.json")]
    assert bench("rescore", *files, *places) == 0
    assert "4 cells, all scored by today's code\n" in capsys.readouterr().out
    monkeypatch.setattr(metrics, "clustering_accuracy", lambda table: 0.125)
    monkeypatch.setattr(code, "scoring", lambda: "f" * 16)
    bench("status", *files, *places)
    assert "4 cells were scored by other code: `python -m bench rescore " in capsys.readouterr().out
    assert bench("rescore", *files, *places) == 0
    assert "4 of 4 cells scored again: 2 changed\n" in capsys.readouterr().out
    records = [json.loads(text) for text in contents(folder, "record.json").values()]
    assert {r["scoring"] for r in records} == {"f" * 16}
    accuracies = [r["metrics"]["ACC"] for r in records if "ACC" in r["metrics"]]
    assert accuracies == [0.125, 0.125]
    monkeypatch.undo()
    assert bench("rescore", *files, *places, "--anew") == 0
    assert [contents(folder, name) for name in ("record.json", "curves.json")] == before


def test_a_cell_whose_prediction_is_gone_is_left_and_named(store, capsys):
    folder, files, places = store
    (path,) = folder.glob("runs/*/centroids/*/prediction.safetensors")
    path.rename(path.with_suffix(".gone"))
    before = contents(folder, "record.json")
    assert bench("rescore", *files, *places, "--anew") == 1
    said = capsys.readouterr().out
    assert "left   centroids tiny/cluster seed 0: " in said
    assert "3 of 4 cells scored again: 0 changed, 1 could not be scored\n" in said
    assert contents(folder, "record.json") == before
    path.with_suffix(".gone").rename(path)


def test_nothing_is_lost_where_the_new_record_cannot_be_put_in_its_place(
    store, capsys, monkeypatch
):
    folder, files, places = store
    before = contents(folder, "record.json")

    def full(self, cell, attempt, record):
        raise BenchError("no room")

    monkeypatch.setattr(Store, "publish", full)
    assert bench("rescore", *files, *places, "--anew") == 1
    assert "no room" in capsys.readouterr().out
    assert contents(folder, "record.json") == before
    assert not list(folder.glob("work/*/rescored"))


@pytest.mark.parametrize("published", [True, False], ids=["after both renames", "between them"])
def test_what_was_killed_as_it_put_a_record_in_its_place_is_scored_again(store, capsys, published):
    folder, files, places = store
    before = contents(folder, "record.json")
    (cell,) = folder.glob("runs/*/centroids/*")
    aside = folder / "work" / cell.name.rpartition("-")[2] / "old-rescored"
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(cell, aside)
    if not published:
        shutil.rmtree(cell)
    assert bench("rescore", *files, *places, "--anew") == 0
    assert "4 of 4 cells scored again: 0 changed\n" in capsys.readouterr().out
    assert contents(folder, "record.json") == before
    assert not aside.exists()


def test_a_cell_packed_without_tensors_is_scored_anew_unless_they_are_what_is_scored(
    tmp_path, capsys, monkeypatch
):
    rows: list[dict[str, Any]] = [
        {"method": "centroids"},
        {"method": "carrier", "params": {"of": "pixels"}},
    ]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    plan, here, there = make_plan(toml), Store(tmp_path / "here"), Store(tmp_path / "there")
    cells = {cell.method: cell for cell in plan.cells.values()}
    tensors = {"features": torch.eye(150)}
    publish(plan, here, cells["centroids"].key, Prediction(np.arange(150) % 4, tensors=tensors))
    publish(plan, here, cells["pixels"].key, Prediction(tensors=tensors))
    assert bench("rescore", toml, "--anew", *places(here.root)) == 0
    assert bench("pack", tmp_path / "a.zip", toml, *places(here.root)) == 0
    assert bench("merge", tmp_path / "a.zip", "--results", there.root) == 0
    before = contents(there.root, "record.json")
    assert len(contents(there.root, ARRAYS)) == len(before) == 2
    monkeypatch.setattr(metrics, "clustering_accuracy", lambda table: 0.125)
    capsys.readouterr()
    assert bench("rescore", toml, "--anew", *places(there.root)) == 1
    said = capsys.readouterr().out
    assert f"scored {cells['centroids']}: ACC\n" in said
    assert f"left   {cells['pixels']}: {there.folder(cells['pixels'])}: packed without" in said
    after = {method: there.read(cell) for method, cell in cells.items() if method != "carrier"}
    assert after["centroids"].metrics["ACC"] == 0.125
    assert after["centroids"].arrays
    assert after["pixels"].metrics
    name = there.folder(cells["pixels"]).name
    assert contents(there.root, "record.json")[name] == before[name]


def test_what_was_packed_without_its_tensors_has_nothing_to_score(
    tmp_path, capsys, monkeypatch, forkserver
):
    toml = write_experiment(tmp_path / "c.toml", "tiny/cluster", [{"method": "carrier"}])
    here, there = places(tmp_path / "here"), places(tmp_path / "there")
    assert bench("run", toml, *here) == 0
    assert bench("pack", tmp_path / "p.zip", toml, *here) == 0
    assert bench("merge", tmp_path / "p.zip", *there[:2]) == 0
    monkeypatch.setattr(code, "scoring", lambda: "f" * 16)
    for flags, n in ((here, 2), (there, 1)):  # the carrier, and what it carries where that is whole
        capsys.readouterr()
        bench("status", toml, *flags)
        assert f"{were(n, 'cell')} scored by other code" in capsys.readouterr().out
