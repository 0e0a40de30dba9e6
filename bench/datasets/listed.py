"""A table of image files: one line an image, with its class and split."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets import decode
from bench.datasets.dataset import Dataset, Raw
from bench.errors import BenchError, unknown


@dataclass(frozen=True)
class Csv:
    """`<root>/<name>.csv`: a header, then the file and the class of an image, a line each.

    Files are named from the folder of the table on. Where the dataset has several splits, another
    column, `Dataset.split_column`, names that of each image. Further columns are passed over. What
    images are read as, and what is refused, `bench.datasets.decode` says.
    """

    path: str = "path"
    """The column of files."""
    label: str = "label"
    """The column of classes, by name."""

    def layout(self, dataset: Dataset) -> str:
        """The name of the table."""
        return f"{dataset.name}.csv"

    def files(self, dataset: Dataset, root: Path) -> list[Path]:
        """The table and all images."""
        return [root / self.layout(dataset), *(path for path, _, _ in self._rows(dataset, root))]

    def splits(self, dataset: Dataset, root: Path) -> set[str]:
        """The splits that the table names."""
        return {split for _, _, split in self._rows(dataset, root)}

    def read(self, dataset: Dataset, root: Path) -> Raw:
        """All images; a class must be one of the dataset's label names, if it declares any."""
        rows, table = self._rows(dataset, root), root / self.layout(dataset)
        splits, found = tuple(dataset.counts), sorted({label for _, label, _ in rows})
        labels = dataset.labels or tuple(found)
        for name in found:
            if name not in labels:
                raise unknown(f"class of {dataset.name}", name, labels, where=str(table))
        columns = {"label": [labels.index(label) for _, label, _ in rows]}
        names = {"label": labels}
        if len(splits) > 1:
            columns[dataset.split_column] = [splits.index(split) for _, _, split in rows]
            names[dataset.split_column] = splits
        return Raw(
            decode.read_all([path for path, _, _ in rows], dataset.shape),
            {column: np.array(values, dtype=np.int64) for column, values in columns.items()},
            names,
        )

    def _rows(self, dataset: Dataset, root: Path) -> list[tuple[Path, str, str]]:
        """Path, class and split of each image; none where there is no table."""
        table, splits = root / self.layout(dataset), tuple(dataset.counts)
        if not table.is_file():
            return []
        split_column = dataset.split_column if len(splits) > 1 else ""
        found = []
        try:
            with table.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                for column in filter(None, (self.path, self.label, split_column)):
                    if column not in (reader.fieldnames or ()):
                        there = ", ".join(map(repr, reader.fieldnames or ())) or "none"
                        raise BenchError(
                            f"{table}: has no column '{column}', only {there}; columns are parted "
                            "by commas, and Csv(path=…, label=…) names others"
                        )
                for row in reader:
                    where = f"{table} line {reader.line_num}"
                    file_name, label = row[self.path], row[self.label]
                    split = row[split_column] if split_column else splits[0]
                    if not file_name or not label or not split:
                        raise BenchError(f"{where}: lacks a value")
                    if split not in splits:
                        raise unknown(f"split of {dataset.name}", split, splits, where=where)
                    if not (path := table.parent / file_name).is_file():
                        raise BenchError(f"{where}: {path} is no file")
                    found.append((path, label, split))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise BenchError(f"{table}: cannot be read as UTF-8 text in CSV ({error})") from error
        if not found:
            raise BenchError(f"{table}: has no line below its header")
        return found
