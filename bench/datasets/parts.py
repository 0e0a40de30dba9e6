"""Parts of datasets: the images that a task names, as files that a worker can map.

Images and labels lie in separate files, so that a worker opens only images.npy where labels are
hidden from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import checksums
from bench.datasets.cache import Content, Rows, cache_root, locked, read_meta, write_folder
from bench.datasets.dataset import get
from bench.datasets.prepare import Prepared, kept, prepare
from bench.datasets.turned import turned
from bench.errors import BenchError, Unavailable, unknown
from bench.tasks import Ints, Signs

SIGNS = ("absent", "difficult", "present")
"""Names of a class column's values 0, 1, 2, which become labels -1, 0, 1."""


@dataclass(frozen=True)
class Part:
    """Some images of a dataset, in canonical order, with one column as their labels.

    Labels are renumbered 0..n_classes-1 in ascending order of the column's values.
    """

    dataset: str
    split: str | None = None
    """None: all splits together."""
    where: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    """Column -> the values to keep, by number or by name."""
    label: str = "label"
    half: int | None = None
    """0 or 1: the first or second half of them in canonical order, a fixed split by content for
    a dataset that has none."""
    keep: Mapping[int, float] = field(default_factory=dict)
    """Label -> the share of its images that is kept, > 0, the first in canonical order: a uniform
    sample that no seed draws, to unbalance classes."""

    classes: tuple[str, ...] = ()
    """Columns in place of one label, of images that may be of many classes: each holds what
    `SIGNS` names, and the labels are int8 (n, len(classes))."""
    versions: int = 1
    """Of each image, every one with classes of its own: 4 quarter turns, or 8 with their mirror
    images (`bench.datasets.turned`); for a labelled source or auxiliary set."""

    def splits(self) -> tuple[str, ...]:
        """The splits of the dataset that it reads.

        Raises:
            BenchError: there is no such dataset or split.
        """
        known = get(self.dataset).counts
        if self.split is not None and self.split not in known:
            raise unknown(f"split of {self.dataset}", self.split, known)
        return (self.split,) if self.split else tuple(known)


@dataclass(frozen=True)
class PartFiles:
    """A part on disk: images.npy, uint8 (n, H, W, C), and labels.npy, int64 (n,).

    Labels of a part with `classes` are int8 (n, n_classes). The folder is called after the part's
    fingerprint.
    """

    images: Path
    labels: Path
    n: int
    n_classes: int
    """Those of the part as declared, before any limit."""
    partial: str = ""
    """What its data set lacks, `Prepared.partial`."""


def part_fingerprint(part: Part, known: Mapping[str, str], limit: int | None = None) -> str:
    """Hash of the declaration and of the data it reads, known without reading any images.

    Args:
        part: What is declared.
        known: Split of its data set -> fingerprint.
        limit: As of `materialise`.

    Returns:
        "" when it cannot be known: a split is neither prepared nor pinned.
    """
    if any(split not in known for split in part.splits()):
        return ""
    declared = {**vars(part), "where": dict(part.where), "keep": sorted(part.keep.items())}
    if not part.keep:
        del declared["keep"]  # as it was before parts could be thinned out
    if not part.classes:
        del declared["classes"]  # as it was before images could be of many classes
    if part.versions == 1:
        del declared["versions"]  # as it was before images could be turned
    identity = {
        "part": declared,
        "data": {split: known[split] for split in part.splits()},
        "limit": limit,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def materialise(part: Part, root: Path, *, limit: int | None = None) -> PartFiles:
    """The part's files, made now if they are not there yet.

    Args:
        part: What to select.
        root: The data root.
        limit: Keep only the first `limit` images in canonical order, which are a uniform sample
            since that order is by hash.

    Raises:
        Unavailable: the dataset or a split of it is not there.
        BenchError: the part names an unknown column or value, selects nothing, or a file is
            damaged.
    """
    # What is prepared is taken as it is: `make_ready` or `prepare` looked whether it is current,
    # and a cell is to have the data that it was planned with.
    prepared = kept(part.dataset, root)
    if prepared is None or not set(part.splits()) <= prepared.counts.keys():
        prepared = prepare(part.dataset, root)
    if absent := [split for split in part.splits() if split not in prepared.counts]:
        raise Unavailable(
            f"{part.dataset} {', '.join(absent)} is not under {root}: "
            f"{get(part.dataset).how_to_get}, or --data-root"
        )
    print_ = part_fingerprint(part, {**get(part.dataset).pins, **prepared.fingerprints}, limit)
    folder = cache_root(root) / part.dataset / "parts" / print_
    mend = f"delete {folder} and run the command again"
    meta = read_meta(folder, mend)
    if meta is None:
        with locked(folder):
            meta = read_meta(folder, mend) or _write(part, prepared, limit, folder)
    checksums.verify(folder, meta, mend, most=checksums.AT_ONCE)
    paths = folder / "images.npy", folder / "labels.npy"
    return PartFiles(*paths, meta["n"], meta["n_classes"], prepared.partial)


def _write(part: Part, prepared: Prepared, limit: int | None, folder: Path) -> dict[str, Any]:
    if part.classes and part.versions > 1:
        raise BenchError(f"{part}: versions are for images of one label each")
    prepared.verify()
    index, labels, values = select(part, prepared)
    n_classes = len(values)
    images: Content = Rows(prepared.images, index[:limit])
    if part.versions > 1:
        try:
            own = labels.astype(np.int64)
            made, labels = turned(prepared.images[index], own, n_classes, part.versions)
        except ValueError as error:
            raise BenchError(f"{part}: {error}") from error
        images, n_classes = made[:limit], n_classes * part.versions
    labels = labels[:limit]
    files: dict[str, Content] = {"images.npy": images, "labels.npy": labels}
    return write_folder(folder, files, {"n": len(labels), "n_classes": n_classes})


def class_names(part: Part, root: Path) -> tuple[str, ...]:
    """What the labels 0, 1, … of a prepared part stand for, before any turns; "" has no name.

    Raises:
        BenchError: as `select`.
    """
    if part.classes:
        return part.classes
    prepared = kept(part.dataset, root) or prepare(part.dataset, root)
    names = prepared.names.get(part.label)
    _, _, values = select(part, prepared)
    return tuple(names[value] if names else "" for value in values)


def select(part: Part, prepared: Prepared) -> tuple[Ints, Ints | Signs, Ints]:
    """Indices into the prepared images, ascending; their labels; each class's value in its column.

    Raises:
        BenchError: an unknown column or value, a column of classes that holds other than `SIGNS`,
            or nothing is selected.
    """
    columns = prepared.columns
    where = dict(part.where)
    if part.split is not None and len(get(part.dataset).counts) > 1:
        where[get(part.dataset).split_column] = (part.split,)
    for column in (*where, *(part.classes or (part.label,))):
        if column not in columns:
            raise unknown(f"column of {part.dataset}", column, columns)
    keep = np.ones(len(prepared.images), dtype=bool)
    for column, wanted in where.items():
        names = prepared.names.get(column, ())
        keep &= np.isin(columns[column], [_number(v, names, part, column) for v in wanted])
    index = np.flatnonzero(keep)
    if not part.classes:
        index = _thinned(index, columns[part.label], part.keep)
    elif part.keep:
        raise BenchError(f"{part}: keep goes by label, of which images of many classes have none")
    if not index.size:
        raise BenchError(f"{part} selects no image of {prepared.folder}")
    labels, values = _labels(part, columns, prepared.names, index)
    if part.half is not None:
        middle = (index.size + 1) // 2
        half = slice(middle, None) if part.half else slice(None, middle)
        index, labels = index[half], labels[half]
    return index, labels, values


def _labels(
    part: Part, columns: Mapping[str, Ints], names: Mapping[str, tuple[str, ...]], index: Ints
) -> tuple[Ints | Signs, Ints]:
    """The labels of these images, and the value that each class has."""
    if not part.classes:
        values, inverse = np.unique(columns[part.label][index], return_inverse=True)
        return inverse.astype(np.int64), values
    for name in part.classes:
        if names.get(name) != SIGNS:
            raise BenchError(f"column '{name}' of {part.dataset} does not hold {', '.join(SIGNS)}")
    found = np.stack([columns[name][index] for name in part.classes], axis=1)
    return (found - 1).astype(np.int8), np.arange(len(part.classes))


def _thinned(index: Ints, labels: Ints, shares: Mapping[int, float]) -> Ints:
    """The rows that are kept: the first of each label that has a share, and all of other labels."""
    dropped = [
        own[round(share * own.size) :]
        for label, share in shares.items()
        for own in [index[labels[index] == label]]
    ]
    return np.setdiff1d(index, np.concatenate(dropped)) if dropped else index


def _number(value: int | str, names: tuple[str, ...], part: Part, column: str) -> int:
    if isinstance(value, int):
        return value
    if value not in names:
        raise unknown(f"{column} of {part.dataset}", value, names)
    return names.index(value)
