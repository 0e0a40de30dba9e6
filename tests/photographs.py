"""Small photographs on disk, and data sets declared as small, for the tests of their layouts."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.datasets import dataset, get

RNG = np.random.default_rng(0)


def photograph(path: Path, width: int = 12, height: int = 9, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def redeclare(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    monkeypatch.setitem(dataset._datasets, name, dataclasses.replace(get(name), **changes))
