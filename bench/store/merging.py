"""Merging packs into a store: every byte is verified first, then each cell is renamed into place.

A pack is somebody else's file. Nothing of it is used before its manifest bounds it: names must be
those that the cells' own identities give, sizes those that were declared, every SHA-256 right.
Damage anywhere in a pack leaves all of it out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from filelock import Timeout

from bench.errors import BenchError
from bench.plan.cell import Address, address
from bench.store import outputs, packing, record, traces
from bench.store.folders import ARRAYS, PREDICTION, Store, writable
from bench.store.locks import CellLock
from bench.store.record import Record

_MANIFEST_BYTES = 1 << 26
_BLOCK = 1 << 20
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, KeyError, TypeError,
    RuntimeError, ArithmeticError, AttributeError, RecursionError,
)  # fmt: skip
"""What zipfile, json and a look into what they give raise over bytes that nobody packed."""


@dataclass
class Merged:
    """What became of a pack's cells."""

    merged: int = 0
    here: int = 0
    """Cells that the store had already."""
    left: list[str] = field(default_factory=list)
    """Cells that were left as they are on both sides, and why."""


class DamagedPack(BenchError):
    """A pack that is not as it was packed; `problems` has a sentence for each thing found."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: damaged, nothing of it was merged: {problems[0]}")
        self.problems = problems


@dataclass(frozen=True)
class _Staged:
    """A cell that was unpacked and found sound."""

    place: Address
    record: Record
    folder: Path


def merge(path: Path, store: Store) -> Merged:
    """Verify a pack, then put into the store the cells that it lacks.

    A cell that is here with the same output is passed over, unless only the pack has its tensors.

    Raises:
        DamagedPack: some of it is not as it was packed, or it is no pack; the store is as before.
        BenchError: the file cannot be read, or the store cannot be written.
    """
    store.check_writable()
    result = Merged()
    with _staging(store) as staging:
        for one in _unpack(path, staging):
            _place(one, store, result)
    return result


@contextmanager
def _staging(store: Store) -> Iterator[Path]:
    """A folder beside the store's cells to unpack into; one merge at a time has one.

    Raises:
        BenchError: another is going on, or it cannot be written.
    """
    folder = store.root / "locks"
    with writable(store.root):
        folder.mkdir(parents=True, exist_ok=True)
    lock = CellLock(folder / "merge.lock")
    try:
        lock.acquire()
    except Timeout as error:
        raise BenchError(f"{store.root}: another merge into it is going on; try again") from error
    with lock:
        for left in (store.root / "work").glob("merge-*"):  # by a merge that was killed
            shutil.rmtree(left, ignore_errors=True)
        with writable(store.root):
            made = Path(tempfile.mkdtemp(prefix="merge-", dir=store.root / "work"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _place(one: _Staged, store: Store, result: Merged) -> None:
    """Publish a cell; a finished one in a failed one's place, but none in another output's."""
    place, new = one.place, one.record
    target = store.runs / place.folder
    try:
        lock = store.lock(place)
    except BenchError as error:  # a link stands in its place
        result.left.append(f"{place.folder}: {error}")
        return
    try:
        lock.acquire()
    except Timeout:
        result.left.append(f"{place.folder}: a run is computing it; merge again when it has ended")
        return
    try:
        store.restore(place)
        old = store.read(place)
        if old is not None and old.state == new.state and old.output != new.output:
            result.left.append(
                f"conflict: {place.folder}: here {_ending(old)}, in the pack {_ending(new)}; "
                f"neither was touched: delete {target} to take the pack's"
            )
        elif old is None or new.says_more(old):
            store.publish(place, one.folder, new)
            store.clear_work(place, keep_checkpoint=new.state != "done")
            result.merged += 1
        else:
            result.here += 1
    finally:
        lock.release(done=True)


def _ending(one: Record) -> str:
    """How a cell ended, in words."""
    return f"output {one.output[:12]}" if one.state == "done" else f"failed ({one.failure})"


def _unpack(path: Path, staging: Path) -> list[_Staged]:
    """A pack's cells as folders below `staging`, all verified.

    Raises:
        DamagedPack: any of them is not as it was packed.
    """
    try:
        if not packing.is_pack(path):
            raise DamagedPack(path, ["no pack of bench, or cut off at its end"])
        sealed = packing.is_sealed(path)
        with zipfile.ZipFile(path) as archive:
            staged, problems = _cells(archive, staging)
    except OSError as error:
        raise BenchError(f"{path}: cannot be merged: {error.strerror or error}") from error
    except _UNREADABLE as error:
        raise DamagedPack(path, [f"no readable archive ({error})"]) from error
    if not sealed:
        problems.append("its SHA-256 is not the one that it ends with")
    if problems:
        raise DamagedPack(path, problems)
    return staged


def _cells(archive: zipfile.ZipFile, staging: Path) -> tuple[list[_Staged], list[str]]:
    """The sound cells of an archive, unpacked, and a sentence on everything that is wrong."""
    entries = {info.filename: info for info in archive.infolist()}
    counted = Counter(archive.namelist())
    problems = [f"{name!r} is in it {n} times" for name, n in counted.items() if n > 1]
    if packing.MANIFEST not in entries:
        return [], [*problems, f"it has no {packing.MANIFEST}"]
    try:
        described = _manifest(archive, entries[packing.MANIFEST])
        files = {
            f"runs/{cell['folder']}/{name}": max(0, int(file["size"]))
            for cell in described.values()
            for name, file in cell["files"].items()
        }
    except _UNREADABLE as error:
        return [], [*problems, f"its {packing.MANIFEST} cannot be used ({error})"]
    unnamed = entries.keys() - files.keys() - {packing.MANIFEST}
    problems += [f"{name!r} is not in its {packing.MANIFEST}" for name in sorted(unnamed)]
    free, size = shutil.disk_usage(staging).free, sum(files.values())
    if size > free:
        return [], [*problems, f"it unpacks to {size} bytes where {free} are free"]
    staged = []
    for i, (key, cell) in enumerate(described.items()):
        folder = staging / str(i)
        try:
            staged.append(_cell(archive, entries, key, cell, folder))
        except KeyError as error:
            problems.append(f"{cell['folder']!r}: {error} is lacking")
        except (BenchError, *_UNREADABLE) as error:
            said = str(error).replace(f"{folder}/", "") or type(error).__name__
            problems.append(f"{cell['folder']!r}: {said}")
    return staged, problems


def _manifest(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> dict[str, Any]:
    """Key -> what the manifest says of a cell; raises ValueError where it is no manifest."""
    if entry.file_size > _MANIFEST_BYTES:
        raise ValueError(f"{entry.file_size} bytes are too many")
    with _opened(archive, entry) as file:
        content = json.loads(file.read(_MANIFEST_BYTES + 1))
    if content["layout"] != packing.LAYOUT:
        raise ValueError(f"layout {content['layout']} is none of this version: update bench")
    cells: dict[str, Any] = content["cells"]
    return cells


def _cell(
    archive: zipfile.ZipFile,
    entries: Mapping[str, zipfile.ZipInfo],
    key: str,
    described: Mapping[str, Any],
    folder: Path,
) -> _Staged:
    """Unpack one cell and hold it against the manifest and its own record.

    Raises:
        BenchError, ValueError, KeyError, …: it is not as it was packed.
    """
    files = described["files"]
    if not files.keys() <= set(packing.FILES):
        odd = min(files.keys() - set(packing.FILES))
        raise ValueError(f"a cell has no file {odd!r}")
    folder.mkdir()
    for name, file in files.items():
        entry = entries[f"runs/{described['folder']}/{name}"]
        _extract(archive, entry, folder / name, int(file["size"]), file["sha256"])
    found = record.read(folder)
    place = address(found.cell)
    if not key == found.key == place.key:
        raise ValueError("its key is not that of its cell")
    if described["folder"] != place.folder:
        raise ValueError(f"a cell of the folder {place.folder}")
    if described["output"] != found.output:
        raise ValueError("its output is not its record's")
    _verify_prediction(folder, found)
    traces.verify(folder, found)
    return _Staged(place, found, folder)


def _verify_prediction(folder: Path, found: Record) -> None:
    """Hold a prediction against its record; raises ValueError or BenchError."""
    name, absent = (ARRAYS, PREDICTION) if found.arrays else (PREDICTION, ARRAYS)
    wanted = found.arrays or found.output
    if (folder / absent).exists() or (folder / name).exists() != bool(wanted):
        raise ValueError("its files are not those that its record names")
    if found.state == "done" and not found.output:
        raise ValueError("it is done and has no output")
    if wanted:
        if outputs.digest(folder / name) != wanted:
            raise ValueError(f"{name}: its SHA-256 is not the record's")
        outputs.load(folder / name)
        if found.arrays and outputs.without_tensors(folder / ARRAYS) is not None:
            raise ValueError(f"{ARRAYS} holds tensors")


def _extract(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, size: int, sha256: str
) -> None:
    """Write one file, never more of it than was declared; raises ValueError where it differs."""
    name, kind = path.name, stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        raise ValueError(f"{name} is no plain file")
    if entry.file_size != size:
        raise ValueError(f"{name} has {entry.file_size} bytes, {size} were packed")
    found, left = hashlib.sha256(), size
    with _opened(archive, entry) as source, path.open("xb") as out:
        while block := source.read(min(left + 1, _BLOCK)):
            left -= len(block)
            if left < 0:
                break
            found.update(block)
            out.write(block)
    if left or found.hexdigest() != sha256:
        raise ValueError(f"{name}: its bytes are not those that were packed")


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    """An entry to read; raises ValueError where it cannot be read with bounds."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename!r} is compressed as no pack is")
    try:
        return archive.open(entry)
    except OSError as error:  # a place before the file's begin, say
        raise ValueError(f"{entry.filename!r} cannot be read ({error.strerror})") from error
