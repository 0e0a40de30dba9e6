"""Under which names and in which folders data are found, and what is said where they are not."""

import gzip
import itertools

import numpy as np
import pytest
from photographs import redeclare

from bench.datasets import prepare
from bench.errors import BenchError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)


def write_mnist(folder, images, labels, prefix, *, dotted=False, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    heads = ((2051, (len(images), 28, 28)), (2049, (len(labels),)))
    for data, (magic, sizes), kind in zip(
        (images, labels), heads, ("images", "labels"), strict=True
    ):
        rank = 3 if kind == "images" else 1
        content = b"".join(int(x).to_bytes(4, "big") for x in (magic, *sizes)) + data.tobytes()
        name = f"{prefix}-{kind}{'.' if dotted else '-'}idx{rank}-ubyte"
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)


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
