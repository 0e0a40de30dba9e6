"""Random folders and archives: what comes out is right, or one sentence names the file."""

import functools
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_dataset import COLOURS, declare

from bench.datasets import look, prepare
from bench.errors import BenchError

GREY, COLOURED = (3, 2, 1), (3, 2, 3)
SPLITS = ("train", "test")
bounded = functools.partial(
    settings,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Declares the tiny dataset of as many images as there are."""
    return functools.partial(declare, monkeypatch, counts=dict.fromkeys(SPLITS, 0))


def outcome(root):
    """Pixels, class and split of all images that were prepared, or the sentence."""
    try:
        prepared = prepare("tiny", root)
    except BenchError as error:
        assert look("tiny", root).prepared is None
        said = str(error)
        assert "\n" not in said
        assert str(root / "tiny") in said or f"tiny is not under {root}" in said, said
        return said
    columns = prepared.columns
    return Counter(
        (image.tobytes(), prepared.names["label"][label], SPLITS[split])
        for image, label, split in zip(
            prepared.images, columns["label"], columns["split"], strict=True
        )
    )


def damaged(content, data):
    """A file's bytes, cut short, with one bit turned, or whole."""
    kind = data.draw(st.sampled_from(["whole", "whole", "cut", "bit"]))
    place = data.draw(st.integers(0, max(len(content) - 1, 0)))
    if kind == "cut":
        return content[:place]
    if kind == "bit" and content:
        flipped = bytearray(content)
        flipped[place] ^= 1 << data.draw(st.integers(0, 7))
        return bytes(flipped)
    return content


# Archives.

N = 4
KINDS = ("u1", "i1", "i2", "u2", ">i4", "i8", "u8", "f4", "f8", "?", "U9", "S9", "c8", "M8[D]", "O")
KIND = st.one_of(st.just("i8"), st.sampled_from(KINDS))
NUMBERS = st.sampled_from([0, 1])  # of a class and of a split
VALUES = st.sampled_from([0, 1, 2, 3, -1, 0.5, 1.5, 300, np.nan, np.inf, 2.0**63, "red", "pink"])


def array(values, kind):
    """The values in that type; None where NumPy has none of it."""
    try:
        with np.errstate(all="ignore"):
            return np.array(values).astype(kind)
    except (ValueError, TypeError, OverflowError):
        return None


def meant(values, names):
    """What a column says, in words; None where it is no name and no whole number of one."""
    found = []
    for value in values.reshape(-1).tolist():
        text = value.decode() if isinstance(value, bytes) else value
        if isinstance(text, str):
            found.append(text if text in names else None)
        elif isinstance(text, int | float) and text in range(len(names)):
            found.append(names[int(text)])
        else:
            found.append(None)
    return found


@bounded(max_examples=150)
@given(data=st.data())
def test_archives(tiny, data):
    tiny(shape=GREY)
    pixels = np.arange(N * 6).reshape(N, 3, 2) * data.draw(st.sampled_from([1, 1, 11, 12]))
    shape = data.draw(st.sampled_from([(N, 3, 2), (N, 3, 2, 1)] * 2 + [(N, 1, 3, 2), (N, 6)]))
    images = array(pixels, data.draw(st.sampled_from(KINDS[:9]))).reshape(shape)
    drawn = {"images": images}
    for key in ("labels", "split"):
        few = st.lists(NUMBERS | VALUES, min_size=1, max_size=2)
        values = array((data.draw(few) * N)[:N], data.draw(KIND))
        if values is None:
            continue
        form = data.draw(st.sampled_from(["flat", "flat", "column", "short"]))
        drawn[key] = (
            values[:, None] if form == "column" else values[:-1] if form == "short" else values
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.npz"
        np.savez(path, **drawn)
        content = path.read_bytes()
        path.write_bytes(damaged(content, data))
        whole = path.read_bytes() == content
        found = outcome(Path(folder))
    good = images.dtype.kind in "iu" and 0 <= images.min() <= images.max() < 256
    good = good and shape[:3] == (N, 3, 2)
    for key, names in (("labels", COLOURS), ("split", SPLITS)):
        values = drawn.get(key)
        good = good and values is not None and values.dtype.kind != "O" and len(values) == N
        good = good and None not in meant(values, names)
    assert isinstance(found, Counter) or not (good and whole), found
    if isinstance(found, Counter):
        assert good
        labels, splits = meant(drawn["labels"], COLOURS), meant(drawn["split"], SPLITS)
        assert found == Counter(
            zip((bytes(image.astype(np.uint8)) for image in images), labels, splits, strict=True)
        )


# Folders.


def drawn_image(data, shape):
    """An image, and the pixels that it stands for: None where 8 bits, or grey, do not hold it."""
    kind = data.draw(st.sampled_from(["L", "RGB", "grey RGB", "wide", "wider", "alpha", "1", "P"]))
    seed = data.draw(st.integers(0, 9))
    levels = np.random.default_rng(seed).integers(1, 255, shape[:2], dtype=np.uint8)
    colours = np.random.default_rng(seed).integers(0, 256, (*shape[:2], 3), dtype=np.uint8)
    grey = np.dstack([levels] * shape[2])
    coloured = colours if shape[2] == 3 else None
    if kind == "L":
        return Image.fromarray(levels), grey
    if kind == "RGB":
        return Image.fromarray(colours), coloured
    if kind == "grey RGB":
        return Image.fromarray(levels).convert("RGB"), grey
    if kind == "wide":
        return Image.fromarray(levels.astype(np.uint16) * 257), grey
    if kind == "wider":
        return Image.fromarray(levels.astype(np.uint16) * 257 + 1), None
    if kind == "alpha":
        alpha = data.draw(st.sampled_from([255, 254, 0]))
        whole = np.dstack([colours, np.full(shape[:2], alpha, np.uint8)])
        return Image.fromarray(whole), coloured if alpha == 255 else None
    if kind == "1":
        return Image.fromarray(levels > 127), np.where(grey > 127, 255, 0).astype(np.uint8)
    return Image.fromarray(levels).quantize(256), grey


def place(data, root):
    """A path of an image, and its class and split: None where it is that of none."""
    split = data.draw(st.sampled_from(SPLITS))
    name = data.draw(st.sampled_from(["a", "b", ".c", "._a"]))
    folder = data.draw(st.sampled_from([*COLOURS, *COLOURS, "__MACOSX", ".tmp", "Red", ""]))
    suffix = data.draw(st.sampled_from(["png", "png", "PNG", "tif", "webp", "avif"]))
    return root / "tiny" / split / folder / f"{name}.{suffix}", folder, split


@bounded(max_examples=120)
@given(data=st.data())
def test_folders(tiny, data):
    shape = data.draw(st.sampled_from([GREY, COLOURED]))
    tiny(shape=shape)
    with tempfile.TemporaryDirectory() as folder:
        root, right, whole = Path(folder), {}, True
        for _ in range(data.draw(st.integers(0, 3))):
            path, name, split = place(data, root)
            image, expected = drawn_image(data, shape)
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = {".tif": "tiff", ".webp": "webp"}.get(path.suffix.lower(), "png")
            if kind == "webp" and image.mode not in ("RGB", "RGBA"):
                continue
            image.save(
                path, format=kind, **({"lossless": True, "exact": True} if kind == "webp" else {})
            )
            if kind == "png":  # of these alone the format has checksums
                content = path.read_bytes()
                path.write_bytes(damaged(content, data))
                whole &= path.read_bytes() == content
            hidden = path.name.startswith(".") or name in (".tmp", "__MACOSX")
            if not hidden:
                right[path] = (expected, name, split)
        found = outcome(root)
    good = all(
        path.suffix != ".avif" and name in COLOURS and expected is not None
        for path, (expected, name, _) in right.items()
    )
    assert isinstance(found, Counter) or not (right and good and whole), found
    if isinstance(found, Counter):
        assert good
        assert found == Counter((p.tobytes(), name, split) for p, name, split in right.values())
