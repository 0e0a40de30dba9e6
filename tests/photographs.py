"""Small photographs and files on disk, and data sets declared as small, for tests of layouts."""

import dataclasses
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from bench.datasets import dataset, get

RNG = np.random.default_rng(0)


def photograph(path: Path, width: int = 12, height: int = 9, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def write_mnist(
    folder: Path,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    prefix: str,
    *,
    dotted: bool = False,
    zipped: bool = False,
) -> None:
    """A split in MNIST's own format: (N, 28, 28) and (N,), plain or compressed."""
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


def redeclare(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    monkeypatch.setitem(dataset._datasets, name, dataclasses.replace(get(name), **changes))
