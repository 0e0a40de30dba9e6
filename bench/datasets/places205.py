"""places205: photographs of 205 kinds of scenes, on which Zhang et al. and SeLa probe networks.

Both archives are unpacked side by side, in the layout that they have (torchvision's own Places
are the later 365 classes, another data set):

    <root>/places205/trainvalsplit_places205/train_places205.csv     "a/abbey/gsun_0.jpg 0" a line
    <root>/places205/trainvalsplit_places205/val_places205.csv
    <root>/places205/data/vision/torralba/deeplearning/images256/a/abbey/gsun_0.jpg
"""

from __future__ import annotations

from pathlib import Path

from bench.datasets import photographs
from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.sources import Npz
from bench.errors import BenchError

IMAGES = "data/vision/torralba/deeplearning/images256"
CLASSES = tuple(f"{number:03d}" for number in range(205))
"""The lists number the scenes; their names are in the paths alone."""


def list_of(root: Path, split: str) -> Path:
    """The list of a split's photographs."""
    return root / "places205" / "trainvalsplit_places205" / f"{split}_places205.csv"


def listing(root: Path, split: str) -> list[photographs.Named]:
    """The photographs of a split, each with the number of its scene as "000" to "204".

    Raises:
        BenchError: a line of the list is no path and number, or there are no images to it.
    """
    path, folder, found = list_of(root, split), root / "places205" / IMAGES, []
    if not folder.is_dir():
        raise BenchError(
            f"{folder}: no such folder: unpack imagesPlaces205_resize.tar.gz in {root}/places205"
        )
    for number, line in enumerate(
        path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
    ):
        name, _, scene = line.strip().rpartition(" ")
        if not name or not scene.isdecimal() or int(scene) >= len(CLASSES):
            raise BenchError(
                f"{path}, line {number}: '{line}' is no image's path and the number of a scene, "
                f"0..{len(CLASSES) - 1}"
            )
        found.append((folder / name, CLASSES[int(scene)]))
    return found


register_dataset(
    Dataset(
        name="places205",
        summary="photographs of 205 kinds of scenes, 256x256",
        shape=photographs.SHAPE,
        counts={"train": 0, "val": 0},
        labels=CLASSES,
        licence="research and teaching only",
        citation="Zhou, Lapedriza, Xiao, Torralba & Oliva 2014, Learning Deep Features for Scene "
        "Recognition using Places Database",
        how_to_get=(
            "unpack trainvalsplit_places205.tar.gz and imagesPlaces205_resize.tar.gz of "
            "http://places.csail.mit.edu into DATA_ROOT/places205"
        ),
        sources=(Npz(), photographs.Photographs(list_of, listing, as_published=True)),
        on_request="485 GB, and as much again for a while",
    )
)
