"""Photographs of many sizes, prepared as squares of one size.

The shorter side is resized to 256 pixels and the middle 256 by 256 are kept, 196,608 bytes an
image; crops of 224 pixels are cut out of that later, in whole batches. Preparing decodes each file
once and takes twice the space of the result for a while, but little memory.

Data sets that papers measured on are read `as_published`: as loaders read them that neither turn a
photograph as its EXIF data say nor look at transparency. All others are read as
`bench.datasets.decode` says.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import decode
from bench.datasets.cache import cache_root, unwritable
from bench.datasets.dataset import Dataset, Raw
from bench.errors import BenchError
from bench.tasks import Images

SIDE = 256
SHAPE = (SIDE, SIDE, 3)
_BLOCK = 256
"""Photographs decoded at a time."""

Named = tuple[Path, str]
"""A photograph's file and the name of its class."""


@dataclass(frozen=True)
class Photographs:
    """A source whose images lie under the data root, a folder or list of files for each split."""

    marker: Callable[[Path, str], Path]
    """(data root, split) -> what shows that the split is there."""
    listing: Callable[[Path, str], list[Named]]
    """(data root, split) -> its photographs; raises BenchError, which names what is at fault."""
    as_published: bool = False
    where: str = ""
    """What `layout` says."""
    beside: tuple[str, ...] = ()
    """Further files that are read and folders of photographs, under the root."""

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """Each split's marker, what is read beside them, and the folders of photographs."""
        markers = [self.marker(root, split) for split in self.splits(dataset, root)]
        beside = [path for name in self.beside if (path := root / name).exists()]
        places = [*markers, *beside]
        return [*places, *(folder for place in places for folder in folders(place))]

    def layout(self, dataset: Dataset) -> str:
        """Where its photographs lie."""
        return self.where or " and ".join(
            self.marker(Path(), split).as_posix() for split in dataset.counts
        )

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits whose marker is there."""
        return {split for split in dataset.counts if self.marker(root, split).exists()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All photographs of those splits, as squares."""
        there = self.splits(dataset, root)
        files = {split: self.listing(root, split) for split in dataset.counts if split in there}
        return read(dataset, root, files, as_published=self.as_published)


def folders(folder: Path) -> list[Path]:
    """The folders in a folder."""
    return [path for path in decode.listed(folder) if path.is_dir()]


def in_folders(folder: Path, classes: Iterable[str] | None = None) -> list[Named]:
    """`<folder>/<class>/*.jpg`: image files, the class named as its folder.

    Args:
        folder: Of a split.
        classes: Those to list; all by default.
    """
    names = [path.name for path in folders(folder)] if classes is None else classes
    return [(path, name) for name in names for path in decode.image_files(folder / name)]


def read(
    dataset: Dataset,
    root: Path,
    files: Mapping[str, Sequence[Named]],
    *,
    as_published: bool = False,
) -> Raw:
    """Images, labels and splits from lists of files.

    Args:
        dataset: Whose classes are numbered as it names them, or in the order of their names.
        root: The data root, under whose cache the squares lie while they are read.
        files: Split -> photographs.
        as_published: As of `squares`.

    Raises:
        BenchError: an unknown class, no photographs at all, or a file that is none.
    """
    labels = dataset.labels or tuple(
        sorted({name for found in files.values() for _, name in found})
    )
    ids = {name: index for index, name in enumerate(labels)}
    paths, numbers, splits = [], [], []
    for index, split in enumerate(dataset.counts):
        for path, name in files.get(split, ()):
            if name not in ids:
                raise BenchError(f"{path}: '{name}' is no class of {dataset.name}")
            paths.append(path)
            numbers.append(ids[name])
            splits.append(index)
    if not paths:
        raise BenchError(f"{dataset.name} under {root}: its folders hold no image file")
    columns = {"label": np.array(numbers, dtype=np.int64)}
    if len(dataset.counts) > 1:
        columns[dataset.split_column] = np.array(splits, dtype=np.int64)
    names = {"label": labels, dataset.split_column: tuple(dataset.counts)}
    found = squares(paths, cache_root(root), as_published=as_published)
    return Raw(found, columns, names)


def squares(paths: Sequence[Path], folder: Path, *, as_published: bool = False) -> Images:
    """The middle square of each photograph.

    Args:
        paths: At least one file.
        folder: On a disk with room for 196,608 bytes an image.
        as_published: Whatever a file holds becomes RGB as Pillow does it, and none is turned.

    Returns:
        uint8, (N, 256, 256, 3), mapped to a nameless file that goes when nobody holds the array.

    Raises:
        BenchError: a file is damaged or no image, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            # Space that lacks is an error here, and would be a crash when the map is written to.
            os.posix_fallocate(file.fileno(), 0, len(paths) * SIDE * SIDE * 3)
            images = np.memmap(file, np.uint8, "r+", shape=(len(paths), *SHAPE))
    except OSError as error:
        raise unwritable(folder, error) from error
    square = _square_as_published if as_published else _square
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), _BLOCK):
            block = pool.map(square, paths[start : start + _BLOCK])
            for row, pixels in zip(images[start : start + _BLOCK], block, strict=True):
                row[...] = pixels
    return images


def _square_as_published(path: Path) -> Images:
    with decode.Opened(path) as file:
        return _middle(file.as_rgb())


def _square(path: Path) -> Images:
    from PIL import Image

    with decode.Opened(path) as file:
        found = file.eight_bits(file.upright())
        return _middle(Image.fromarray(found).convert("RGB"))


def _middle(whole: Any) -> Images:
    """The middle of an RGB image whose shorter side is resized to `SIDE`."""
    from torchvision.transforms import functional

    return np.asarray(functional.center_crop(functional.resize(whole, SIDE), SIDE))
