"""usps: 9,298 handwritten zip code digits, 16x16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.fingerprint import pins
from bench.datasets.sources import Folder, Npz, Torchvision


def load(root: Path, split: str, download: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images (N, 16, 16) and labels from `<root>/usps.bz2` or `usps.t.bz2`."""
    from torchvision.datasets import USPS

    data = USPS(root, train=split == "train", download=download)
    return data.data, np.asarray(data.targets)


# The two releases hold the same digits, but not the same pixels: LIBSVM's grey levels are
# smoothed, those of The Elements of Statistical Learning, which the pins describe, are not.
torchvision = Torchvision(
    {"train": "usps.bz2", "test": "usps.t.bz2"},
    load,
    note="LIBSVM's smoothed images, other pixels than the pinned release",
)

register_dataset(
    Dataset(
        name="usps",
        summary="9,298 handwritten zip code digits, 16x16",
        shape=(16, 16, 1),
        counts={"train": 7291, "test": 2007},
        labels=tuple("0123456789"),
        licence="none stated",
        citation="Hull 1994; Hastie, Tibshirani & Friedman, The Elements of Statistical Learning",
        how_to_get=(
            "`python -m bench data fetch usps` (LIBSVM's smoothed release), or a usps.npz of the "
            "original one in the data root"
        ),
        sources=(Npz(), Folder(), torchvision),
        fetch=torchvision.fetch,
        pins=pins("usps"),
    )
)
