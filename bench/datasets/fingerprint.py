"""Identity and order of images by content, whatever container they came in.

The pixel hash of an image orders it: hashes are as good as random, so neither the order nor the
first n images of it tell anything of the labels. A split's fingerprint is the hash of its sorted
records, each one image's pixels and the names of its column values.
"""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.tasks import Images, Ints

PINS = Path(__file__).with_name("fingerprints.toml")


def pixel_hashes(images: Images) -> list[bytes]:
    """SHA-256 of each image's size and pixels, for (N, height, width, channels)."""
    height, width, channels = images.shape[1:]
    size = f"{height}x{width}x{channels}:".encode()
    return [hashlib.sha256(size + image.tobytes()).digest() for image in images]


def records(
    hashes: Sequence[bytes], columns: Mapping[str, Ints], names: Mapping[str, Sequence[str]]
) -> list[bytes]:
    """SHA-256 of each image's pixel hash and its column values, by name where they have one."""
    texts = []
    for column in sorted(columns):
        known, values = names.get(column), columns[column].tolist()
        texts.append([f"{column}={known[value] if known else value}" for value in values])
    rows = zip(hashes, zip(*texts, strict=True), strict=True)
    return [hashlib.sha256(pixels + "\n".join(text).encode()).digest() for pixels, text in rows]


def canonical_order(hashes: Sequence[bytes], record_hashes: Sequence[bytes]) -> Ints:
    """The indices that sort images by pixel hash, int64, (N,).

    Identical images are told apart by their record's hash and not by their label: the order is
    the same from any container and still tells nothing.
    """
    key = list(zip(hashes, record_hashes, strict=True))
    return np.array(sorted(range(len(key)), key=key.__getitem__), dtype=np.int64)


def fingerprint(record_hashes: Iterable[bytes]) -> str:
    """Hexadecimal SHA-256 over the sorted records, the same for every order of the images."""
    return hashlib.sha256(b"".join(sorted(record_hashes))).hexdigest()


@functools.cache
def _pinned() -> dict[str, Any]:
    return tomllib.loads(PINS.read_text(encoding="utf-8"))


def pins(dataset: str) -> dict[str, str]:
    """Split -> fingerprint, as fingerprints.toml pins them."""
    return {k: v for k, v in _pinned().get(dataset, {}).items() if isinstance(v, str)}


def partials(dataset: str) -> dict[str, str]:
    """Fingerprint -> description of the known parts of a dataset's splits."""
    return dict(_pinned().get(dataset, {}).get("partial", {}))
