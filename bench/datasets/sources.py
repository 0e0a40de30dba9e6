"""The layouts that datasets are read from: one .npz file, a folder of images, torchvision's own."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, Raw
from bench.errors import BenchError
from bench.tasks import Images

Loader = Callable[[Path, str, bool], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
SUFFIXES = {".png", ".jpg", ".jpeg"}
LABEL = {"label": ("labels", "label_names")}


@dataclass(frozen=True)
class Npz:
    """`<root>/<name>.npz`: images (N, H, W) or (N, H, W, C), a key per column, never pickles."""

    columns: Mapping[str, tuple[str, str]] = field(default_factory=lambda: LABEL)
    """Column -> the keys of its values and of their names (which may be absent)."""

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that the file's split column holds."""
        path = root / f"{dataset.name}.npz"
        if not path.is_file():
            return set()
        with _opened(path) as arrays:
            names = list(dataset.counts)
            if len(names) == 1:
                return {names[0]}
            values = np.unique(_member(arrays, dataset.split_column, path))
            if not set(values.tolist()) <= set(range(len(names))):
                raise BenchError(
                    f"{path}: '{dataset.split_column}' holds {values.tolist()}, expected "
                    + ", ".join(f"{i} ({name})" for i, name in enumerate(names))
                )
            return {names[value] for value in values}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All arrays of the file."""
        path = root / f"{dataset.name}.npz"
        columns, names = {}, {}
        with _opened(path) as arrays:
            images = _member(arrays, "images", path)
            for column, (values, value_names) in self.columns.items():
                columns[column] = _member(arrays, values, path).astype(np.int64)
                if value_names in arrays:
                    names[column] = tuple(str(name) for name in arrays[value_names])
            if len(dataset.counts) > 1:
                split = _member(arrays, dataset.split_column, path)
                columns[dataset.split_column] = split.astype(np.int64)
                names[dataset.split_column] = tuple(dataset.counts)
        if dataset.labels and names.setdefault("label", dataset.labels) != dataset.labels:
            raise BenchError(
                f"{path}: 'label_names' starts {names['label'][:3]}, expected the "
                f"{len(dataset.labels)} names {dataset.labels[:3]}, …, in this order"
            )
        return Raw(images if images.ndim == 4 else images[..., None], columns, names)


def _member(arrays: Any, key: str, path: Path) -> npt.NDArray[Any]:
    if key not in arrays:
        raise BenchError(f"{path}: has no array '{key}', only {', '.join(arrays)}")
    return np.asarray(arrays[key])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file's arrays; whatever is wrong with it becomes one sentence."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise BenchError(f"{path}: damaged or no .npz file ({error}): fetch it again") from error


@dataclass(frozen=True)
class Folder:
    """`<root>/<base>/<split>/<class>/*.png`: PNG or JPEG images in a folder per class."""

    base: str = ""
    """Folder under the data root; the dataset's name if empty."""
    split_folders: Mapping[str, str] = field(default_factory=dict)
    """Split -> its folder's name, where that is not the split's own."""
    depth: int = 1
    """2: a class is a folder in a folder, such as Greek/character01."""
    from_stem: Mapping[str, Callable[[str], int]] = field(default_factory=dict)
    """Column -> its value, read from a file's name."""

    def _folder(self, dataset: Dataset, root: Path, split: str) -> Path:
        return root / (self.base or dataset.name) / self.split_folders.get(split, split)

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that have a folder."""
        return {split for split in dataset.counts if self._folder(dataset, root, split).is_dir()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All images; a class must bear one of the dataset's label names, if it declares any."""
        files: list[tuple[int, str, Path]] = []
        for index, split in enumerate(dataset.counts):
            folder = self._folder(dataset, root, split)
            for path in sorted(folder.glob("*/" * self.depth + "*")):
                if path.suffix.lower() in SUFFIXES:
                    files.append((index, path.parent.relative_to(folder).as_posix(), path))
        labels = dataset.labels or tuple(sorted({name for _, name, _ in files}))
        ids = {name: index for index, name in enumerate(labels)}
        for _, name, path in files:
            if name not in ids:
                raise BenchError(f"{path.parent}: '{name}' is no class of {dataset.name}")
        columns = {"label": [ids[name] for _, name, _ in files]}
        if len(dataset.counts) > 1:
            columns[dataset.split_column] = [index for index, _, _ in files]
        for column, value in self.from_stem.items():
            columns[column] = [value(path.stem) for _, _, path in files]
        return Raw(
            _read_images([path for _, _, path in files], dataset.shape),
            {column: np.array(values, dtype=np.int64) for column, values in columns.items()},
            {"label": labels, dataset.split_column: tuple(dataset.counts)},
        )


def _read_images(paths: list[Path], shape: tuple[int, int, int]) -> Images:
    """uint8, (N, *shape), from files of exactly that size."""
    from PIL import Image

    images = np.empty((len(paths), *shape), dtype=np.uint8)
    for row, path in zip(images, paths, strict=True):
        try:
            with Image.open(path) as file:
                pixels = np.asarray(file.convert("L" if shape[2] == 1 else "RGB"))
        except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all three
            raise BenchError(f"{path}: damaged or no image ({error}): fetch it again") from error
        if pixels.shape[:2] != shape[:2]:
            raise BenchError(
                f"{path}: is {pixels.shape[1]} by {pixels.shape[0]} pixels, expected "
                f"{shape[1]} by {shape[0]}"
            )
        row[...] = pixels.reshape(shape)
    return images


@dataclass(frozen=True)
class Torchvision:
    """The files that torchvision's own dataset classes keep under the data root."""

    markers: Mapping[str, str]
    """Split -> a path under the root that shows that the split is there."""
    load: Loader
    """(root, split, download) -> images and labels, through torchvision."""
    note: str = ""
    """`Raw.note` of what this source reads."""

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits whose marker is there."""
        return {split for split in dataset.counts if (root / self.markers[split]).exists()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All splits that are there."""
        images, labels, splits = [], [], []
        for index, split in enumerate(dataset.counts):
            if split not in self.splits(dataset, root):
                continue
            try:
                pixels, classes = self.load(root, split, False)
            # torchvision signals a damaged file by RuntimeError, AssertionError, struct.error, …
            except Exception as error:
                path = root / self.markers[split]
                raise BenchError(
                    f"{path}: torchvision cannot read {dataset.name} {split} ({error}): delete "
                    "the files and fetch them again"
                ) from error
            images.append(pixels.reshape(len(pixels), *dataset.shape))
            labels.append(np.asarray(classes, dtype=np.int64))
            splits.append(np.full(len(pixels), index, dtype=np.int64))
        return Raw(
            np.concatenate(images),
            {"label": np.concatenate(labels), dataset.split_column: np.concatenate(splits)},
            {"label": dataset.labels, dataset.split_column: tuple(dataset.counts)},
            self.note,
        )

    def fetch(self, root: Path) -> None:
        """Download every split."""
        for split in self.markers:
            self.load(root, split, True)
