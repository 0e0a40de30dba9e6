"""svhn: 99,289 cropped house number digits, 32x32 (without the extra split)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.fingerprint import partials, pins
from bench.datasets.sources import Folder, Npz, Torchvision


def load(root: Path, split: str, download: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images (N, 32, 32, 3) and labels, 10 read as 0, from `<root>/<split>_32x32.mat`."""
    from torchvision.datasets import SVHN

    data = SVHN(root, split=split, download=download)
    return data.data.transpose(0, 2, 3, 1), data.labels


torchvision = Torchvision({"train": "train_32x32.mat", "test": "test_32x32.mat"}, load)

register_dataset(
    Dataset(
        name="svhn",
        summary="99,289 photographed house number digits, 32x32",
        shape=(32, 32, 3),
        counts={"train": 73_257, "test": 26_032},
        labels=tuple("0123456789"),
        licence="non-commercial use only",
        citation="Netzer et al. 2011, Reading Digits in Natural Images",
        how_to_get="`python -m bench data fetch svhn`",
        sources=(Npz(), Folder(), torchvision),
        fetch=torchvision.fetch,
        pins=pins("svhn"),
        partials=partials("svhn"),
    )
)
