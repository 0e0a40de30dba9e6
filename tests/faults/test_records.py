"""A record is of its folder's cell, and everything in it is what it can be."""

import dataclasses
import json
import os
import shutil
import stat

import numpy as np
import pytest
from faults.sound import said, views, worker_run
from harness import DATA
from safetensors.numpy import save_file

from bench.datasets import verify
from bench.errors import BenchError
from bench.render.curves import _label
from bench.report.coordinates import coordinates
from bench.score import metric_names
from bench.store import checkpoint, index, outputs, record
from bench.store.folders import CHECKPOINT, CURVES, Store
from bench.tasks import Prediction


@pytest.fixture
def results(sound, tmp_path):
    shutil.copytree(sound.root / "results", tmp_path / "results")
    return tmp_path / "results"


def test_every_metric_has_a_range_and_chance():
    assert metric_names.in_range("ACC", 1.0)
    assert not metric_names.in_range("ACC", 1.01)
    assert not metric_names.in_range("linear conv2 top-1", -0.1)
    assert metric_names.in_range("ARI", -0.4)
    assert not metric_names.in_range("ARI", -0.6)
    assert metric_names.in_range("NDC", 100.0)
    assert not metric_names.in_range("NDC", -1.0)
    assert metric_names.in_range("a method's own", 1e6)


WRONG = {
    "below": ({"metrics": {"ACC": -5.0}}, "ACC = -5.0 is no result"),
    "above": ({"metrics": {"ACC": 3.7}}, "ACC = 3.7 is no result"),
    "bool": ({"metrics": {"ACC": True}}, "Expected `float`, got `bool` - at `$.metrics[...]`"),
    "text": ({"metrics": {"ACC": "0.5"}}, "Expected `float`, got `str` - at `$.metrics[...]`"),
    "huge": ({"metrics": {"NDC": 1e300}}, "NDC = 1e+300 is no result"),
    "not a number": ({"metrics": {"ACC": float("nan")}}, "ACC = nan is no result"),
    "401 digits": ({"metrics": {"ACC": 10**400}}, "Number out of range - at `$.metrics[...]`"),
    "group": ({"group": 0}, "group = 0 cannot be"),
    "group of bool": ({"group": True}, "Expected `int`, got `bool` - at `$.group`"),
    "time": ({"wall_seconds": float("inf")}, "wall_seconds = inf cannot be"),
    "memory": ({"peak_memory": 10**400}, "peak_memory = 1000"),
    "versions": ({"versions": {"torch": {"a": []}}}, "got `object` - at `$.versions[...]`"),
    "needs": ({"needs": {"role": ["a"]}}, "got `array` - at `$.needs[...]`"),
    "cell": ({"cell": {}}, "is no name of a task or method"),
    "method": ({"cell": {"task": "t", "method": ["m"], "seed": 0}}, "is no name of a task or m"),
    "key": ({"key": "0" * 16}, "its key is not that of its cell"),
}


@pytest.mark.parametrize(("changes", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_named_and_all_else_used(sound, results, changes, words):
    path = results / "runs" / sound.folders[3] / "record.json"
    content = json.loads(path.read_text()) | changes
    content["checksum"] = record._checksum(content)
    path.write_text(json.dumps(content))
    store = Store(results)
    assert len(store.records()) == 9
    assert list(store.damaged) == [sound.folders[3]]
    assert words in store.damaged[sound.folders[3]]
    assert "damaged record" in store.damaged[sound.folders[3]]


def test_a_record_of_another_seeds_folder_is_named(sound, results):
    one, other = (results / "runs" / folder for folder in sound.folders[:2])
    shutil.copy(one / "record.json", other / "record.json")
    store = Store(results)
    assert len(store.records()) == 9
    assert (
        f"it tells of {sound.folders[0]}, not of its own folder" in store.damaged[sound.folders[1]]
    )


def test_a_changed_digit_of_a_record_is_named_and_one_from_before_checksums_is_valid(
    sound, results
):
    path = results / "runs" / sound.folders[0] / "record.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "wall_seconds": 9.0}))
    store = Store(results)
    store.records()
    assert "its checksum is not that of its content" in store.damaged[sound.folders[0]]
    new = ("checksum", "curves", "snapshots")
    path.write_text(json.dumps({k: v for k, v in content.items() if k not in new}))
    assert Store(results).records()[content["key"]].metrics == content["metrics"]
    view = views(sound.plan, results)[1]  # its curves are read as ever
    assert (view.curves[0].damaged, set(view.curves[0].n)) == ((), {10})


def test_a_line_of_the_index_from_before_a_field_was_there_counts(sound, results):
    wanted = Store(results).records()
    path = results / "runs" / index.NAME
    heads = [line.partition(index._SUM)[0] for line in path.read_bytes().splitlines() if line]
    assert all(b',"group":1' in head and b',"resumed":false' in head for head in heads)
    old = [head.replace(b',"group":1', b"").replace(b',"resumed":false', b"") for head in heads]
    lines = [b'%s%s%s"}' % (one, index._SUM, index._sum(one).encode()) for one in old]
    path.write_bytes(b"\n".join(lines))
    assert len(index.read(path)) == len(wanted)
    found = Store(results).records()
    assert found == wanted
    assert [vars(one) for one in found.values()] == [vars(one) for one in wanted.values()]


def test_an_altered_line_of_the_index_does_not_count(sound, results):
    wanted = Store(results).records()
    path = results / "runs" / index.NAME
    text = path.read_text()
    value = next(iter(wanted.values())).metrics["ACC"]
    assert f'"ACC":{value}' in text
    path.write_text(text.replace(f'"ACC":{value}', '"ACC":0.25'))
    assert Store(results).records() == wanted


@pytest.mark.parametrize(
    "change", [{"method": {}}, {"task": "other"}, {"seed": -1}, {"preset": []}]
)
def test_a_line_of_the_index_that_tells_of_no_such_cell_does_not_count(sound, results, change):
    """Its checksum is right: somebody made it."""
    wanted = Store(results).records()
    file = results / "runs" / sound.folders[0] / "record.json"
    one = record.read(file.parent)
    forged = dataclasses.replace(one, cell=one.cell | change)
    text = index.line(sound.folders[0], index.stamp_of(file.lstat()), forged)
    (results / "runs" / index.NAME).write_text(f"{text}\n")
    assert Store(results).records() == wanted


FORGED = {
    "text": {"metrics": {"ACC": "0.5"}},
    "out of range": {"metrics": {"ACC": 7.0}},
    "group": {"group": 0},
    "state": {"state": "new"},
    "versions": {"versions": {"torch": 2}},
    "newer": {"version": record.VERSION + 1},
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_line_of_the_index_with_a_value_that_cannot_be_does_not_count(sound, results, change):
    wanted = Store(results).records()
    file = results / "runs" / sound.folders[0] / "record.json"
    forged = dataclasses.replace(record.read(file.parent), **change)
    text = index.line(sound.folders[0], index.stamp_of(file.lstat()), forged)
    (results / "runs" / index.NAME).write_text(f"{text}\n")
    assert Store(results).records() == wanted


def test_a_folder_that_cannot_be_listed_is_one_sentence(sound, results, monkeypatch):
    broken = results / "runs" / "tiny-cluster"

    def scandir(path):
        if str(path).startswith(str(broken)):
            raise OSError(116, "Stale file handle")
        return scan(path)

    scan = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    for words in (["status"], ["render"], ["run"], ["check"]):
        status, text = said(*words, sound.toml, "--results", results)
        assert status == 2
        assert f"{broken} cannot be listed (Stale file handle)" in text
        assert len(text.splitlines()) == 1


def test_a_looping_link_is_named_and_hides_no_cell(sound, results):
    (results / "runs" / "loop").symlink_to("loop")
    status, text = said("status", sound.toml, "--results", results)
    assert status == 0
    assert text.count("runs/loop is a link, which is not followed") == 1
    assert len(Store(results).records()) == 10


def test_a_cell_that_does_not_fit_its_curves_is_named_in_the_figures_legend(sound, results):
    (results / "runs" / sound.folders[4] / CURVES).write_text("{}")
    view = views(sound.plan, results)[1]
    assert _label(view.curves[0]) == "centroids (n=9/10), damaged: seed 4"
    assert "damaged" in said("status", sound.toml, "--json", "--results", results)[1]


def test_coordinates_are_made_of_a_verified_prediction_alone(sound, results):
    folder = results / "runs" / sound.folders[0]
    one = dataclasses.replace(record.read(folder), output="1" * 64)
    with pytest.raises(BenchError, match="its SHA-256 is not the record's"):
        coordinates(results / "runs", folder, one, "x", n=5, by="t-SNE")


def test_a_checkpoint_of_another_cell_is_not_gone_on_from(tmp_path, capsys):
    one, other = worker_run(tmp_path / "one"), worker_run(tmp_path / "other")
    other.checkpoint({"step": 3})
    (tmp_path / "one").mkdir()
    shutil.copy(tmp_path / "other" / CHECKPOINT, tmp_path / "one" / CHECKPOINT)
    assert one.resume() is None
    assert "starting over: " in capsys.readouterr().out
    assert other.resume() == {"step": 3}
    save_file({"x": np.zeros(3)}, tmp_path / "one" / CHECKPOINT)  # valid, and none of ours
    with pytest.raises(BenchError, match="damaged checkpoint"):
        checkpoint.load(tmp_path / "one" / CHECKPOINT)


def test_predictions_have_the_mode_that_the_umask_says(tmp_path):
    (tmp_path / "plain").touch()
    outputs.save(tmp_path / "p", Prediction(assignments=np.arange(3)))
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "p")}
    assert len(modes) == 1


def test_data_verify_hashes_the_parts(sound):
    lines = verify("digits", DATA)
    assert any("prepared parts are as they were written" in line for line in lines)
