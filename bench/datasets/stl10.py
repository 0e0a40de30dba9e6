"""stl10: 13,000 labelled photographs of ten classes, 96x96; the unlabelled ones are not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.sources import Folder, Npz, Torchvision

NAMES = "airplane bird car cat deer dog horse monkey ship truck"
PIXELS = (3, 96, 96)
"""How the binary file holds an image: channels, then columns, then rows."""


def load(root: Path, split: str, download: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images (N, 96, 96, 3) and labels from `<root>/stl10_binary/<split>_X.bin` and `_y.bin`.

    Read here rather than by torchvision, which asks for the 2.5 GB of unlabelled images as well.
    """
    if download:
        from torchvision.datasets import STL10

        STL10(root, split=split, download=True)
    folder = root / "stl10_binary"
    pixels = np.fromfile(folder / f"{split}_X.bin", np.uint8).reshape(-1, *PIXELS)
    labels = np.fromfile(folder / f"{split}_y.bin", np.uint8).astype(np.int64) - 1
    return pixels.transpose(0, 3, 2, 1), labels


torchvision = Torchvision(
    {"train": "stl10_binary/train_X.bin", "test": "stl10_binary/test_X.bin"},
    load,
    beside=("stl10_binary/train_y.bin", "stl10_binary/test_y.bin"),
)

register_dataset(
    Dataset(
        name="stl10",
        summary="13,000 photographs of 10 classes, 96x96 (without the unlabelled ones)",
        shape=(96, 96, 3),
        counts={"train": 5000, "test": 8000},
        labels=tuple(NAMES.split()),
        licence="none stated",
        citation="Coates, Lee & Ng 2011, An Analysis of Single-Layer Networks",
        how_to_get="`python -m bench data fetch stl10`",
        sources=(Npz(), Folder(), torchvision),
        fetch=torchvision.fetch,
    )
)
