"""What a dataset is: its declaration, what a source reads of it, and the registry of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from bench.datasets import declared_data, description
from bench.datasets.asking import asking, called
from bench.errors import BenchError, Unavailable, unknown
from bench.tasks import Images, Ints


@dataclass(frozen=True)
class Raw:
    """Images and what is known of each, in whatever order their container has."""

    images: Images
    """uint8, (N, height, width, channels)."""
    columns: Mapping[str, Ints]
    """Column -> int64, (N,): "label", or in its place one of `parts.SIGNS` for each class where an
    image may be of many, and the split column where there are splits."""
    names: Mapping[str, tuple[str, ...]]
    """Column -> the names of its values 0, 1, …; a column of plain numbers is left out."""
    note: str = ""
    """How these images differ from the pinned ones, "" when they should be the same."""


class Source(Protocol):
    """One place and layout that a dataset may lie in.

    It may also define `files(dataset, root)`, the paths by which it is seen that its data are no
    longer those that were prepared, and `layout(dataset)`, a phrase that names where it looks; and
    it says `bundled = True` where its data come with a library and not from the data root.
    """

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that seem to be there, judged without reading images."""

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """Read those splits; raises BenchError, which names the file at fault."""


@dataclass(frozen=True)
class Dataset:
    """The declaration of a dataset; it holds no images."""

    name: str
    summary: str
    shape: tuple[int, int, int]
    """Height, width, channels."""
    counts: Mapping[str, int]
    """Split -> its number of images, 0 where that is not known beforehand; one split named "all"
    where there are none."""
    labels: tuple[str, ...]
    """Names of the classes 0, 1, …; empty where the source names them."""
    licence: str
    citation: str
    how_to_get: str
    """One sentence, with the command."""
    sources: tuple[Source, ...]
    """In order: of those that hold equally many splits, the first is read."""
    fetch: Callable[[Path], None] | None = None
    """Download into a place under the data root where one of the sources finds it."""
    complete: Callable[[Raw], Raw] | None = None
    """Adds the columns that follow from others."""
    split_column: str = "split"
    pins: Mapping[str, str] = field(default_factory=dict)
    """Split -> its fingerprint; a split without a pin is accepted on its count alone."""
    per_class: int = 0
    """Images of each class where all have as many; tells beforehand how large a task of some
    classes is."""
    on_request: str = ""
    """The space that preparing takes, such as "30 GB", where that is too much to be done unasked:
    such a dataset is prepared by `data prepare` alone."""
    partials: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint -> description of a known part of a split, accepted and flagged."""

    @property
    def bundled(self) -> bool:
        """Whether its images come with a library, the same for every data root."""
        return all(getattr(source, "bundled", False) for source in self.sources)

    @property
    def layouts(self) -> str:
        """Where it is looked for, in words; "" where no source says."""
        said = []
        for source in self.sources:
            if hasattr(source, "layout"):
                with asking(self.name, source, "layout"):
                    said.append(str(source.layout(self)))
        return " or ".join(said)

    @cached_property
    def description(self) -> str:
        """A hash of all that decides what is made of given files, with the code of a plug-in."""
        return description.of_values(
            {
                "shape": self.shape,
                "counts": self.counts,
                "labels": self.labels,
                "sources": self.sources,
                "complete": self.complete,
                "split_column": self.split_column,
                "partials": self.partials,
            }
        )

    def splits(self, source: Source, root: Path) -> set[str]:
        """The splits that a source holds.

        Raises:
            BenchError: as `asking`, or it names one that the declaration does not have.
        """
        with asking(self.name, source, "splits"):
            found = set(source.splits(self, root))
        if wrong := sorted(found - self.counts.keys(), key=str):
            where = f"dataset '{self.name}': {called(source)}.splits"
            raise unknown("split", str(wrong[0]), self.counts, where=where)
        return found

    def source(self, root: Path) -> Source | None:
        """The source that holds most splits; None when there is none."""
        found = [(len(self.splits(source, root)), source) for source in self.sources]
        most, source = max(found, key=lambda pair: pair[0])
        return source if most else None

    def read(self, root: Path, download: bool = False) -> Raw:
        """Read the dataset under `root`, downloading what is missing if asked to.

        Raises:
            Unavailable: no source is there, or the download failed.
            BenchError: a file is damaged or holds something else.
        """
        source = self.source(root)
        incomplete = source is None or self.splits(source, root) < set(self.counts)
        if download and incomplete and self.fetch:
            self._download(root)
            source = self.source(root)
        if source is None:
            looked = f" (looked for {self.layouts})" if self.layouts else ""
            raise Unavailable(f"{self.name} is not under {root}{looked}: {self.how_to_get}")
        with asking(self.name, source, "read"):
            raw = source.read(self, root)
        self._check(raw, f"{called(source)}.read", root)
        if self.complete:
            with asking(self.name, self.complete):
                raw = self.complete(raw)
            self._check(raw, called(self.complete), root)
        return raw

    def _download(self, root: Path) -> None:
        assert self.fetch is not None
        try:
            root.mkdir(parents=True, exist_ok=True)
            self.fetch(root)
        # Libraries that download raise URLError, RuntimeError, zipfile's, tarfile's, … errors.
        except Exception as error:
            raise Unavailable(
                f"{self.name} could not be downloaded to {root} ({error}): try again, or put the "
                f"files there yourself ({self.how_to_get})"
            ) from error

    def _check(self, raw: Raw, giver: str, root: Path) -> None:
        """Refuse what later stages would trip over."""
        where = f"{self.name} under {root}"
        declared_data.refuse_other(raw, Raw, f"dataset '{self.name}': {giver}")
        shape = raw.images.shape
        if raw.images.dtype != np.uint8 or shape[1:] != self.shape:
            raise BenchError(
                f"{where}: images are {raw.images.dtype} {shape[1:]}, expected uint8 {self.shape}"
            )
        if not shape[0]:
            raise BenchError(f"{where}: its files hold no image")
        if len(self.counts) > 1:
            declared_data.refuse_splits(raw, self.split_column, tuple(self.counts), where)
        for column, values in raw.columns.items():
            if values.shape != shape[:1]:
                raise BenchError(f"{where}: {shape[0]} images but {values.size} values of {column}")
            known = len(raw.names.get(column, ())) or None
            if values.size and (values.min() < 0 or (known and values.max() >= known)):
                raise BenchError(
                    f"{where}: {column} holds {values.min()}..{values.max()}, expected "
                    f"0..{known - 1 if known else ''}"
                )


_datasets: dict[str, Dataset] = {}
_shipped: set[str] = set()


def register_dataset(dataset: Dataset) -> Dataset:
    """Make a dataset known by its name; a plugin calls this when it is imported.

    Raises:
        BenchError: the name is taken, or a field is not what it must be.
    """
    declared_data.refuse_unfit(dataset)
    if dataset.name in _datasets:
        raise BenchError(f"dataset '{dataset.name}': the name is taken, choose another")
    height, width, channels = dataset.shape  # lists will do
    known = replace(
        dataset,
        shape=(height, width, channels),
        labels=tuple(dataset.labels),
        sources=tuple(dataset.sources),
    )
    if _shipped:
        _ = known.description  # as it is before a source has read, and perhaps kept, anything
    _datasets[dataset.name] = known
    return known


def all_are_shipped() -> None:
    """Say that what is registered by now comes with the project."""
    _shipped.update(_datasets)


def is_shipped(name: str) -> bool:
    """Whether a data set comes with the project: its pins tell when its images are others."""
    return name in _shipped


def names() -> list[str]:
    """The names of all registered datasets."""
    return list(_datasets)


def get(name: str, *, where: str = "") -> Dataset:
    """The dataset of this name.

    Raises:
        BenchError: nobody registered it; the message names the nearest one.
    """
    if name not in _datasets:
        raise unknown("dataset", name, _datasets, where=where)
    return _datasets[name]
