import bz2
import functools
import os
import pickle

import numpy as np
import pytest
from photographs import redeclare, write_mnist
from PIL import Image
from tiny_dataset import COLOURS, LABELS, PIXELS, SPLIT, declare, write_folders, write_npz

from bench.datasets import Raw, cifar10, get, prepare, verify
from bench.datasets.fingerprint import pixel_hashes
from bench.errors import BenchError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Declares the tiny dataset; `tiny(pins=…)` declares it otherwise."""
    declare(monkeypatch)
    return functools.partial(declare, monkeypatch)


def test_digits_are_the_exact_multiples(tmp_path):
    from sklearn.datasets import load_digits

    prepared = prepare("digits", tmp_path)
    assert prepared.images.shape == (1797, 8, 8, 1)
    assert sorted(np.unique(prepared.images)) == [15 * level for level in range(17)]
    assert prepared.images.sum() == 15 * load_digits().images.sum()
    assert prepared.fingerprints == get("digits").pins
    assert prepared.partial == ""


def test_folder_and_npz_are_the_same_data(tmp_path, tiny):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    write_npz(one)
    write_folders(two)
    a, b = prepare("tiny", one), prepare("tiny", two)
    assert a.fingerprints == b.fingerprints
    np.testing.assert_array_equal(a.images, b.images)
    np.testing.assert_array_equal(a.columns["label"], b.columns["label"])
    np.testing.assert_array_equal(a.columns["split"], b.columns["split"])


def test_the_fuller_source_is_read(tmp_path, tiny):
    write_npz(tmp_path, slice(20, None))
    assert prepare("tiny", tmp_path).counts == {"test": 10}
    write_folders(tmp_path)
    assert prepare("tiny", tmp_path).counts == {"train": 20, "test": 10}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": PIXELS.astype(np.float32)}, "float32"),
        ({"images": PIXELS[:, :3]}, "expected uint8"),
        ({"labels": LABELS[:-1]}, "29 values of label"),
        ({"labels": LABELS + 1}, "label holds 1..3, expected 0..2"),
        ({"split": SPLIT + 1}, "expected 0 \\(train\\), 1 \\(test\\)"),
        ({"label_names": np.array(COLOURS[::-1])}, "label_names"),
        ({"images": np.array([{}] * 30)}, "damaged"),
    ],
)
def test_wrong_npz(tmp_path, tiny, changes, words):
    write_npz(tmp_path, **changes)
    with pytest.raises(BenchError, match=words) as caught:
        prepare("tiny", tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_npz_without_images(tmp_path, tiny):
    np.savez(tmp_path / "tiny.npz", labels=LABELS, split=SPLIT)
    with pytest.raises(BenchError, match=r"tiny\.npz: has no array 'images', only labels, split"):
        prepare("tiny", tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text", "npy", "empty"])
def test_damaged_npz(tmp_path, tiny, damage):
    write_npz(tmp_path)
    path = tmp_path / "tiny.npz"
    data: bytes | bytearray = bytearray(path.read_bytes())
    if damage == "truncated":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data = bytearray(data)
        data[400] ^= 255
    elif damage == "npy":
        np.save(tmp_path / "x.npy", PIXELS)
        data = (tmp_path / "x.npy").read_bytes()
    else:
        data = b"not an archive" if damage == "text" else b""
    path.write_bytes(data)
    with pytest.raises(BenchError, match=r"tiny\.npz: damaged"):
        prepare("tiny", tmp_path)
    assert not (tmp_path / "prepared/tiny/whole").exists()


def test_wrong_count(tmp_path, tiny):
    write_npz(tmp_path, slice(1, None))
    with pytest.raises(BenchError, match="tiny train: 19 images, expected 20"):
        prepare("tiny", tmp_path)


def test_other_images_than_the_pinned_ones(tmp_path, tiny):
    write_npz(tmp_path)
    right = prepare("tiny", tmp_path).fingerprints
    tiny(pins=right)
    assert "tiny test: ok" in verify("tiny", tmp_path)[1]
    tiny(pins={**right, "test": "0" * 64})
    with pytest.raises(BenchError, match=f"tiny test: .*{right['test'][:16]}.*expected 0000"):
        verify("tiny", tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write_npz(other)
    with pytest.raises(BenchError, match="tiny test: the images or labels are not the published"):
        prepare("tiny", other)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda f: Image.new("L", (5, 5)).save(f / "red/x.png"), "x.png: is 5 by 5.*5 by 4"),
        (lambda f: (f / "red/x.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "x.png: damaged"),
        (lambda f: [(f / "pink").mkdir(), Image.new("L", (5, 4)).save(f / "pink/x.png")], "'pink'"),
    ],
)
def test_wrong_image_in_a_folder(tmp_path, tiny, write, words):
    write_folders(tmp_path)
    write(tmp_path / "tiny/test")
    with pytest.raises(BenchError, match=words):
        prepare("tiny", tmp_path)


def test_empty_folders(tmp_path):
    (tmp_path / "tiny/train/red").mkdir(parents=True)
    with pytest.raises(BenchError, match="hold no image"):
        prepare("tiny", tmp_path)


def test_mnist_as_torchvision_keeps_it(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST/raw"
    images = RNG.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    labels = np.array([3, 1, 4, 1, 5, 9, 2], np.uint8)
    for prefix, part in (("train", slice(0, 5)), ("t10k", slice(5, 7))):
        write_mnist(raw, images[part], labels[part], prefix)
    redeclare(monkeypatch, "mnist", counts={"train": 5, "test": 2}, pins={})
    prepared = prepare("mnist", tmp_path)
    hashes = pixel_hashes(images[..., None])
    order = sorted(range(7), key=lambda i: hashes[i])
    np.testing.assert_array_equal(prepared.images[..., 0], images[order])
    np.testing.assert_array_equal(prepared.columns["label"], labels[order])
    np.testing.assert_array_equal(prepared.columns["split"], np.array([0] * 5 + [1] * 2)[order])

    path = raw / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "fresh"))
    with pytest.raises(BenchError, match="t10k-images-idx3-ubyte: damaged"):
        prepare("mnist", tmp_path)


def test_usps_as_torchvision_keeps_it_is_flagged(tmp_path, monkeypatch):
    for name, n in (("usps.bz2", 3), ("usps.t.bz2", 2)):
        values = RNG.uniform(-1, 1, (n, 256))
        lines = [
            f"{i + 1} " + " ".join(f"{j + 1}:{v:.6f}" for j, v in enumerate(row))
            for i, row in enumerate(values)
        ]
        (tmp_path / name).write_bytes(bz2.compress("\n".join(lines).encode()))
    redeclare(monkeypatch, "usps", counts={"train": 3, "test": 2})
    prepared = prepare("usps", tmp_path)
    assert "smoothed" in prepared.partial
    assert [": unpinned, " in line for line in verify("usps", tmp_path)] == [True, True]


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("cifar10", [*cifar10.FILES, cifar10.TEST]),
        ("cifar100", ["cifar-100-python/train", "cifar-100-python/test"]),
    ],
)
def test_pickles_other_than_the_published_ones_are_never_opened(tmp_path, name, files):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(Bomb(tmp_path / "opened")))
    with pytest.raises(BenchError, match="torchvision cannot read"):
        prepare(name, tmp_path)
    assert not (tmp_path / "opened").exists()


def write_characters(root, evaluation, background):
    """The layout of the published archives, with two characters of two drawers."""
    pixels = {}
    for folder, alphabet in ((background, "Greek"), (evaluation, "Angelic")):
        for character in (1, 2):
            path = root / folder / alphabet / f"character0{character}"
            path.mkdir(parents=True)
            for drawer in (1, 12):
                image = (RNG.random((105, 105)) > 0.1).astype(np.uint8) * 255
                Image.fromarray(image).convert("1").save(path / f"0709_{drawer:02}.png")
                pixels[f"{alphabet}/character0{character}", drawer] = image
    return pixels


@pytest.mark.parametrize(
    ("background", "evaluation"),
    [
        ("omniglot-py/images_background", "omniglot-py/images_evaluation"),
        ("omniglot/background", "omniglot/evaluation"),
    ],
)
def test_omniglot_folders(tmp_path, monkeypatch, background, evaluation):
    redeclare(monkeypatch, "omniglot", counts={"background": 4, "evaluation": 4}, pins={})
    pixels = write_characters(tmp_path, evaluation, background)
    prepared = prepare("omniglot", tmp_path)
    columns, value_names = prepared.columns, prepared.names
    assert value_names["alphabet"] == ("Angelic", "Greek")
    assert value_names["label"][0] == "Angelic/character01"
    for i, image in enumerate(prepared.images):
        character = value_names["label"][columns["label"][i]]
        np.testing.assert_array_equal(image[..., 0], pixels[character, columns["drawer"][i]])
        assert value_names["alphabet"][columns["alphabet"][i]] == character.split("/")[0]
        assert columns["subset"][i] == (character < "Greek")


def test_omniglot_npz_in_any_numbering_is_the_same_data(tmp_path, monkeypatch):
    redeclare(monkeypatch, "omniglot", counts={"background": 4, "evaluation": 4}, pins={})
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    pixels = write_characters(one, "omniglot/evaluation", "omniglot/background")
    characters = ["Greek/character02", "Angelic/character01", "Greek/character01",
                  "Angelic/character02"]  # fmt: skip
    np.savez(
        two / "omniglot.npz",
        images=np.array(list(pixels.values())),
        labels=[characters.index(character) for character, _ in pixels],
        label_names=characters,
        drawers=[drawer for _, drawer in pixels],
        subset=[int(character < "Greek") for character, _ in pixels],
    )
    a, b = prepare("omniglot", one), prepare("omniglot", two)
    assert a.fingerprints == b.fingerprints
    for column in ("label", "alphabet", "drawer", "subset"):
        np.testing.assert_array_equal(a.columns[column], b.columns[column])


def test_cifar100_gets_its_groups():
    raw = Raw(np.zeros((3, 32, 32, 3), np.uint8), {"label": np.array([0, 53, 99])}, {})
    complete = get("cifar100").complete
    assert complete is not None
    raw = complete(raw)
    groups = [raw.names["coarse"][i] for i in raw.columns["coarse"]]
    assert groups == ["fruit_and_vegetables", "fruit_and_vegetables", "non-insect_invertebrates"]
