"""MNIST's own file format, plain or compressed, under the names that it goes about with."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, Raw
from bench.errors import BenchError


@dataclass(frozen=True)
class Idx:
    """Two files a split, such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz."""

    prefixes: Mapping[str, str]
    """Split -> how the names of its files begin."""
    folders: tuple[str, ...]
    """Where under the data root they may lie, the first that holds a file wins."""

    def layout(self, dataset: Dataset) -> str:
        """The pattern of their names."""
        start = f"{{{','.join(self.prefixes[split] for split in dataset.counts)}}}"
        return (
            f"{start}-images-idx3-ubyte and {start}-labels-idx1-ubyte, or these with .gz, in "
            + " or ".join(folder or "the data root itself" for folder in self.folders)
        )

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """Those that are there."""
        return [p for split in dataset.counts for p in self._pair(root, split) if p]

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits of which either file is there."""
        return {split for split in dataset.counts if any(self._pair(root, split))}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All splits that are there.

        Raises:
            BenchError: one of a split's two files is missing, or a file is damaged.
        """
        images, labels, splits = [], [], []
        for index, split in enumerate(dataset.counts):
            pair = self._pair(root, split)
            if not any(pair):
                continue
            for path, kind in zip(pair, ("images-idx3", "labels-idx1"), strict=True):
                if path is None:
                    there = next(p for p in pair if p)
                    raise BenchError(
                        f"{there.parent}: has no {self.prefixes[split]}-{kind}-ubyte or .gz to "
                        f"{there.name}: {dataset.how_to_get}"
                    )
            pixels, classes = (_array(path, dataset) for path in pair if path)
            if pixels.shape[1:] != dataset.shape[:2] or classes.shape != pixels.shape[:1]:
                raise BenchError(
                    f"{pair[0]}: holds {pixels.shape}, and {classes.shape} labels beside it, "
                    f"expected (N, {dataset.shape[0]}, {dataset.shape[1]}) and (N,)"
                )
            images.append(pixels[..., None])
            labels.append(classes.astype(np.int64))
            splits.append(np.full(len(classes), index, dtype=np.int64))
        return Raw(
            np.concatenate(images),
            {"label": np.concatenate(labels), dataset.split_column: np.concatenate(splits)},
            {"label": dataset.labels, dataset.split_column: tuple(dataset.counts)},
        )

    def _pair(self, root: Path, split: str) -> tuple[Path | None, Path | None]:
        """The files of images and labels, from the first folder that has one of them."""
        prefix = self.prefixes[split]
        for folder in self.folders:
            images, labels = (
                next(_there(root / folder, f"{prefix}-{kind}"), None)
                for kind in ("images", "labels")
            )
            if images or labels:
                return images, labels
        return None, None


def _there(folder: Path, name: str) -> Iterator[Path]:
    """A file under each of its names: the publisher's, Kaggle's (also in a folder of its name)."""
    rank = "idx3" if name.endswith("images") else "idx1"
    plain, dotted = f"{name}-{rank}-ubyte", f"{name}.{rank}-ubyte"
    for path in (folder / plain, folder / dotted, folder / plain / plain, folder / dotted / dotted):
        for one in (path, path.with_name(f"{path.name}.gz")):
            if one.is_file():
                yield one


def _array(path: Path, dataset: Dataset) -> npt.NDArray[np.uint8]:
    """The array of one file.

    Raises:
        BenchError: it is damaged; a whole one begins with 0 0 8, its rank and its sizes.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        rank = content[3] if content[:3] == b"\0\0\x08" else 0
        shape = tuple(np.frombuffer(content, ">u4", rank, 4).tolist())
        data = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
        if rank not in (1, 3) or data.size != math.prod(shape):
            raise ValueError(f"{data.size} bytes for an array of {shape or 'another type'}")
        return data.reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise BenchError(
            f"{path}: damaged or no file of {dataset.name} ({error}): fetch it again"
        ) from error
