"""Whether data sets are here. Planning looks and writes nothing; a run makes them ready."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.datasets.dataset import get
from bench.datasets.prepare import kept, prepare
from bench.datasets.task_specs import TaskSpec
from bench.errors import BenchError, Lack


def lack(name: str, root: Path, splits: Iterable[str]) -> Lack | None:
    """What of these splits is neither prepared nor in a source; None if all are here.

    Cheap: it looks at paths and headers, and reads no images.
    """
    dataset, wanted = get(name), set(splits)
    try:
        prepared = kept(name, root)
        source = dataset.source(root)
        there = source.splits(dataset, root) if source else set()
    except BenchError as error:
        return Lack(str(error))
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


def unprepared(name: str, root: Path, splits: Iterable[str]) -> Lack | None:
    """What to prepare first, of splits that are here: their fingerprint may yet change.

    A pinned one is known beforehand, since images of another fingerprint are refused: unless the
    data set has known parts, or the source is known to hold other pixels.
    """
    dataset, prepared = get(name), kept(name, root)
    left = set(splits) - set(prepared.counts if prepared else ())
    pinned = left <= dataset.pins.keys() and not dataset.partials
    if not left or (pinned and not getattr(dataset.source(root), "note", "")):
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
