"""A dataset of 20 + 10 images of 4 by 5 pixels, for the tests of bench.datasets."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.datasets import Dataset, Folder, Npz, dataset, task_specs

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 1), dtype=np.uint8)
LABELS = np.arange(30) % 3
SPLIT = np.repeat([0, 1], [20, 10])
COLOURS = ("blue", "green", "red")


def declare(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Register it as "tiny", without a shared cache; `changes` replace parts of the declaration."""
    monkeypatch.delenv("BENCH_CACHE", raising=False)
    declared = Dataset(
        name="tiny",
        summary="",
        shape=(4, 5, 1),
        counts={"train": 20, "test": 10},
        labels=COLOURS,
        licence="",
        citation="",
        how_to_get="`python -m bench data fetch tiny`",
        sources=(Npz(), Folder()),
    )
    monkeypatch.setitem(dataset._datasets, "tiny", dataclasses.replace(declared, **changes))


def forgetting(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Declare it in a registry that the test may write to; gives back `declare`."""
    monkeypatch.setattr(dataset, "_datasets", dict(dataset._datasets))
    monkeypatch.setattr(task_specs, "_tasks", dict(task_specs._tasks))
    monkeypatch.setattr(task_specs, "_waiting", set())
    declare(monkeypatch)
    return functools.partial(declare, monkeypatch)


def without(meta: Path, *names: str) -> None:
    """Make a meta.json one from before it held these, and checksums."""
    gone = {*names, "checksum", "sha256"}
    kept = {k: v for k, v in json.loads(meta.read_text()).items() if k not in gone}
    meta.write_text(json.dumps(kept))


def write_npz(root: Path, keep: slice = slice(None), **changes: Any) -> None:
    arrays: dict[str, Any] = {
        "images": PIXELS[keep], "labels": LABELS[keep].astype(np.int16),
        "split": SPLIT[keep].astype(np.int8), "label_names": np.array(COLOURS),
    } | changes  # fmt: skip
    np.savez(root / "tiny.npz", **arrays)


def write_folders(root: Path) -> None:
    for i, (image, label, split) in enumerate(zip(PIXELS, LABELS, SPLIT, strict=True)):
        folder = root / "tiny" / ("train", "test")[split] / COLOURS[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{i}.png")
