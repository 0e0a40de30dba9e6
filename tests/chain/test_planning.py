"""What only looks writes nothing, reads no image, and knows the keys that a run will give."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
from harness import DATA, bench, make_plan, places, write_experiment
from tiny_dataset import declare, write_npz

from bench.datasets import dataset, get_task, lack, make_ready, prepare, unprepared
from bench.plan import experiment, graph

ROWS = [{"method": "centroids"}]


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A function that lists all files of the test with their sizes and times."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return lambda: {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in tmp_path.rglob("*")}


LOOKS = ("status", "status --json", "run --dry-run", "check", "list tasks", "list experiments")


@pytest.mark.parametrize("words", LOOKS)
def test_looking_writes_nothing_and_reads_no_image(words, tmp_path, listed, monkeypatch, capsys):
    def refuse(*args):
        raise AssertionError("reads images")

    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", ROWS)
    monkeypatch.setattr(dataset.Dataset, "read", refuse)
    (tmp_path / "results").mkdir()
    before = listed()
    verb, *flags = words.split()
    chosen = [] if verb == "list" else [toml]
    status = bench(verb, *flags, *chosen, *places(tmp_path / "results"))
    assert listed() == before
    assert status == (3 if verb == "check" else 0)  # there is no reference
    assert ("without a reference" in capsys.readouterr().out) == (verb == "check")


def test_not_even_the_index_of_the_store_is_mended(tmp_path, listed, capsys, forkserver):
    toml, results = write_experiment(tmp_path / "x.toml", "tiny/cluster", ROWS), tmp_path / "out"
    assert bench("run", toml, *places(results)) == 0
    (results / "runs" / "index.jsonl").unlink()
    before = listed()
    capsys.readouterr()
    assert bench("status", toml, *places(results), "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["done"] == 1
    assert bench("run", toml, *places(results), "--dry-run") == 0
    assert listed() == before


def test_pinned_data_have_one_key_before_and_after_they_are_prepared(tmp_path, listed):
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", ROWS)
    before = graph.make([experiment.load(str(toml))], graph.Options(data_root=DATA))
    assert (before.unavailable, before.unprepared) == ({}, set())
    assert not (tmp_path / "cache").exists()
    prepare("digits", DATA)
    assert make_plan(toml).cells == before.cells


def test_data_of_ones_own_wait_for_a_run(tmp_path, listed, capsys, forkserver):
    """Nobody has pinned them: what the cells' keys will be is known once they are prepared."""
    toml = write_experiment(tmp_path / "x.toml", "tiny/flat", ROWS)
    assert bench("status", toml, *places(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "unavailable: flat, glyphs: `python -m bench data prepare NAME --plugins " in said
    assert not (tmp_path / "cache").exists()
    assert bench("run", toml, *places(tmp_path)) == 0
    assert "1 done" in capsys.readouterr().out
    before = listed()
    assert bench("status", toml, *places(tmp_path), "--json") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["done"] == 1
    assert listed() == before
    shutil.rmtree(tmp_path / "cache")
    assert bench("status", toml, *places(tmp_path), "--json") == 0
    (cell,) = json.loads(capsys.readouterr().out)["cells"]["unavailable"]
    assert cell["lacks"][0]["what"] == "flat"
    assert cell["reason"].startswith("flat not prepared: ")


def test_what_preparing_may_yet_change(tmp_path, monkeypatch):
    declare(monkeypatch)
    write_npz(tmp_path)
    assert lack("tiny", tmp_path, ["test"]) is None
    assert unprepared("tiny", tmp_path, ["test"]).what == "tiny"  # not pinned
    pins = {"test": "0" * 64}
    declare(monkeypatch, pins=pins)
    assert unprepared("tiny", tmp_path, ["test"]) is None
    assert unprepared("tiny", tmp_path, ["test", "train"]).what == "tiny"
    declare(monkeypatch, pins=pins, partials={"1" * 64: "a part"})
    assert unprepared("tiny", tmp_path, ["test"]).what == "tiny"  # it may be that part
    declare(monkeypatch)
    prepare("tiny", tmp_path)
    assert unprepared("tiny", tmp_path, ["test", "train"]) is None


def test_a_source_of_other_pixels_than_the_pinned_ones(tmp_path):
    for name in ("usps.bz2", "usps.t.bz2"):
        (tmp_path / name).write_bytes(b"")
    assert lack("usps", tmp_path, ["test"]) is None
    assert unprepared("usps", tmp_path, ["test"]).what == "usps"


def test_damage_is_found_once_for_all_tasks(tmp_path, listed, monkeypatch):
    labels, names = np.zeros(7, np.int64), np.array([str(i) for i in range(10)])
    arrays: dict[str, Any] = {
        "images": np.zeros((7, 3, 3, 1), np.uint8),
        "labels": labels,
        "split": labels,
    }
    np.savez(tmp_path / "mnist.npz", **arrays, label_names=names)
    reads, read = [], dataset.Dataset.read

    def counted(self, *rest):
        reads.append(self.name)
        return read(self, *rest)

    monkeypatch.setattr(dataset.Dataset, "read", counted)
    tasks = [get_task("mnist/train"), get_task("digits/cluster"), get_task("mnist/train")]
    damaged = make_ready(tasks, tmp_path)
    assert reads == ["mnist", "digits"]
    assert "images are uint8 (7, 3, 3, 1)" in str(damaged.pop("mnist"))
    assert not damaged
