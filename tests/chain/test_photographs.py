"""Photographs of many sizes become squares; Office-31 and STL-10."""

import numpy as np
import pytest
from photographs import photograph, redeclare
from PIL import Image
from torchvision.transforms import functional

from bench.datasets import (
    get,
    get_task,
    materialise,
    prepare,
    stl10,
)
from bench.datasets.cache import Rows, write_folder
from bench.datasets.photographs import squares
from bench.errors import BenchError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)


# Squares.


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (256, 256), (10, 31), (1000, 257)])
def test_a_square_is_the_middle_of_the_resized_photograph(tmp_path, size):
    path = photograph(tmp_path / "x.png", *size)
    (found,) = squares([path], tmp_path)
    with Image.open(path) as image:
        whole = np.asarray(functional.resize(image, 256))
    assert min(whole.shape[:2]) == 256
    top, left = ((side - 256) / 2 for side in whole.shape[:2])
    cut = whole[round(top) : round(top) + 256, round(left) : round(left) + 256]
    np.testing.assert_array_equal(found, cut)


@pytest.mark.parametrize(("mode", "suffix"), [("L", ".png"), ("CMYK", ".jpg"), ("P", ".png")])
def test_whatever_colours_a_file_has_three_channels_come_out(tmp_path, mode, suffix):
    path = photograph(tmp_path / f"x{suffix}", mode=mode)
    (found,) = squares([path], tmp_path, as_published=True)
    assert found.shape == (256, 256, 3)
    if mode == "L":
        assert (found == found[..., :1]).all()


def test_squares_keep_their_order_and_leave_no_file(tmp_path):
    paths = [photograph(tmp_path / f"{i}.png", 5 + i, 7) for i in range(5)]
    found = squares(paths, tmp_path / "cache")
    for path, square in zip(paths, found, strict=True):
        np.testing.assert_array_equal(square, squares([path], tmp_path)[0])
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_photograph_is_named(tmp_path):
    path = photograph(tmp_path / "x.jpg")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BenchError, match=r"x\.jpg: damaged or no image"):
        squares([path], tmp_path)


def test_rows_are_written_as_numpy_would(tmp_path, monkeypatch):
    array, index = RNG.integers(0, 256, (40, 3, 5, 3), dtype=np.uint8), RNG.permutation(40)[:33]
    monkeypatch.setattr("bench.datasets.cache._BLOCK_BYTES", 200)  # four rows
    write_folder(tmp_path / "f", {"x.npy": Rows(array, index)}, {})
    np.save(tmp_path / "y.npy", array[index])
    assert (tmp_path / "f/x.npy").read_bytes() == (tmp_path / "y.npy").read_bytes()


# Office-31.


def test_office_31(tmp_path, monkeypatch):
    counts = {"amazon": 4, "dslr": 2, "webcam": 2}
    for domain, count in counts.items():
        for i in range(count):
            photograph(tmp_path / f"office31/{domain}/images/{'mug' if i % 2 else 'pen'}/{i}.jpg")
    redeclare(monkeypatch, "office31", counts=counts)
    assert prepare("office31", tmp_path).counts == counts
    task = get_task("office31-amazon-webcam/adapt")
    source, target = (materialise(p, tmp_path) for p in (task.source, task.target) if p)
    assert (source.n, target.n, source.n_classes, target.n_classes) == (4, 2, 2, 2)


def test_a_wrong_number_of_photographs(tmp_path):
    photograph(tmp_path / "office31/dslr/images/pen/1.jpg")
    with pytest.raises(BenchError, match="office31 dslr: 1 images, expected 498"):
        prepare("office31", tmp_path)


def test_all_six_pairs_of_domains():
    names = ("amazon", "dslr", "webcam")
    for source in names:
        for target in (n for n in names if n != source):
            task = get_task(f"office31-{source}-{target}/adapt")
            assert (task.source.split, task.target.split) == (source, target)


# STL-10.


def test_stl10_binary_files(tmp_path, monkeypatch):
    pixels = RNG.integers(0, 256, (6, 96, 96, 3), dtype=np.uint8)
    labels = np.array([0, 9, 3, 3, 1, 0])
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for split, keep in (("train", slice(4)), ("test", slice(4, 6))):
        # As published: channel by channel, column by column; classes from 1.
        pixels[keep].transpose(0, 3, 2, 1).tofile(folder / f"{split}_X.bin")
        (labels[keep] + 1).astype(np.uint8).tofile(folder / f"{split}_y.bin")
    for split, keep in (("train", slice(4)), ("test", slice(4, 6))):
        found, classes = stl10.load(tmp_path, split, False)
        np.testing.assert_array_equal(found, pixels[keep])
        np.testing.assert_array_equal(classes, labels[keep])
    redeclare(monkeypatch, "stl10", counts={"train": 4, "test": 2})
    prepared = prepare("stl10", tmp_path)
    assert prepared.counts == {"train": 4, "test": 2}
    np.array([9, 9, 9, 9], np.uint8).tofile(folder / "train_y.bin")  # labels alone change
    assert (prepare("stl10", tmp_path).columns["label"] == 8).sum() == 4
    (folder / "test_X.bin").write_bytes(b"cut off")
    with pytest.raises(BenchError, match="torchvision cannot read stl10 test"):
        get("stl10").read(tmp_path)
    (folder / "train_y.bin").unlink()
    with pytest.raises(BenchError, match=r"train_y\.bin is missing, and stl10 train is read with"):
        get("stl10").read(tmp_path)
