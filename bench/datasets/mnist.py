"""mnist: 70,000 handwritten digits, 28x28."""

from __future__ import annotations

from pathlib import Path

from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.fingerprint import pins
from bench.datasets.idx import Idx
from bench.datasets.sources import Folder, Npz


def fetch(root: Path) -> None:
    """Download the four files into `<root>/MNIST/raw`."""
    from torchvision.datasets import MNIST

    MNIST(root, download=True)


idx = Idx({"train": "train", "test": "t10k"}, ("MNIST/raw", "MNIST", "mnist", ""))

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
        sources=(Npz(), Folder(), idx),
        fetch=fetch,
        pins=pins("mnist"),
    )
)
