"""mnist: 70,000 handwritten digits, 28x28."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.fingerprint import pins
from bench.datasets.sources import Folder, Npz, Torchvision


def load(root: Path, split: str, download: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images (N, 28, 28) and labels from `<root>/MNIST/raw`."""
    from torchvision.datasets import MNIST

    data = MNIST(root, train=split == "train", download=download)
    return data.data.numpy(), data.targets.numpy()


torchvision = Torchvision(
    {
        "train": "MNIST/raw/train-images-idx3-ubyte",
        "test": "MNIST/raw/t10k-images-idx3-ubyte",
    },
    load,
)

register_dataset(
    Dataset(
        name="mnist",
        summary="70,000 handwritten digits, 28x28",
        shape=(28, 28, 1),
        counts={"train": 60_000, "test": 10_000},
        labels=tuple("0123456789"),
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio & Haffner 1998",
        how_to_get="`python -m bench data fetch mnist`",
        sources=(Npz(), Folder(), torchvision),
        fetch=torchvision.fetch,
        pins=pins("mnist"),
    )
)
