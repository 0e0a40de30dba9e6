"""cifar10: 60,000 photographs of ten classes, 32x32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.fingerprint import pins
from bench.datasets.sources import Folder, Npz, Torchvision

NAMES = "airplane automobile bird cat deer dog frog horse ship truck"


def load(root: Path, split: str, download: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images (N, 32, 32, 3) and labels from `<root>/cifar-10-batches-py`.

    The official files are pickles. torchvision compares each one's MD5 with the published value
    before it unpickles it, and refuses any other file; nothing else here is ever unpickled.
    """
    from torchvision.datasets import CIFAR10

    data = CIFAR10(root, train=split == "train", download=download)
    return data.data, np.asarray(data.targets)


FILES = tuple(f"cifar-10-batches-py/data_batch_{n}" for n in range(1, 6))
TEST = "cifar-10-batches-py/test_batch"
torchvision = Torchvision({"train": FILES[0], "test": TEST}, load, whole=(*FILES, TEST))

register_dataset(
    Dataset(
        name="cifar10",
        summary="60,000 photographs of 10 classes, 32x32",
        shape=(32, 32, 3),
        counts={"train": 50_000, "test": 10_000},
        labels=tuple(NAMES.split()),
        licence="none stated",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        how_to_get="`python -m bench data fetch cifar10`",
        sources=(Npz(), Folder(), torchvision),
        fetch=torchvision.fetch,
        pins=pins("cifar10"),
    )
)
