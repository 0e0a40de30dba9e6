"""Prepared datasets: memory-mapped images in canonical order, shared by all processes.

`<cache>/<name>/whole/` holds images.npy, columns.npz and meta.json, which knows what they were made
of: when the files of the source change, they are made again. In a cache that several data roots may
share, `$BENCH_CACHE`, the folder is called after the root as well.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import checksums, identity
from bench.datasets.cache import Content, Rows, cache_root, locked, read_meta, write_folder
from bench.datasets.dataset import Dataset, Raw, get, is_shipped
from bench.datasets.fingerprint import canonical_order, fingerprint, pixel_hashes, records
from bench.errors import BenchError
from bench.tasks import Images, Ints

ORDER = "order.npy"
"""int64, (N,): of each image its place in the source; data prepared before it was kept lack it."""
DECLARED = "declared"
"""Key of meta.json, of data sets that are not shipped: `Dataset.description` of what was read."""


@dataclass(frozen=True)
class Prepared:
    """A dataset on disk, in canonical order: ascending pixel hash over all splits."""

    name: str
    folder: Path
    counts: Mapping[str, int]
    """Split -> images; splits that the source lacked are left out."""
    fingerprints: Mapping[str, str]
    """Split -> fingerprint."""
    names: Mapping[str, tuple[str, ...]]
    """Column -> the names of its values 0, 1, …."""
    note: str
    """How the images differ from the pinned ones, `Raw.note`; mostly ""."""
    partial: str
    """Why results on it do not compare with published ones, such as "10,000 of …"; mostly ""."""

    @property
    def images(self) -> Images:
        """uint8, (N, height, width, channels), memory-mapped and read-only."""
        images: Images = self._load("images.npy")
        return images

    @property
    def columns(self) -> dict[str, Ints]:
        """Column -> int64, (N,)."""
        try:
            with self._load("columns.npz") as arrays:
                return {column: arrays[column] for column in arrays}
        except (zipfile.BadZipFile, zlib.error, OSError, ValueError, AttributeError) as error:
            path = self.folder / "columns.npz"
            raise BenchError(f"{path} is damaged ({error}): {how_to_mend(self.folder)}") from error

    @property
    def order(self) -> Ints | None:
        """Of each image its place in the source that was read; None where that was not kept."""
        if not (self.folder / ORDER).exists():
            return None
        meta = read_meta(self.folder, how_to_mend(self.folder)) or {}
        checksums.verify(self.folder, meta, how_to_mend(self.folder), only=ORDER)
        order: Ints = np.array(self._load(ORDER))
        return order

    def verify(self) -> None:
        """Hold the files against their SHA-256; raises BenchError where one is damaged."""
        mend = how_to_mend(self.folder)
        checksums.verify(self.folder, read_meta(self.folder, mend) or {}, mend)

    def _load(self, file: str) -> Any:
        path = self.folder / file
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise BenchError(f"{path} is damaged ({error}): {how_to_mend(self.folder)}") from error


def how_to_mend(folder: Path) -> str:
    """What to do about a damaged folder, the end of a sentence."""
    return f"delete {folder} and run `python -m bench data prepare {folder.parent.name}`"


def _folder(name: str, root: Path) -> Path:
    shared = bool(os.environ.get("BENCH_CACHE")) and not get(name).bundled
    mark = f"-{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]}" if shared else ""
    return cache_root(root) / name / f"whole{mark}"


def _prepared(folder: Path, meta: Mapping[str, Any]) -> Prepared:
    try:
        values = {key: meta[key] for key in ("counts", "fingerprints", "note", "partial")}
        names = {column: tuple(known) for column, known in meta["names"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        path = folder / "meta.json"
        raise BenchError(f"{path} cannot be read ({error!r}): {how_to_mend(folder)}") from error
    return Prepared(name=folder.parent.name, folder=folder, names=names, **values)


def kept(name: str, root: Path) -> Prepared | None:
    """What is prepared, whether its source has changed or not; None if nothing is.

    Raises:
        BenchError: it is damaged.
    """
    folder = _folder(name, root)
    meta = read_meta(folder, how_to_mend(folder))
    return None if meta is None else _prepared(folder, meta)


def current(name: str, root: Path) -> Prepared | None:
    """What is prepared of the files that are here now; None if nothing is, or of others.

    Of a data set that is not shipped, it is also of others where the declaration has changed since,
    or the plug-in's code that reads it.

    What is prepared stays current when its source, or a split of it, is there no more.

    Raises:
        BenchError: it is damaged, or so is a file of the source.
    """
    folder, dataset = _folder(name, root), get(name)
    meta = read_meta(folder, how_to_mend(folder))
    if meta is None:
        return None
    prepared, shipped = _prepared(folder, meta), is_shipped(name)
    if not prepared.counts.keys() <= dataset.counts.keys():
        return None
    if not shipped and meta.get(DECLARED, dataset.description) != dataset.description:
        return None
    source = None if shipped and dataset.bundled else dataset.source(root)
    if source is None or dataset.splits(source, root) < prepared.counts.keys():
        return prepared
    if not shipped and DECLARED not in meta:  # prepared before declarations were kept
        return None
    if "source" in meta:
        same = meta["source"] == identity.of_source(dataset, source, root)
    else:  # prepared before sources had an identity
        written = (folder / "meta.json").stat().st_mtime
        same = identity.newest(dataset, source, root) <= written
    return prepared if same else None


def prepare(name: str, root: Path, *, download: bool = False) -> Prepared:
    """The prepared dataset, made now if it is not there yet.

    It is made again when it is no longer `current`, or when a split is missing that `download` may
    get.

    Raises:
        Unavailable: there is no source; the message says how to get it.
        BenchError: a file is damaged, or the images are not the pinned ones.
    """
    dataset = get(name)
    prepared = current(name, root)
    if prepared and not (download and _could_grow(prepared, dataset)):
        return prepared
    folder = _folder(name, root)
    with locked(folder):
        prepared = current(name, root)  # another process may have made it while we waited
        if prepared and not (download and _could_grow(prepared, dataset)):
            return prepared
        return _make(dataset, root, folder, download=download)


def _could_grow(prepared: Prepared, dataset: Dataset) -> bool:
    """Whether a download may hold more images."""
    return dataset.fetch is not None and any(
        prepared.counts.get(split) != count for split, count in dataset.counts.items()
    )


def _make(dataset: Dataset, root: Path, folder: Path, *, download: bool) -> Prepared:
    """Read and write it, seen to be of the files that were there before and after reading."""
    for _ in range(3):
        source = dataset.source(root)
        before = identity.of_source(dataset, source, root) if source else ""
        raw = dataset.read(root, download)
        source = dataset.source(root)
        after = identity.of_source(dataset, source, root) if source else ""
        if before == after or not before:
            return _write(dataset, raw, folder, after)
    raise BenchError(f"{dataset.name} under {root}: its files change while they are read")


def _write(dataset: Dataset, raw: Raw, folder: Path, source: str) -> Prepared:
    hashes = pixel_hashes(raw.images)
    record_hashes = records(hashes, raw.columns, raw.names)
    counts, prints, notes = {}, {}, [raw.note] if raw.note else []
    for split, index in split_indices(dataset, raw.columns, len(hashes)).items():
        counts[split] = index.size
        prints[split] = fingerprint(record_hashes[i] for i in index)
        status = judged(dataset, split, index.size, prints[split], pinned=not raw.note)
        notes += [] if status in ("ok", "unpinned") else [status]
    order = canonical_order(hashes, record_hashes)
    columns = {column: values[order] for column, values in raw.columns.items()}
    meta = {
        "counts": counts,
        "fingerprints": prints,
        "names": {column: list(values) for column, values in raw.names.items()},
        "note": raw.note,
        "partial": "; ".join(notes),
        "source": source,
    }
    if not is_shipped(dataset.name):
        meta[DECLARED] = dataset.description
    images = Rows(raw.images, order)
    files: dict[str, Content] = {"images.npy": images, "columns.npz": columns, ORDER: order}
    return _prepared(folder, write_folder(folder, files, meta))


def split_indices(dataset: Dataset, columns: Mapping[str, Ints], n: int) -> dict[str, Ints]:
    """Split -> the indices of its images; splits without any are left out."""
    if len(dataset.counts) == 1:
        return {next(iter(dataset.counts)): np.arange(n)}
    column = columns[dataset.split_column]
    found = {split: np.flatnonzero(column == i) for i, split in enumerate(dataset.counts)}
    return {split: index for split, index in found.items() if index.size}


def judged(dataset: Dataset, split: str, count: int, found: str, *, pinned: bool = True) -> str:
    """Judge a split: "ok", "unpinned" or the description of a known part.

    Raises:
        BenchError: the images are not those of the pinned fingerprint, or their number is wrong.
    """
    if found in dataset.partials:
        return dataset.partials[found]
    if dataset.counts[split] and count != dataset.counts[split]:
        raise BenchError(
            f"{dataset.name} {split}: {count:,} images, expected {dataset.counts[split]:,}: "
            f"{dataset.how_to_get}"
        )
    pin = dataset.pins.get(split)
    if pin is None or not pinned:
        return "unpinned"
    if found != pin:
        raise BenchError(
            f"{dataset.name} {split}: the images or labels are not the published ones "
            f"(fingerprint {found[:16]}…, expected {pin[:16]}…): fetch them again"
        )
    return "ok"
