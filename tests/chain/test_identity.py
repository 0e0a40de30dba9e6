"""Prepared data know what they were made of."""

import dataclasses
import functools
import json
import os
import shutil
from typing import Any

import numpy as np
import pytest
from tiny_dataset import LABELS, PIXELS, declare, without, write_folders, write_npz

from bench.datasets import (
    Part,
    availability,
    dataset,
    get,
    identity,
    imagenet,
    look,
    materialise,
    prepare,
    verify,
)
from bench.errors import BenchError


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    declare(monkeypatch)
    return functools.partial(declare, monkeypatch)


def of(pixels):
    return {image.tobytes() for image in pixels}


def prepared_pixels(root):
    return of(prepare("tiny", root).images)


def test_another_file_in_the_place_of_the_source_is_another_preparation(tmp_path):
    write_npz(tmp_path)
    before = prepare("tiny", tmp_path)
    kept = np.array(before.images)
    write_npz(tmp_path, images=255 - PIXELS)
    assert look("tiny", tmp_path).prepared is None
    assert look("tiny", tmp_path).fingerprints == {}
    after = prepare("tiny", tmp_path)
    assert of(after.images) == of(255 - PIXELS)
    assert after.fingerprints != before.fingerprints
    assert of(kept) == of(PIXELS)


def test_a_file_of_the_same_size_and_time_is_told_by_its_checksums(tmp_path):
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    path = tmp_path / "tiny.npz"
    was = path.stat()
    write_npz(tmp_path, labels=((LABELS + 1) % 3).astype(np.int16))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    with np.load(path) as arrays:
        expected = dict(zip(map(bytes, arrays["images"]), arrays["labels"], strict=True))
    prepared = prepare("tiny", tmp_path)
    found = dict(zip(map(bytes, prepared.images), prepared.columns["label"], strict=True))
    assert found == expected


@pytest.mark.parametrize("change", ["overwritten", "added", "removed", "moved to another class"])
def test_a_change_in_a_folder_of_images_is_seen(tmp_path, tiny, change):
    tiny(counts={"train": 0, "test": 0})
    write_folders(tmp_path)
    prepare("tiny", tmp_path)
    folder = tmp_path / "tiny/train"
    path = folder / "blue/0.png"
    if change == "overwritten":
        shutil.copyfile(folder / "green/1.png", path)
        os.utime(path, ns=(1, 1))
    elif change == "added":
        shutil.copyfile(path, folder / "blue/new.png")
    elif change == "removed":
        path.unlink()
    else:
        path.rename(folder / "red/0.png")
    prepared = prepare("tiny", tmp_path)
    assert prepared.counts["train"] == {"added": 21, "removed": 19}.get(change, 20)
    blues = int((prepared.columns["label"] == 0).sum())
    assert blues == {"added": 11, "removed": 9, "moved to another class": 9}.get(change, 10)


def test_nothing_is_read_again_while_nothing_changes(tmp_path, monkeypatch):
    write_folders(tmp_path)
    folder = prepare("tiny", tmp_path).folder
    written = (folder / "meta.json").stat().st_mtime_ns
    monkeypatch.setattr(dataset.Dataset, "read", None)
    prepare("tiny", tmp_path)
    materialise(Part("tiny", "test"), tmp_path)
    assert (folder / "meta.json").stat().st_mtime_ns == written


def test_two_data_roots_that_share_a_cache_have_each_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    one, two, linked = (tmp_path / name for name in ("one", "two", "linked"))
    for root in (one, two):
        root.mkdir()
    linked.symlink_to(one)
    write_npz(one)
    write_npz(two, images=255 - PIXELS)
    for _ in range(2):
        assert prepared_pixels(one) == of(PIXELS)
        assert prepared_pixels(two) == of(255 - PIXELS)
    assert prepare("tiny", linked).folder == prepare("tiny", one).folder
    # A root without the data has none of another's.
    (tmp_path / "three").mkdir()
    assert "not under" in availability("tiny", tmp_path / "three", ["test"])
    # What comes with a library is the same for all.
    assert prepare("digits", one).folder == prepare("digits", two).folder


def test_another_declaration_is_another_preparation(tmp_path, tiny):
    write_npz(tmp_path, label_names=np.array(["b", "a", "c"]))
    tiny(labels=("b", "a", "c"))
    before = prepare("tiny", tmp_path)
    tiny(labels=())
    write_npz(tmp_path, label_names=np.array(["b", "a", "c"]))
    assert prepare("tiny", tmp_path).fingerprints == before.fingerprints
    write_npz(tmp_path, split=np.zeros(30, np.int8))
    tiny(counts={"all": 30})
    assert prepare("tiny", tmp_path).counts == {"all": 30}


def test_prepared_data_outlive_their_source(tmp_path):
    write_folders(tmp_path)
    prepare("tiny", tmp_path)
    shutil.rmtree(tmp_path / "tiny/test")
    assert prepare("tiny", tmp_path).counts == {"train": 20, "test": 10}
    shutil.rmtree(tmp_path / "tiny")
    assert availability("tiny", tmp_path, ["train", "test"]) == ""
    assert prepare("tiny", tmp_path).counts == {"train": 20, "test": 10}


def test_a_damaged_file_in_the_place_of_the_source_is_named(tmp_path):
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    (tmp_path / "tiny.npz").write_bytes(b"PK")
    with pytest.raises(BenchError, match=r"tiny\.npz: damaged"):
        prepare("tiny", tmp_path)
    assert "tiny.npz: damaged" in availability("tiny", tmp_path, ["test"])


def test_what_was_prepared_before_there_was_an_identity_goes_by_its_age(tmp_path):
    write_npz(tmp_path)
    path = prepare("tiny", tmp_path).folder / "meta.json"
    without(path, "source")
    prepare("tiny", tmp_path)
    assert "source" not in json.loads(path.read_text())
    later = path.stat().st_mtime + 10
    os.utime(tmp_path / "tiny.npz", (later, later))
    prepare("tiny", tmp_path)
    assert json.loads(path.read_text())["source"]


def test_files_that_change_while_they_are_read_are_read_again(tmp_path, monkeypatch):
    write_npz(tmp_path)
    read = dataset.Dataset.read
    turns: list[Any] = []

    def meanwhile(self, *rest):
        raw = read(self, *rest)
        if not turns:
            write_npz(tmp_path, images=255 - PIXELS)
        turns.append(raw)
        return raw

    monkeypatch.setattr(dataset.Dataset, "read", meanwhile)
    assert prepared_pixels(tmp_path) == of(255 - PIXELS)
    assert len(turns) == 2


def test_verify_looks_at_the_source_too(tmp_path):
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    write_npz(tmp_path, images=255 - PIXELS)
    with pytest.raises(BenchError, match="tiny was prepared from other files than are here now"):
        verify("tiny", tmp_path)


def test_parts_are_those_that_a_run_was_planned_with(tmp_path):
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    first = materialise(Part("tiny", "test"), tmp_path)
    write_npz(tmp_path, images=255 - PIXELS)
    assert materialise(Part("tiny", "test"), tmp_path) == first
    prepare("tiny", tmp_path)
    assert materialise(Part("tiny", "test"), tmp_path).images != first.images


def test_imagenet_sees_a_list_of_classes_and_a_new_image(tmp_path):
    source = imagenet.ClassFolders(lambda _: ("n01",), lists=("118",))
    declared = dataclasses.replace(get("imagenet118"), counts={"train": 0}, sources=(source,))
    (tmp_path / "imagenet/train/n01").mkdir(parents=True)
    seen = [identity.of_source(declared, source, tmp_path)]
    (tmp_path / "imagenet/train/n01/x.JPEG").touch()
    seen.append(identity.of_source(declared, source, tmp_path))
    (tmp_path / "imagenet/imagenet_118.txt").write_text("n01")
    seen.append(identity.of_source(declared, source, tmp_path))
    assert len(set(seen)) == 3
    assert identity.of_source(declared, source, tmp_path) == seen[-1]
