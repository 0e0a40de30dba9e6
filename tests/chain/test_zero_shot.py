"""Proposed splits of the zero-shot data sets."""

import os

import numpy as np
import pytest
from photographs import photograph, redeclare
from scipy.io import savemat

from bench.datasets import (
    get,
    get_task,
    look,
    materialise,
    prepare,
    zero_shot,
)
from bench.errors import BenchError


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)


# Zero-shot.

LAYOUT = zero_shot.LAYOUTS["cub"]
FILES = [f"/disk/of/somebody/CUB/images/{1 + i // 2:03d}.bird/b{i}.jpg" for i in range(8)]
CLASS = np.arange(8) // 2 + 1
WHERE = {"trainval_loc": [1, 3, 4], "test_seen_loc": [2], "test_unseen_loc": [5, 6, 7, 8]}


def proposed_splits(root, files=FILES, labels=CLASS, where=WHERE):
    folder = root / "xlsa17/data/CUB"
    folder.mkdir(parents=True, exist_ok=True)
    cells = np.empty((len(files), 1), object)
    cells[:, 0] = files
    features = np.zeros((5, len(files)))
    content = {"image_files": cells, "labels": np.array(labels)[:, None], "features": features}
    savemat(folder / "res101.mat", content)
    columns = {key: np.array(value)[:, None] for key, value in where.items()}
    savemat(folder / "att_splits.mat", {**columns, "att": np.zeros((3, 200))})
    for file in files:
        photograph(root / LAYOUT.images / file.partition("/images/")[2])


def test_proposed_splits(tmp_path, monkeypatch):
    proposed_splits(tmp_path)
    redeclare(monkeypatch, "cub", counts={"trainval": 3, "test_seen": 1, "test_unseen": 4})
    prepared = prepare("cub", tmp_path)
    for index, (key, where) in enumerate(WHERE.items()):
        keep = prepared.columns["split"] == index
        labels = prepared.columns["label"][keep] + 1
        assert sorted(labels) == sorted(CLASS[np.array(where) - 1]), key
    task = get_task("cub/zero-shot")
    source, target = (materialise(p, tmp_path) for p in (task.source, task.target) if p)
    assert (source.n, source.n_classes, target.n, target.n_classes) == (3, 2, 4, 2)


@pytest.mark.parametrize("change", ["labels", "photographs"])
def test_what_the_splits_refer_to_is_looked_at_too(tmp_path, monkeypatch, change):
    redeclare(monkeypatch, "cub", counts={"trainval": 3, "test_seen": 1, "test_unseen": 4})
    proposed_splits(tmp_path)
    prepare("cub", tmp_path)
    splits = tmp_path / "xlsa17/data/CUB/att_splits.mat"
    was, content = splits.stat(), splits.read_bytes()
    if change == "labels":
        proposed_splits(tmp_path, labels=CLASS[::-1])
        splits.write_bytes(content)
        os.utime(splits, ns=(was.st_atime_ns, was.st_mtime_ns))
    else:
        photograph(tmp_path / LAYOUT.images / "001.bird/new.jpg")
    assert look("cub", tmp_path).prepared is None
    prepare("cub", tmp_path)
    assert look("cub", tmp_path).prepared is not None


def test_each_photograph_has_its_own_class(tmp_path):
    proposed_splits(tmp_path)
    found = zero_shot.photographs_of(LAYOUT, tmp_path, "test_unseen")
    assert [(path.name, name) for path, name in found] == [
        ("b4.jpg", "003"), ("b5.jpg", "003"), ("b6.jpg", "004"), ("b7.jpg", "004"),
    ]  # fmt: skip
    assert all(path.is_file() for path, _ in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"where": {**WHERE, "test_unseen_loc": [9, 1]}}, r"test_unseen_loc in 1\.\.9"),
        ({"where": {**WHERE, "test_unseen_loc": [0, 1]}}, r"test_unseen_loc in 0\.\.1"),
        ({"labels": CLASS[:-1]}, "8 files, 7 labels"),
        ({"where": {"trainval_loc": [1]}}, r"att_splits\.mat: has no variable 'test_seen_loc'"),
    ],
)
def test_splits_that_do_not_go_together(tmp_path, changes, words):
    proposed_splits(tmp_path, **changes)
    with pytest.raises(BenchError, match=words):
        zero_shot.photographs_of(LAYOUT, tmp_path, "test_unseen")


def test_a_damaged_split_file(tmp_path):
    proposed_splits(tmp_path)
    (tmp_path / "xlsa17/data/CUB/att_splits.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut off")
    with pytest.raises(BenchError, match=r"att_splits\.mat: missing, damaged or no MATLAB file"):
        prepare("cub", tmp_path)


@pytest.mark.parametrize("name", zero_shot.LAYOUTS)
def test_seen_and_unseen_classes_are_what_the_publishers_say(name):
    unseen = {"cub": 50, "flo": 20, "sun": 72, "awa2": 10}[name]
    assert get_task(f"{name}/zero-shot").n_clusters == unseen
    total = {"cub": 11_788, "flo": 8189, "sun": 14_340, "awa2": 37_322}[name]
    assert sum(get(name).counts.values()) == total
