"""voc07: PASCAL VOC2007, photographs that show one or more of twenty kinds of objects.

Both archives are unpacked into one folder, as torchvision's VOCDetection does it:

    <root>/VOCdevkit/VOC2007/JPEGImages/000005.jpg
    <root>/VOCdevkit/VOC2007/ImageSets/Main/trainval.txt          "000005" a line
    <root>/VOCdevkit/VOC2007/ImageSets/Main/chair_trainval.txt    "000005  1" a line

What is in an image is read from the lists of each class: 1 present, -1 absent, 0 present but
marked as difficult. They are what VOC's own evaluation of classification reads. The XML files in
Annotations hold boxes, from which the same would follow only by a rule (difficult where every box
of the class is); they are not read and need not be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets import photographs
from bench.datasets.cache import cache_root
from bench.datasets.dataset import Dataset, Raw, register_dataset
from bench.datasets.parts import SIGNS
from bench.errors import BenchError

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_VALUES = {"-1": 0, "0": 1, "1": 2}
"""What a list says of an image -> its place in `SIGNS`."""


@dataclass(frozen=True)
class Devkit:
    """A year's folder of VOC's development kit."""

    folder: str = "VOCdevkit/VOC2007"
    """Under the data root."""

    def list_of(self, root: Path, name: str) -> Path:
        """Where a list such as "trainval" or "chair_test" lies."""
        return root / self.folder / "ImageSets" / "Main" / f"{name}.txt"

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """Its lists, and the folder of its photographs."""
        lists = [
            self.list_of(root, name)
            for split in dataset.counts
            for name in (split, *(f"{label}_{split}" for label in dataset.labels))
        ]
        images = root / self.folder / "JPEGImages"
        return [path for path in (*lists, images) if path.exists()]

    def layout(self, dataset: Dataset) -> str:
        """Where its lists lie."""
        return " and ".join(str(self.list_of(Path(), split)) for split in dataset.counts)

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits whose list of images is there."""
        return {split for split in dataset.counts if self.list_of(root, split).is_file()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """The images of those splits, and for each class a column that holds what `SIGNS` names.

        Raises:
            BenchError: a list is missing, has a malformed line or not the images of its split, or
                an image is missing or damaged.
        """
        there = self.splits(dataset, root)
        split_names = tuple(dataset.counts)
        paths: list[Path] = []
        columns: dict[str, list[int]] = {name: [] for name in (*dataset.labels, "split")}
        for split in (name for name in split_names if name in there):
            images = self._images(root, split)
            paths += [root / self.folder / "JPEGImages" / f"{name}.jpg" for name in images]
            columns["split"] += [split_names.index(split)] * len(images)
            for name in dataset.labels:
                columns[name] += self._values(root, f"{name}_{split}", images)
        return Raw(
            photographs.squares(paths, cache_root(root), as_published=True),
            {name: np.array(values, dtype=np.int64) for name, values in columns.items()},
            {"split": split_names, **dict.fromkeys(dataset.labels, SIGNS)},
        )

    def _images(self, root: Path, split: str) -> list[str]:
        """The images of a split, each named once."""
        path = self.list_of(root, split)
        images = _lines(path)
        for number, name in enumerate(images, start=1):
            if len(name.split()) != 1 or "/" in name:
                raise BenchError(f"{path}, line {number}: '{name}' is no name of an image: 000005")
        if not images or len(set(images)) != len(images):
            raise BenchError(f"{path}: must name images, each once: unpack VOC2007 again")
        return images

    def _values(self, root: Path, name: str, images: list[str]) -> list[int]:
        """What the list of a class says of each image."""
        path, found = self.list_of(root, name), dict[str, int]()
        for number, line in enumerate(_lines(path), start=1):
            words = line.split()
            if len(words) != 2 or words[1] not in _VALUES:
                raise BenchError(
                    f"{path}, line {number}: '{line}' is no image with 1 (present), -1 (absent) or "
                    "0 (difficult)"
                )
            if words[0] in found:
                raise BenchError(
                    f"{path}, line {number}: has the image '{words[0]}' a second time: unpack "
                    "VOC2007 again"
                )
            found[words[0]] = _VALUES[words[1]]
        if strange := sorted(found.keys() ^ set(images)):
            split = self.list_of(root, name.rpartition("_")[2])
            lacking = "lacks" if strange[0] in images else "has"
            raise BenchError(
                f"{path}: {lacking} the image '{strange[0]}', unlike {split.name} beside it: "
                "unpack VOC2007 again"
            )
        return [found[image] for image in images]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError as error:
        raise BenchError(
            f"{path}: cannot be read ({error.strerror}): unpack VOC2007 again"
        ) from error


def _fetch(root: Path) -> None:
    from torchvision.datasets import VOCDetection

    for split in ("trainval", "test"):
        VOCDetection(str(root), year="2007", image_set=split, download=True)


register_dataset(
    Dataset(
        name="voc07",
        summary="PASCAL VOC2007, photographs of 20 kinds of objects, often several, 256x256",
        shape=photographs.SHAPE,
        counts={"trainval": 5011, "test": 4952},
        labels=CLASSES,
        licence="flickr terms of use",
        citation="Everingham, Van Gool, Williams, Winn & Zisserman 2010, The Pascal Visual Object "
        "Classes (VOC) Challenge",
        how_to_get=(
            "run `python -m bench data fetch voc07`, or unpack VOCtrainval_06-Nov-2007.tar and "
            "VOCtest_06-Nov-2007.tar of http://host.robots.ox.ac.uk/pascal/VOC/voc2007 into "
            "DATA_ROOT"
        ),
        sources=(Devkit(),),
        fetch=_fetch,
    )
)
