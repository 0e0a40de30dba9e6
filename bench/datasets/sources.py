"""The layouts that datasets are read from: one .npz file, a folder of images, torchvision's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets import arrays, decode
from bench.datasets.dataset import Dataset, Raw
from bench.errors import BenchError

Loader = Callable[[Path, str, bool], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
LABEL = {"label": ("labels", "label_names")}


@dataclass(frozen=True)
class Npz:
    """`<root>/<name>.npz`: images (N, H, W) or (N, H, W, C), a key per column, never pickles.

    Labels and splits are whole numbers, (N,) or (N, 1), or text; nothing is rounded or cut.
    """

    columns: Mapping[str, tuple[str, str]] = field(default_factory=lambda: LABEL)
    """Column -> the keys of its values and of their names (which may be absent)."""

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """The file."""
        return [root / self.layout(dataset)]

    def layout(self, dataset: Dataset) -> str:
        """Its name."""
        return f"{dataset.name}.npz"

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that the file's split column holds."""
        path, names = root / self.layout(dataset), list(dataset.counts)
        if not path.is_file():
            return set()
        with arrays.opened(path) as content:
            if len(names) == 1:
                return {names[0]}
            return {names[value] for value in np.unique(_split(dataset, content, path)).tolist()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All arrays of the file."""
        path = root / self.layout(dataset)
        columns, names = {}, {}
        with arrays.opened(path) as content:
            images = arrays.images_of(arrays.member(content, "images", path), dataset.shape, path)
            for column, (key, names_key) in self.columns.items():
                values = arrays.member(content, key, path)
                known: tuple[str, ...] = dataset.labels if column == "label" else ()
                if names_key in content:
                    known = arrays.names_of(content[names_key], names_key, path)
                elif not known and values.dtype.kind in "US":
                    known = tuple(sorted(set(arrays.text_of(values.reshape(-1)))))
                columns[column] = arrays.numbers_of(values, known, len(images), key, path)
                if known:
                    names[column] = known
            if len(dataset.counts) > 1:
                columns[dataset.split_column] = _split(dataset, content, path, len(images))
                names[dataset.split_column] = tuple(dataset.counts)
        if dataset.labels and names.setdefault("label", dataset.labels) != dataset.labels:
            raise BenchError(
                f"{path}: 'label_names' starts {names['label'][:3]}, expected the "
                f"{len(dataset.labels)} names {dataset.labels[:3]}, …, in this order"
            )
        for column, known in names.items():
            values = columns[column]
            if values.size and not 0 <= values.min() <= values.max() < len(known):
                raise BenchError(
                    f"{path}: {column} holds {values.min()}..{values.max()}, expected "
                    f"0..{len(known) - 1}"
                )
        return Raw(images, columns, names)


def _split(
    dataset: Dataset, content: Any, path: Path, n: int | None = None
) -> npt.NDArray[np.int64]:
    """The number of each image's split."""
    key, names = dataset.split_column, tuple(dataset.counts)
    values = arrays.member(content, key, path)
    found = arrays.numbers_of(values, names, len(values) if n is None else n, key, path)
    if not set(known := np.unique(found).tolist()) <= set(range(len(names))):
        raise BenchError(
            f"{path}: '{key}' holds {known[:8]}, expected "
            + ", ".join(f"{i} ({name})" for i, name in enumerate(names))
        )
    return found


@dataclass(frozen=True)
class Folder:
    """`<root>/<base>/<split>/<class>/*.png`: image files in a folder per class.

    What they are read as, and what is refused, `bench.datasets.decode` says.
    """

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

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """All images, and the folders of the splits."""
        splits = [self._folder(dataset, root, split) for split in dataset.counts]
        return [
            *(folder for folder in splits if folder.is_dir()),
            *(path for _, _, path in self._images(dataset, root)),
        ]

    def layout(self, dataset: Dataset) -> str:
        """The pattern of its paths."""
        folders = [self.split_folders.get(split, split) for split in dataset.counts]
        split = folders[0] if len(folders) == 1 else f"{{{','.join(folders)}}}"
        return f"{self.base or dataset.name}/{split}/{'GROUP/' * (self.depth - 1)}CLASS/*.png"

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that have a folder."""
        return {split for split in dataset.counts if self._folder(dataset, root, split).is_dir()}

    def _images(self, dataset: Dataset, root: Path) -> Iterator[tuple[int, str, Path]]:
        """Number of the split, class and path of each image."""
        for index, split in enumerate(dataset.counts):
            folder = self._folder(dataset, root, split)
            classes = [folder]
            for _ in range(self.depth):
                classes = [inner for outer in classes for inner in decode.listed(outer)]
                for path in classes:
                    if path.suffix.lower() in decode.SUFFIXES and path.is_file():
                        raise BenchError(f"{path}: lies in the folder of no class")
            for inner in classes:
                name = inner.relative_to(folder).as_posix()
                yield from ((index, name, path) for path in decode.image_files(inner))

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All images; a class must bear one of the dataset's label names, if it declares any."""
        files = list(self._images(dataset, root))
        labels = dataset.labels or tuple(sorted({name for _, name, _ in files}))
        ids = {name: index for index, name in enumerate(labels)}
        for _, name, path in files:
            if name not in ids:
                raise BenchError(f"{path.parent}: '{name}' is no class of {dataset.name}")
        if not files:
            places = [self._folder(dataset, root, split) for split in self.splits(dataset, root)]
            kinds = ", ".join(sorted(decode.SUFFIXES))
            raise BenchError(f"{min(places)}: its folders hold no image ({kinds})")
        columns = {"label": [ids[name] for _, name, _ in files]}
        if len(dataset.counts) > 1:
            columns[dataset.split_column] = [index for index, _, _ in files]
        for column, value in self.from_stem.items():
            columns[column] = [value(path.stem) for _, _, path in files]
        return Raw(
            decode.read_all([path for _, _, path in files], dataset.shape),
            {column: np.array(values, dtype=np.int64) for column, values in columns.items()},
            {"label": labels, dataset.split_column: tuple(dataset.counts)},
        )


@dataclass(frozen=True)
class Torchvision:
    """The files that torchvision's own dataset classes keep under the data root."""

    markers: Mapping[str, str]
    """Split -> a path under the root that shows that the split is there."""
    load: Loader
    """(root, split, download) -> images and labels, through torchvision."""
    note: str = ""
    """`Raw.note` of what this source reads."""
    whole: tuple[str, ...] = ()
    """Paths under the root that must all be there before torchvision reads any split; by default
    the marker of a split is enough for it."""
    beside: tuple[str, ...] = ()
    """Further paths that are read, such as those of labels in files of their own."""

    def _markers(self, dataset: Dataset) -> list[str]:
        return [self.markers[split] for split in dataset.counts]

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """Those that are there."""
        named = (*self._markers(dataset), *self.whole, *self.beside)
        paths = (root / path for path in named)
        return [path for path in paths if path.exists()]

    def layout(self, dataset: Dataset) -> str:
        """The marker of each split."""
        return " and ".join(self._markers(dataset))

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits whose marker is there."""
        return {split for split in dataset.counts if (root / self.markers[split]).exists()}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All splits that are there."""
        if lacking := [path for path in self.whole if not (root / path).exists()]:
            raise BenchError(
                f"{root / lacking[0]} is missing, and {dataset.name} is read from all its files "
                f"together: {dataset.how_to_get}"
            )
        images, labels, splits = [], [], []
        for index, split in enumerate(dataset.counts):
            if split not in self.splits(dataset, root):
                continue
            try:
                pixels, classes = self.load(root, split, False)
            except FileNotFoundError as error:
                raise BenchError(
                    f"{error.filename} is missing, and {dataset.name} {split} is read with it: "
                    f"{dataset.how_to_get}"
                ) from error
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
