"""Results on disk: a folder a cell, plain files, renamed into place when whole.

    runs/TASK/METHOD/seedN-KEY/   record.json, prediction.safetensors, curves.json, log.txt
    runs/index.jsonl              a copy of all records, so that `status` opens one file
    work/KEY/                     a cell in progress: its checkpoint and its attempts
    work/shared/                  what cells of one seed compute alike: may be lost at any time
    locks/KEY.lock, KEY.held      held by the runner that computes the cell

The folders are the truth. An index line counts only while its checksum is right and the size and
time of the record that it copies are unchanged, so a torn, altered, old or missing index costs time
and nothing else. Below the results folder no link is followed: what lies there may be a stranger's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import Timeout

from bench.errors import BenchError
from bench.plan.cell import address
from bench.store import durable, index, walk
from bench.store import record as records
from bench.store.locks import CellLock
from bench.store.record import RECORD, Record

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
        """What below `runs/` is no sound cell -> why; such a cell counts as missing."""

    def folder(self, cell: Placed) -> Path:
        """Where a finished cell lies."""
        return self.runs / cell.folder

    def work(self, cell: Placed) -> Path:
        """Where a cell in progress keeps its checkpoint."""
        return self.root / "work" / cell.key

    def records(self) -> dict[str, Record]:
        """Every record by key; damaged ones are left out and named in `damaged`.

        Raises:
            BenchError: a folder cannot be listed, so that nobody knows what is there.
        """
        self.damaged.clear()
        known = self._index()
        found: dict[str, Record] = {}
        fresh: list[str] = []
        for folder, stamp in walk.cells(self.runs, self.damaged):
            line = known.get(folder)
            if line is not None and line[0] == stamp:
                record = line[1]
            else:
                try:
                    record = self._verified(folder)
                except BenchError as error:
                    self.damaged[folder] = str(error)
                    continue
                if stamp:
                    fresh.append(index.line(folder, stamp, record))
            found[record.key] = record
        if fresh and not self._read_only:
            index.append(self.runs / index.NAME, fresh)
        return found

    def folders(self) -> list[str]:
        """Every cell's folder below `runs/`; what is none is named in `damaged`.

        Raises:
            BenchError: a folder cannot be listed.
        """
        return [folder for folder, _ in walk.cells(self.runs, self.damaged)]

    def read(self, cell: Placed) -> Record | None:
        """The record of one cell, straight from its folder; None when missing or damaged."""
        try:
            walk.refuse_links(self.root, f"runs/{cell.folder}")
            (self.folder(cell) / RECORD).lstat()
            return self._verified(cell.folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.damaged[cell.folder] = f"{self.folder(cell)}: {error.strerror}"
        except BenchError as error:
            self.damaged[cell.folder] = str(error)
        return None

    def _verified(self, folder: str) -> Record:
        """The record in a cell's folder.

        Raises:
            BenchError: it is missing or damaged, or that of another cell.
        """
        found = records.read(self.runs / folder)
        self.verify(folder, found)
        return found

    def verify(self, folder: str, found: Record) -> None:
        """Raises BenchError where a record is not of the cell that its folder is called after."""
        where = f"{self.runs / folder / 'record.json'}: damaged record"
        try:
            place = address(found.cell)
        except (ValueError, TypeError, RecursionError) as error:
            raise BenchError(f"{where}: {error}") from error
        if place.key != found.key:
            raise BenchError(f"{where}: its key is not that of its cell")
        if not isinstance(found.cell.get("preset"), str):
            raise BenchError(f"{where}: its cell has no preset")
        if place.folder != folder:
            raise BenchError(f"{where}: it tells of {place.folder}, not of its own folder")

    def publish(self, cell: Placed, attempt: Path, record: Record) -> None:
        """Put a finished attempt in its place, as one rename; an older result gives way.

        What has returned from here survives a power cut. Who is cut off between the two renames
        leaves the older result in the cell's work folder, where `sweep` finds it.

        Raises:
            BenchError: the folder cannot be written; nothing that was there is lost.
        """
        place = self.folder(cell)
        with writable(self.root):
            record.write(attempt)
            durable.sync_all(attempt)
            durable.make_folder(place.parent)
            if os.path.lexists(place):
                aside = self.work(cell) / f"{_OLD}{attempt.name}"
                durable.make_folder(aside.parent)
                place.rename(aside)
                durable.sync(aside.parent)
            attempt.rename(place)
            durable.sync(place.parent)
            status = (place / RECORD).lstat()
            line = index.line(cell.folder, index.stamp_of(status), record.sealed())
            index.append(self.runs / index.NAME, [line])

    def clear_work(self, cell: Placed, *, keep_checkpoint: bool = False) -> None:
        """Drop what attempts left behind, and the checkpoint unless it is of use yet."""
        work = self.work(cell)
        if keep_checkpoint and (work / CHECKPOINT).exists():
            for path in work.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
        else:
            shutil.rmtree(work, ignore_errors=True)

    def sweep(self, cells: Iterable[Placed], again: Collection[str] = ()) -> None:
        """Drop work folders and locks of finished cells, which a killed runner had no time to drop.

        A result that was to give way, and whose follower did not get to its place, returns to it.

        Args:
            cells: Those to look after.
            again: Keys of cells that will be computed, finished or not: their checkpoints stay.
        """
        left: set[str] = set()
        for place in ("work", "locks"):
            with contextlib.suppress(OSError):
                left |= {path.stem for path in (self.root / place).iterdir()}
        for cell in cells:
            if cell.key in left:
                lock = self.lock(cell)
                with contextlib.suppress(Timeout), lock.acquire():
                    self.restore(cell)
                    record = self.read(cell)
                    if record is not None and record.state == "done":
                        self.clear_work(cell, keep_checkpoint=cell.key in again)
                        lock.release(done=True)

    def restore(self, cell: Placed) -> None:
        """Put an older result back whose follower never came; who calls holds the cell's lock."""
        place = self.folder(cell)
        for old in sorted(self.work(cell).glob(f"{_OLD}*")):
            if not place.exists() and (old / RECORD).exists():
                with writable(self.root):
                    durable.make_folder(place.parent)
                    old.rename(place)

    def lock(self, cell: Placed) -> CellLock:
        """The lock of a cell, released by the system when its holder dies.

        Raises:
            BenchError: it cannot be made, or what the cell writes would lie elsewhere.
        """
        parent = f"runs/{cell.folder.rpartition('/')[0]}"
        walk.refuse_links(self.root, parent, f"work/{cell.key}", "locks")
        folder = self.root / "locks"
        with writable(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        return CellLock(folder / f"{cell.key}.lock")

    def check_writable(self) -> None:
        """Find out before the first cell runs, not after.

        Raises:
            BenchError: the results folder is read-only or full, or a folder in it is a link.
        """
        walk.refuse_links(self.root, "runs", "work", "locks")
        with writable(self.root):
            for name in ("runs", "work"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / "work" / f"writable-{os.getpid()}"
            probe.write_text("yes")
            probe.unlink()

    def _index(self) -> dict[str, tuple[index.Stamp, Record]]:
        """Folder -> stamp and record; lines that do not count are passed over."""
        path = self.runs / index.NAME
        try:
            return index.read(path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.damaged[index.NAME] = f"{path} is {error.strerror}: delete it"
            return {}


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
