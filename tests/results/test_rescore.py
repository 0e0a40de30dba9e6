"""Metrics computed again from stored predictions: the same by the same code, anew by other."""

import json

import pytest
from harness import PLUGINS, bench, write_experiment

from bench.errors import BenchError
from bench.score import metrics
from bench.store import code
from bench.store.folders import Store

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
    assert bench("rescore", *files, *places, "--all") == 0
    assert [contents(folder, name) for name in ("record.json", "curves.json")] == before
    assert "4 of 4 cells to score: 0 changed, 0 left" in capsys.readouterr().out


def test_only_what_other_code_scored_is_scored_again(store, capsys, monkeypatch):
    folder, files, places = store
    before = [contents(folder, name) for name in ("record.json", "curves.json")]
    assert bench("rescore", *files, *places) == 0
    assert "0 of 4 cells to score" in capsys.readouterr().out
    monkeypatch.setattr(metrics, "clustering_accuracy", lambda table: 0.125)
    monkeypatch.setattr(code, "scoring", lambda: "f" * 16)
    bench("status", *files, *places)
    assert "4 cells were scored by other code: `python -m bench rescore`" in capsys.readouterr().out
    assert bench("rescore", *files, *places) == 0
    assert "4 of 4 cells to score: 2 changed" in capsys.readouterr().out
    records = [json.loads(text) for text in contents(folder, "record.json").values()]
    assert {r["scoring"] for r in records} == {"f" * 16}
    accuracies = [r["metrics"]["ACC"] for r in records if "ACC" in r["metrics"]]
    assert accuracies == [0.125, 0.125]
    monkeypatch.undo()
    assert bench("rescore", *files, *places, "--all") == 0
    assert [contents(folder, name) for name in ("record.json", "curves.json")] == before


def test_a_cell_whose_prediction_is_gone_is_left_and_named(store, capsys):
    folder, files, places = store
    (path,) = folder.glob("runs/*/centroids/*/prediction.safetensors")
    path.rename(path.with_suffix(".gone"))
    before = contents(folder, "record.json")
    assert bench("rescore", *files, *places, "--all") == 1
    assert "left   centroids tiny/cluster seed 0: " in capsys.readouterr().out
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
    assert bench("rescore", *files, *places, "--all") == 1
    assert "no room" in capsys.readouterr().out
    assert contents(folder, "record.json") == before
    assert not list(folder.glob("work/*/rescored"))
