"""What prepared data were made of: a hash that changes when the files of their source do.

How these were read, `Dataset.description` tells of data sets that are not shipped.

Names, sizes and times of change tell, as they do for `make`; of a few large files the last bytes
too, where .npz, .zip and .gz files keep the checksums of their contents. Of sources of a million
photographs the folders tell, whose times change when a file in them comes, goes or is renamed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.datasets.asking import asking
from bench.datasets.dataset import Dataset, Source
from bench.errors import BenchError

_FEW = 16
"""Up to so many files the last bytes of each are read."""
_TAIL = 2**14


def of_source(dataset: Dataset, source: Source, root: Path) -> str:
    """Thirty-two hexadecimal digits for a declaration and the files that a source would read.

    Raises:
        BenchError: a file cannot be looked at; names it.
    """
    digest = hashlib.sha256(
        repr(
            (
                dataset.shape,
                dataset.labels,
                tuple(dataset.counts),
                dataset.split_column,
                dataset.sources.index(source),
                type(source).__qualname__,
            )
        ).encode()
    )
    paths = _files(dataset, source, root)
    for path in paths:
        digest.update(_described(path, root, tail=len(paths) <= _FEW))
    return digest.hexdigest()[:32]


def newest(dataset: Dataset, source: Source, root: Path) -> float:
    """When the last of a source's files was changed, seconds since 1970; 0 without files."""
    return max((path.stat().st_mtime for path in _files(dataset, source, root)), default=0.0)


def _files(dataset: Dataset, source: Source, root: Path) -> list[Path]:
    """The files and folders that tell; none of a source of a plug-in that names none."""
    files = getattr(source, "files", None)
    with asking(dataset.name, source, "files"):
        return sorted(set(files(dataset, root))) if files else []


def _described(path: Path, root: Path, *, tail: bool) -> bytes:
    try:
        found = path.stat()
        folder = path.is_dir()
        if not folder and not path.is_file():  # a pipe would be waited for
            raise BenchError(f"{path}: is no file")
        end = b""
        if tail and not folder:
            with path.open("rb") as file:
                file.seek(max(found.st_size - _TAIL, 0))
                end = file.read()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from error
    size = "folder" if folder else found.st_size
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{name} {size} {found.st_mtime_ns}\n".encode() + end
