"""Archives and the layouts of others come in as they are, or are refused by name."""

import itertools
from typing import Any

import numpy as np
import pytest
from photographs import redeclare, write_mnist
from tiny_dataset import COLOURS, LABELS, PIXELS, SPLIT, declare, write_npz

from bench.datasets import look, prepare
from bench.errors import BenchError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    declare(monkeypatch)
    monkeypatch.delenv("BENCH_CACHE", raising=False)


# Archives: what is changed in a good one, and the labels, or the words, that come out.

WHOLE = LABELS.astype(np.float64)
ARCHIVES: dict[str, tuple[dict[str, Any], str | None]] = {
    "float labels that are whole": ({"labels": WHOLE}, None),
    "half a label": ({"labels": WHOLE + 0.5}, r"'labels' holds 0\.5 \(image 0\), expected whole"),
    "labels that are no number": ({"labels": np.where(LABELS == 2, np.nan, WHOLE)}, "holds nan"),
    "infinite labels": ({"labels": np.where(LABELS == 2, np.inf, WHOLE)}, "holds inf"),
    "complex labels": ({"labels": LABELS + 1j}, "'labels' is complex128"),
    "labels beyond 64 bits": ({"labels": np.full(30, 2**64 - 1, np.uint64)}, "holds 184467440"),
    "dates": ({"labels": np.full(30, "2020-01-01", "datetime64[D]")}, r"'labels' is datetime64"),
    "labels of shape (N, 1)": ({"labels": LABELS[:, None]}, None),
    "labels as names": ({"labels": np.array(COLOURS)[LABELS]}, None),
    "labels as bytes": ({"labels": np.array(COLOURS)[LABELS].astype("S")}, None),
    "a name of no class": ({"labels": np.array(["pink"] * 30)}, "'labels' holds 'pink', expected"),
    "one label for all": ({"labels": np.int64(1)}, r"'labels' is int64 \(\), expected one whole"),
    "a row of labels": ({"labels": LABELS[None]}, r"'labels' is int64 \(1, 30\), expected one"),
    "one-hot labels": ({"labels": np.eye(3)[LABELS]}, r"'labels' is float64 \(30, 3\), expected"),
    "negative labels": ({"labels": LABELS - 1}, r"label holds -1\.\.1, expected 0\.\.2"),
    "Python objects": ({"labels": np.array([0, "a"] * 15, object)}, "Python objects"),
    "float split": ({"split": SPLIT.astype(np.float32)}, None),
    "split of halves": ({"split": SPLIT / 2}, r"'split' holds 0\.5"),
    "split as names": ({"split": np.array(["train", "test"])[SPLIT]}, None),
    "split of another name": ({"split": np.array(["train", "val"])[SPLIT]}, "'split' holds 'val'"),
    "split of truth values": ({"split": SPLIT == 1}, None),
    "too short a split": ({"split": SPLIT[1:]}, "30 images but 29 values of split"),
    "wide images": ({"images": PIXELS.astype(np.int64)}, None),
    "images beyond 255": ({"images": PIXELS.astype(np.int16) * 2}, "images are int16 in"),
    "negative images": ({"images": PIXELS.astype(np.int16) - 9}, "images are int16 in -9"),
    "images in 0..1": ({"images": PIXELS / 255}, "images are float64, expected uint8"),
    "images with channels first": (
        {"images": PIXELS.transpose(0, 3, 1, 2)},
        r"images are uint8 \(30, 1, 4, 5\), expected uint8 \(N, 4, 5, 1\)",
    ),
    "flat images": ({"images": PIXELS.reshape(30, -1)}, r"images are uint8 \(30, 20\)"),
    "a name twice": ({"label_names": np.array(["blue", "red", "red"])}, "names 'red' twice"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives(case, tmp_path):
    changes, words = ARCHIVES[case]
    write_npz(tmp_path, **changes)
    if words is not None:
        with pytest.raises(BenchError, match=words) as caught:
            prepare("tiny", tmp_path)
        assert str(caught.value).startswith(f"{tmp_path / 'tiny.npz'}: ")
        assert look("tiny", tmp_path).prepared is None
        return
    prepared = prepare("tiny", tmp_path)
    found = zip(map(bytes, prepared.images), prepared.columns["label"], strict=True)
    assert dict(found) == dict(zip(map(bytes, PIXELS), LABELS, strict=True))
    assert prepared.counts == {"train": 20, "test": 10}


# Layouts.


@pytest.fixture
def digits(monkeypatch):
    redeclare(monkeypatch, "mnist", counts={"train": 5, "test": 2}, pins={})
    images = RNG.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    return images, np.array([3, 1, 4, 1, 5, 9, 2], np.uint8)


@pytest.mark.parametrize(
    ("folder", "dotted", "zipped"),
    list(itertools.product(["MNIST/raw", "mnist", ""], [False, True], [False, True])),
)
def test_mnist_under_each_of_its_names(tmp_path, digits, folder, dotted, zipped):
    images, labels = digits
    for prefix, part in (("train", slice(5)), ("t10k", slice(5, 7))):
        write_mnist(
            tmp_path / folder, images[part], labels[part], prefix, dotted=dotted, zipped=zipped
        )
    prepared = prepare("mnist", tmp_path)
    found = dict(zip(map(bytes, prepared.images), prepared.columns["label"], strict=True))
    assert found == dict(zip(map(bytes, images), labels, strict=True))
    assert prepared.counts == {"train": 5, "test": 2}


def test_one_split_of_mnist_is_read_and_a_file_without_the_other_is_named(tmp_path, digits):
    images, labels = digits
    write_mnist(tmp_path / "MNIST/raw", images[:5], labels[:5], "train", zipped=True)
    assert prepare("mnist", tmp_path).counts == {"train": 5}
    (tmp_path / "MNIST/raw/train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(BenchError, match=r"MNIST/raw: has no train-labels-idx1-ubyte or \.gz to"):
        prepare("mnist", tmp_path)


@pytest.mark.parametrize("damage", ["cut", "cut within gzip", "another array", "no labels"])
def test_damaged_files_of_mnist_are_named(tmp_path, digits, damage):
    images, labels = digits
    zipped = damage == "cut within gzip"
    labels = labels[:3] if damage == "no labels" else labels
    write_mnist(tmp_path / "mnist", images[:5], labels[:5], "train", zipped=zipped)
    path = next((tmp_path / "mnist").glob("train-images*"))
    if damage == "another array":
        path.write_bytes(b"\0\0\x0d\3" + path.read_bytes()[4:])
    elif damage != "no labels":
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BenchError, match=rf"{path.name}: (damaged|holds)"):
        prepare("mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnist", ["mnist.npz", "mnist/{train,test}/CLASS/*.png", "-idx3-ubyte", "MNIST/raw"]),
        ("omniglot", ["omniglot-py/{images_background,images_evaluation}/GROUP/CLASS/*.png"]),
        ("cifar10", ["cifar10.npz", "cifar-10-batches-py/data_batch_1"]),
        ("imagenet118", ["imagenet/{train,val}/n01440764/*.JPEG"]),
        ("office31", ["office31/amazon/images"]),
        ("cub", ["xlsa17/data/CUB/att_splits.mat with CUB_200_2011/images"]),
        ("voc07", ["VOCdevkit/VOC2007/ImageSets/Main/trainval.txt"]),
    ],
)
def test_each_layout_that_is_looked_for_is_named(tmp_path, name, words):
    with pytest.raises(BenchError) as caught:
        prepare(name, tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_a_set_that_is_read_as_a_whole_says_which_file_is_missing(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py/test_batch").touch()
    with pytest.raises(BenchError, match=r"data_batch_1 is missing, and cifar10 is read from all"):
        prepare("cifar10", tmp_path)
