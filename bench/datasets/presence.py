"""Whether data sets are here. Planning looks and writes nothing; a run makes them ready."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.dataset import get
from bench.datasets.prepare import Prepared, current, prepare
from bench.datasets.task_specs import TaskSpec
from bench.errors import BenchError, Lack


@dataclass(frozen=True)
class Presence:
    """What is here of a data set, as one look tells."""

    name: str
    root: Path
    prepared: Prepared | None = None
    """None too where its files, or its declaration, have changed since."""
    there: frozenset[str] = frozenset()
    """The splits that a source holds."""
    note: str = ""
    """How that source's images are known to differ from the pinned ones."""
    damage: str = ""
    """What is wrong with its files."""

    @property
    def fingerprints(self) -> dict[str, str]:
        """Split -> fingerprint, of what is prepared or else as pinned."""
        return {**get(self.name).pins, **(self.prepared.fingerprints if self.prepared else {})}


def look(name: str, root: Path) -> Presence:
    """Look at paths and headers, and read no images: cheap, yet not free for many files."""
    dataset = get(name)
    try:
        prepared, source = current(name, root), dataset.source(root)
        there = frozenset(dataset.splits(source, root)) if source else frozenset()
    except BenchError as error:
        return Presence(name, root, damage=str(error))
    return Presence(name, root, prepared, there, getattr(source, "note", ""))


def lack(name: str, root: Path, splits: Iterable[str], seen: Presence | None = None) -> Lack | None:
    """What of these splits is neither prepared nor in a source; None if all are here.

    Args:
        name: Of a data set.
        root: The data root.
        splits: Which are wanted.
        seen: What `look` said, where that was asked before.
    """
    dataset, wanted, seen = get(name), set(splits), seen or look(name, root)
    if seen.damage:
        return Lack(seen.damage)
    prepared, there = seen.prepared, seen.there
    if prepared and wanted <= set(prepared.counts):
        return None
    if wanted <= there:
        if not dataset.on_request:
            return None
        how = f"`python -m bench data prepare {name}` does it, in {dataset.on_request}"
        return Lack(name, how)
    known = there | set(prepared.counts if prepared else ())
    missing = tuple(split for split in dataset.counts if split in wanted - known)
    return Lack(name, f"{dataset.how_to_get}, or --data-root", missing, str(root))


def availability(name: str, root: Path, splits: Iterable[str]) -> str:
    """The same as a sentence, "" if all are here."""
    return str(lack(name, root, splits) or "")


def unprepared(
    name: str, root: Path, splits: Iterable[str], seen: Presence | None = None
) -> Lack | None:
    """What to prepare first, of splits that are here: their fingerprint may yet change.

    A pinned one is known beforehand, since images of another fingerprint are refused: unless the
    data set has known parts, or the source is known to hold other pixels. Arguments as of `lack`.
    """
    dataset, seen = get(name), seen or look(name, root)
    left = set(splits) - set(seen.prepared.counts if seen.prepared else ())
    pinned = left <= dataset.pins.keys() and not dataset.partials
    if not left or (pinned and not seen.note):
        return None
    return Lack(name, f"`python -m bench data prepare {name}` does it, and so does `run`")


def make_ready(tasks: Iterable[TaskSpec], root: Path) -> dict[str, Lack]:
    """Prepare the data of tasks where they are here.

    Returns:
        Data set -> what is wrong with it, of those that turn out to be damaged.
    """
    damaged: dict[str, Lack] = {}
    done: set[str] = set()
    for task in tasks:
        for name, splits in task.splits().items():
            if name in done or lack(name, root, splits):
                continue
            done.add(name)
            try:
                prepare(name, root)
            except BenchError as error:
                damaged[name] = Lack(str(error))
    return damaged
