"""VOC2007's layout, read from small files, and a network's way from there into a table."""

import dataclasses
import sys

import numpy as np
import pytest
from harness import PLUGINS, ready_plan, write_experiment
from PIL import Image

from bench import registry
from bench.cli.progress import Lines
from bench.datasets import (
    Part,
    availability,
    dataset,
    get,
    get_task,
    look,
    materialise,
    parts,
    prepare,
    verify,
    voc07,
)
from bench.datasets.photographs import squares
from bench.datasets.task_specs import _tasks
from bench.errors import BenchError
from bench.plan import experiment, graph
from bench.render.tables import markdown
from bench.report import renewing, table_views
from bench.run.runner import Runner, RunOptions
from bench.score.average_precision import mean_average_precision
from bench.store import outputs, states
from bench.store.folders import PREDICTION, Store

CLASSES = ("bird", "cat", "dog")
COUNTS = {"trainval": 12, "test": 9}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The data set with three classes and fewer images, its files, and the truth by image."""
    small = dataclasses.replace(get("voc07"), counts=COUNTS, labels=CLASSES)
    monkeypatch.setitem(dataset._datasets, "voc07", small)
    part = {s: Part("voc07", s, classes=CLASSES) for s in COUNTS}
    spec = dataclasses.replace(
        get_task("voc07/finetune"), target=part["test"], train=part["trainval"], n_clusters=3
    )
    monkeypatch.setitem(_tasks, "voc07/finetune", spec)
    return write_devkit(tmp_path / "data")


def write_devkit(root):
    """JPEG files with bright corners, and VOC's lists; returns split -> image -> its signs."""
    rng, number = np.random.default_rng(0), 0
    truth: dict[str, dict[str, list[int]]] = {}
    folder = root / "VOCdevkit" / "VOC2007"
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for split, count in COUNTS.items():
        truth[split] = {}
        for i in range(count):
            number += 5
            signs = [-1, -1, -1]
            signs[i % 3] = 1
            signs[(i + 1) % 3] = int(rng.choice([-1, 0, 1]))
            truth[split][f"{number:06d}"] = signs
            pixels = rng.integers(80, size=(64, 64, 3))
            for column, (top, left) in enumerate([(0, 0), (0, 32), (32, 16)]):
                pixels[top : top + 32, left : left + 32] += 80 * (signs[column] + 1)
            image = Image.fromarray(np.minimum(pixels, 255).astype(np.uint8))
            image.save(folder / "JPEGImages" / f"{number:06d}.jpg")
        write_lists(root, split, truth[split])
    return truth


def write_lists(root, split, truth):
    lists = root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in truth))
    for column, name in enumerate(CLASSES):
        lines = (f"{image} {signs[column]:2d}\n" for image, signs in truth.items())
        (lists / f"{name}_{split}.txt").write_text("".join(lines))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_images_and_what_is_in_them_are_read_as_the_lists_say(tiny, tmp_path):
    root = tmp_path / "data"
    assert availability("voc07", root, COUNTS) == ""
    assert prepare("voc07", root).counts == COUNTS
    assert [line.split(", ")[:2] for line in verify("voc07", root)] == [
        ["voc07 trainval: unpinned", "12 images"],
        ["voc07 test: unpinned", "9 images"],
    ]
    task = get_task("voc07/finetune")
    assert task.train is not None
    for split, part in (("trainval", task.train), ("test", task.target)):
        files = materialise(part, root)
        images, labels = np.load(files.images), np.load(files.labels)
        assert (files.n, files.n_classes) == (COUNTS[split], 3)
        assert labels.dtype == np.int8
        found = {
            image.tobytes(): signs.tolist() for image, signs in zip(images, labels, strict=True)
        }
        for name, signs in tiny[split].items():
            path = root / "VOCdevkit" / "VOC2007" / "JPEGImages" / f"{name}.jpg"
            assert found[squares([path], tmp_path)[0].tobytes()] == signs
    values = [sign for signs in tiny["trainval"].values() for sign in signs]
    assert set(values) == {-1, 0, 1}, "the test is of all three"


def test_the_real_one_has_twenty_classes_in_both_splits():
    task = get_task("voc07/finetune")
    assert len(set(voc07.CLASSES)) == task.n_clusters == 20
    assert get("voc07").counts == {"trainval": 5011, "test": 4952}
    assert (task.train.split, task.target.split) == ("trainval", "test")
    assert task.train.classes == task.target.classes == get("voc07").labels


def test_where_nothing_is_there_it_says_how_to_get_it(tmp_path):
    reason = availability("voc07", tmp_path, ["trainval", "test"])
    assert reason.startswith("voc07 trainval, test not under")
    assert "data fetch voc07" in reason
    assert "VOCtest_06-Nov-2007.tar" in reason


def test_a_split_that_lacks_is_named(tiny, tmp_path):
    lists = tmp_path / "data" / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    (lists / "test.txt").unlink()
    assert "voc07 test not under" in availability("voc07", tmp_path / "data", COUNTS)
    assert prepare("voc07", tmp_path / "data").counts == {"trainval": 12}


def test_a_number_of_images_that_is_not_published_is_refused(tiny, tmp_path, monkeypatch):
    whole = dataclasses.replace(get("voc07"), counts={"trainval": 5011, "test": 4952})
    monkeypatch.setitem(dataset._datasets, "voc07", whole)
    with pytest.raises(BenchError, match="voc07 trainval: 12 images, expected 5,011"):
        prepare("voc07", tmp_path / "data")


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("cat_test", "000065 -1", "000065 -1\n000065  1", r"cat_test\.txt, line 2: has .*000065"),
        ("cat_test", "000065", "", r"cat_test\.txt, line 1: '-1' is no image with"),
        ("cat_test", "000065 -1", "000065  2", r"cat_test\.txt, line 1: '000065  2'"),
        ("cat_test", "000065 -1\n", "", r"cat_test\.txt: lacks the image '000065', unlike test"),
        ("dog_trainval", "000005", "000006", r"dog_trainval\.txt: lacks the image '000005'"),
        ("dog_trainval", "000005 -1", "000005 -1\n9 1", "has the image '9', unlike trainval.txt"),
        ("trainval", "000005\n", "000005\n000005\n", r"trainval\.txt: must name images, each once"),
        ("trainval", "000005\n", "../000005\n", r"trainval\.txt, line 1: '\.\./000005'"),
    ],
)
def test_a_malformed_list_is_named(tiny, tmp_path, file, old, new, words):
    root = tmp_path / "data"
    tiny["test"]["000065"][1] = tiny["trainval"]["000005"][2] = -1
    for split, truth in tiny.items():
        write_lists(root, split, truth)
    edit(root / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main" / f"{file}.txt", old, new)
    with pytest.raises(BenchError, match=words):
        prepare("voc07", root)


def test_a_file_that_lacks_is_named(tiny, tmp_path):
    folder = tmp_path / "data" / "VOCdevkit" / "VOC2007"
    path = folder / "ImageSets" / "Main" / "dog_test.txt"
    text = path.read_text()
    path.unlink()
    with pytest.raises(BenchError, match=r"dog_test\.txt: cannot be read .*No such file"):
        prepare("voc07", tmp_path / "data")
    path.write_text(text)
    (folder / "JPEGImages" / "000010.jpg").write_bytes(b"no JPEG")
    with pytest.raises(BenchError, match=r"000010\.jpg: damaged or no image"):
        prepare("voc07", tmp_path / "data")


def test_parts_with_classes_refuse_other_columns(tiny, tmp_path):
    prepare("voc07", tmp_path / "data")
    for part, words in (
        (Part("voc07", "test", classes=("cat", "split")), "'split' of voc07 does not hold absent"),
        (Part("voc07", "test", classes=("cow",)), "column of voc07 'cow'"),
        (Part("voc07", "test", classes=("cat",), keep={0: 0.5}), "keep goes by label"),
    ):
        with pytest.raises(BenchError, match=words):
            materialise(part, tmp_path / "data")
    known = look("voc07", tmp_path / "data").fingerprints
    both = [
        parts.part_fingerprint(Part("voc07", "test", classes=c), known)
        for c in (("cat",), ("dog",))
    ]
    assert len(set(both)) == 2


def toml(folder, metrics):
    """One row, a network trained on digits and fine-tuned on the photographs."""
    path = write_experiment(
        folder / "voc.toml",
        "digits/represent",
        [{"method": "untrained", "params": {"network": NETWORK}}],
        metric=metrics[0],
        probe="voc07/finetune",
    )
    names = ", ".join(f'"{name}"' for name in metrics)
    text = path.read_text().replace(f'metric = "{metrics[0]}"', f"metrics = [{names}]")
    path.write_text(text + "[preset.quick.params.finetune]\niterations = 6\n")
    return path


VIEWS = '{"size": 16, "invert": false, "mean": 0.4, "std": 0.2}'
NETWORK = f'{{"name": "alexnet", "variant": "tiny", "channels": 3, "views": {VIEWS}}}'


def planned(path, root):
    registry.load([PLUGINS])
    return ready_plan([experiment.load(str(path))], graph.Options(data_root=root))


def test_a_network_goes_from_its_images_to_fine_tuning_to_a_table(tiny, tmp_path, forkserver):
    root, store = tmp_path / "data", Store(tmp_path / "results")
    chosen = planned(toml(tmp_path, ["fc6-8 mAP", "all mAP", "knn top-1"]), root)
    assert not chosen.unavailable
    options = RunOptions(workers=1, data_root=root, plugins=(PLUGINS,))
    assert Runner(chosen, store, options, Lines(sys.stdout)).run()
    results = states.read(chosen, store)
    by_method = {r.cell["method"]: r for r in results.records.values()}
    assert {r.state for r in by_method.values()} == {"done"}, by_method["finetune"].message
    assert by_method["finetune"].cell["task"] == "voc07/finetune"
    found = by_method["finetune"].metrics
    assert found.keys() == {"fc6-8 mAP", "all mAP"}
    cell = next(c for c in chosen.cells.values() if c.method == "finetune")
    prediction = outputs.load(store.folder(cell) / PREDICTION)
    truth = np.load(materialise(get_task("voc07/finetune").target, root, limit=1000).labels)
    for name, scores in prediction.class_scores.items():
        assert scores.shape == truth.shape == (9, 3)
        assert found[f"{name} mAP"] == mean_average_precision(truth, scores)
    ((view,), _) = table_views.views(results)
    entries = {e.slot.entry.metric: e for e in view.entries}
    for name in ("fc6-8 mAP", "all mAP"):
        assert entries[name].summary.mean == pytest.approx(found[name])
        assert f"{100 * found[name]:.1f}" in markdown(view)
    assert entries["knn top-1"].states == {"undefined": 1}


def test_a_class_that_no_test_image_has_leaves_the_score_undefined(tiny, tmp_path, forkserver):
    for signs in tiny["test"].values():
        signs[1] = min(signs[1], 0)
    root, store = tmp_path / "data", Store(tmp_path / "results")
    write_lists(root, "test", tiny["test"])
    chosen = planned(toml(tmp_path, ["all mAP"]), root)
    options = RunOptions(workers=1, data_root=root, plugins=(PLUGINS,))
    assert Runner(chosen, store, options, Lines(sys.stdout)).run()
    ((view,), _) = table_views.views(states.read(chosen, store))
    assert [dict(e.states) for e in view.entries] == [{"undefined": 1}]


def test_without_the_data_the_table_says_unavailable_and_no_number(tmp_path, forkserver):
    root, store = tmp_path / "nowhere", Store(tmp_path / "results")
    chosen = planned(toml(tmp_path, ["all mAP"]), root)
    ((key, (lack,)),) = chosen.unavailable.items()
    assert chosen.cells[key].method == "finetune"
    assert "VOCtrainval_06-Nov-2007.tar" in str(lack)
    options = RunOptions(workers=1, data_root=root, plugins=(PLUGINS,))
    assert Runner(chosen, store, options, Lines(sys.stdout)).run()
    results = states.read(chosen, store)
    ((view,), _) = table_views.views(results)
    (entry,) = view.entries
    assert (dict(entry.states), entry.summary.mean) == ({"unavailable": 1}, None)
    # The network's own cell is done: a reference leaves the number out, and is not refused.
    assert renewing.update(results, "first", folder=tmp_path / "reference") == []
