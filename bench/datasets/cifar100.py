"""cifar100: 60,000 photographs of 100 classes in 20 groups, 32x32."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, Raw, register_dataset
from bench.datasets.fingerprint import pins
from bench.datasets.sources import Folder, Npz, Torchvision

FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

COARSE = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
household_furniture insects large_carnivores large_man-made_outdoor_things
large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals
non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""

# The group of each class, in the order of FINE: torchvision and image folders do not tell it.
COARSE_OF_FINE = """
4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7 6 13 15 3 15 0 11 1 10 12 14 16 9 11 5
5 19 8 8 15 13 14 17 18 10 16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16 12 9
13 15 13 16 19 2 4 6 19 5 5 8 19 18 1 2 15 6 0 17 8 14 13
"""


def load(root: Path, split: str, download: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Images (N, 32, 32, 3) and fine labels from `<root>/cifar-100-python`.

    Pickles, unpickled by torchvision only after their MD5 was found right; see cifar10.load.
    """
    from torchvision.datasets import CIFAR100

    data = CIFAR100(root, train=split == "train", download=download)
    return data.data, np.asarray(data.targets)


def add_coarse(raw: Raw) -> Raw:
    """Add the column "coarse", 0..19."""
    groups = np.array(COARSE_OF_FINE.split(), dtype=np.int64)
    return dataclasses.replace(
        raw,
        columns={**raw.columns, "coarse": groups[raw.columns["label"]]},
        names={**raw.names, "coarse": tuple(COARSE.split())},
    )


FILES = {"train": "cifar-100-python/train", "test": "cifar-100-python/test"}
torchvision = Torchvision(FILES, load, whole=tuple(FILES.values()))

register_dataset(
    Dataset(
        name="cifar100",
        summary="60,000 photographs of 100 classes in 20 groups, 32x32",
        shape=(32, 32, 3),
        counts={"train": 50_000, "test": 10_000},
        labels=tuple(FINE.split()),
        licence="none stated",
        citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        how_to_get="`python -m bench data fetch cifar100`",
        sources=(Npz(), Folder(), torchvision),
        fetch=torchvision.fetch,
        complete=add_coarse,
        pins=pins("cifar100"),
    )
)
