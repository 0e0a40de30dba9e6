"""Results on disk: a folder a cell, plain files, renamed into place when whole.

    runs/TASK/METHOD/seedN-KEY/   record.json, prediction.safetensors, curves.json, log.txt
    runs/index.jsonl              a copy of all records, so that `status` opens one file
    work/KEY/                     a cell in progress: its checkpoint and its attempts
    work/shared/                  what cells of one seed compute alike: may be lost at any time
    locks/KEY.lock                held by the runner that computes the cell

The folders are the truth. An index line counts only while the size and time of the record that it
copies are unchanged, so a torn, old or missing index costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import Timeout

from bench.errors import BenchError
from bench.store import durable
from bench.store import record as records
from bench.store.locks import CellLock
from bench.store.record import Record

PREDICTION = "prediction.safetensors"
ARRAYS = "arrays.safetensors"
"""A prediction less its tensors, as a pack may hold it."""
CURVES = "curves.json"
SNAPSHOTS = "snapshots.npy"
LOG = "log.txt"
TRACEBACK = "traceback.txt"
CHECKPOINT = "checkpoint.safetensors"
_OLD = "old-"
"""How the folder of a result that gives way begins, below its cell's work."""


class Placed(Protocol):
    """A cell as the store sees it: a `Cell`, or the `Address` of one."""

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits."""

    @property
    def folder(self) -> str:
        """Below `runs/`."""


class Store:
    """The results below one folder."""

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        """A store.

        Args:
            root: Its folder.
            read_only: For commands that only look: not even the index is brought up to date.
        """
        self.root = root.resolve()
        self._read_only = read_only
        self.runs = self.root / "runs"
        self.damaged: dict[str, str] = {}
        """Folder -> what is wrong with its record; such a cell counts as missing."""

    def folder(self, cell: Placed) -> Path:
        """Where a finished cell lies."""
        return self.runs / cell.folder

    def work(self, cell: Placed) -> Path:
        """Where a cell in progress keeps its checkpoint."""
        return self.root / "work" / cell.key

    def records(self) -> dict[str, Record]:
        """Every record by key; damaged ones are left out and named in `damaged`."""
        index = self._index()
        found: dict[str, Record] = {}
        fresh: list[str] = []
        self.damaged.clear()
        for folder, stamp in self._folders():
            line = index.get(folder)
            if line is not None and line[0] == stamp:
                record = line[1]
            else:
                try:
                    record = records.read(self.runs / folder)
                except BenchError as error:
                    self.damaged[folder] = str(error)
                    continue
                fresh.append(_index_line(folder, stamp, record))
            found[record.key] = record
        if fresh and not self._read_only:
            self._append(fresh)
        return found

    def read(self, cell: Placed) -> Record | None:
        """The record of one cell, straight from its folder; None when missing or damaged."""
        folder = self.folder(cell)
        if not (folder / "record.json").exists():
            return None
        try:
            return records.read(folder)
        except BenchError as error:
            self.damaged[cell.folder] = str(error)
            return None

    def publish(self, cell: Placed, attempt: Path, record: Record) -> None:
        """Put a finished attempt in its place, as one rename; an older result gives way.

        What has returned from here survives a power cut. A run that is cut off between the two
        renames leaves the older result beside its attempts, where `sweep` finds it.

        Raises:
            BenchError: the folder cannot be written; nothing that was there is lost.
        """
        place = self.folder(cell)
        with writable(self.root):
            record.write(attempt)
            durable.sync_all(attempt)
            durable.make_folder(place.parent)
            if place.exists():
                place.rename(attempt.with_name(f"{_OLD}{attempt.name}"))
                durable.sync(attempt.parent)
            attempt.rename(place)
            durable.sync(place.parent)
            status = (place / "record.json").stat()
            self._append([_index_line(cell.folder, _stamp(status), record)])

    def rewrite(self, cell: Placed, record: Record) -> None:
        """Put another record in a finished cell's place, whole or not at all.

        Raises:
            BenchError: the folder cannot be written; the old one is still there.
        """
        place = self.folder(cell)
        with writable(self.root), tempfile.TemporaryDirectory(dir=place) as half:
            record.write(Path(half))
            durable.sync_all(Path(half))
            (Path(half) / "record.json").replace(place / "record.json")
            status = (place / "record.json").stat()
            self._append([_index_line(cell.folder, _stamp(status), record)])

    def clear_work(self, cell: Placed, *, keep_checkpoint: bool = False) -> None:
        """Drop what attempts left behind, and the checkpoint unless it is of use yet."""
        work = self.work(cell)
        if keep_checkpoint and (work / CHECKPOINT).exists():
            for path in work.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
        else:
            shutil.rmtree(work, ignore_errors=True)

    def sweep(self, cells: Iterable[Placed]) -> None:
        """Drop the work folders of finished cells, which a killed runner had no time to drop.

        A result that was to give way, and whose follower did not get to its place, returns to it.
        """
        try:
            left = {path.name for path in (self.root / "work").iterdir() if path.is_dir()}
        except OSError:
            return
        for cell in cells:
            if cell.key in left:
                lock = self.lock(cell)
                with contextlib.suppress(Timeout), lock.acquire(blocking=False):
                    self._restore(cell)
                    record = self.read(cell)
                    if record is not None and record.state == "done":
                        self.clear_work(cell)

    def _restore(self, cell: Placed) -> None:
        """Put an older result back whose follower never came."""
        place = self.folder(cell)
        for old in sorted(self.work(cell).glob(f"{_OLD}*")):
            if not place.exists() and (old / "record.json").exists():
                with writable(self.root):
                    durable.make_folder(place.parent)
                    old.rename(place)

    def lock(self, cell: Placed) -> CellLock:
        """The lock of a cell, released by the system when its holder dies."""
        folder = self.root / "locks"
        with writable(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        return CellLock(folder / f"{cell.key}.lock")

    def check_writable(self) -> None:
        """Find out before the first cell runs, not after.

        Raises:
            BenchError: the results folder is read-only or full.
        """
        with writable(self.root):
            for name in ("runs", "work"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / "work" / f"writable-{os.getpid()}"
            probe.write_text("yes")
            probe.unlink()

    def _folders(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Every cell's folder below `runs/`, with the stamp of its record."""
        for task in _subfolders(self.runs):
            for method in _subfolders(task):
                for folder in _subfolders(method):
                    try:
                        status = (folder / "record.json").stat()
                    except OSError:
                        status = None
                    name = f"{task.name}/{method.name}/{folder.name}"
                    yield name, _stamp(status) if status else (0, 0)

    def _index(self) -> dict[str, tuple[tuple[int, int], Record]]:
        """Folder -> stamp and record; lines that cannot be read are passed over."""
        try:
            text = (self.runs / "index.jsonl").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        found = {}
        for line in text.splitlines():
            try:
                content = json.loads(line)
                stamp = (int(content["stamp"][0]), int(content["stamp"][1]))
                found[content["folder"]] = (stamp, records.parse(content["record"], "index"))
            except (ValueError, KeyError, TypeError, IndexError, BenchError):
                continue
        return found

    def _append(self, lines: list[str]) -> None:
        """Add lines to the index in one write; a failure to do so is no failure of the cell."""
        try:
            with (self.runs / "index.jsonl").open("a", encoding="utf-8") as file:
                # The leading break closes a line that a killed process left half-written.
                file.write("\n" + "\n".join(lines) + "\n")
        except OSError:
            return


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(e.path) for e in entries if e.is_dir())
    except OSError:
        return []


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_mtime_ns, status.st_size


def _index_line(folder: str, stamp: tuple[int, int], record: Record) -> str:
    content = {"folder": folder, "stamp": stamp, "record": vars(record)}
    return json.dumps(content, separators=(",", ":"))


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one sentence that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "is full: make room and start again, finished cells are kept"
        else:
            why = f"cannot be written ({error.strerror}); choose another with --results"
        raise BenchError(f"results folder {folder} {why}") from error
