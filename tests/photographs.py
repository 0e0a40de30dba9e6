"""Small photographs on disk, and data sets declared as small, for the tests of their layouts."""

import dataclasses

import numpy as np
from PIL import Image

from bench.datasets import dataset, get

RNG = np.random.default_rng(0)


def photograph(path, width=12, height=9, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def redeclare(monkeypatch, name, **changes):
    monkeypatch.setitem(dataset._datasets, name, dataclasses.replace(get(name), **changes))
