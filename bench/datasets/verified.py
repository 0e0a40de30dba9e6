"""Whether prepared data are what was written, and hold what tasks ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets import checksums
from bench.datasets.cache import cache_root, read_meta
from bench.datasets.dataset import get
from bench.datasets.fingerprint import canonical_order, fingerprint, pixel_hashes, records
from bench.datasets.parts import select
from bench.datasets.prepare import Prepared, current, how_to_mend, judged, kept, split_indices
from bench.datasets.task_specs import tasks
from bench.errors import BenchError


def verify(name: str, root: Path) -> list[str]:
    """Hash the prepared arrays again; one line per split.

    Raises:
        BenchError: nothing is prepared, or the arrays are not what was prepared or is pinned.
    """
    dataset, prepared = get(name), kept(name, root)
    if prepared is None:
        raise BenchError(f"{name} is not prepared: run `python -m bench data prepare {name}`")
    if current(name, root) is None:
        raise BenchError(
            f"{name} was prepared from other files than are here now, or as it was declared "
            f"before: run `python -m bench data prepare {name}`"
        )
    mend = how_to_mend(prepared.folder)
    prepared.verify()
    columns = prepared.columns
    hashes = pixel_hashes(prepared.images)
    if any(len(values) != len(hashes) for values in columns.values()):
        raise BenchError(f"{prepared.folder}: its images and columns differ in number: {mend}")
    record_hashes = records(hashes, columns, prepared.names)
    if (canonical_order(hashes, record_hashes) != np.arange(len(hashes))).any():
        raise BenchError(f"{prepared.folder} is out of order: {mend}")
    lines = []
    for split, index in split_indices(dataset, columns, len(hashes)).items():
        found = fingerprint(record_hashes[i] for i in index)
        if found != prepared.fingerprints[split]:
            raise BenchError(
                f"{prepared.folder}: {split} is not what was prepared (fingerprint {found[:16]}…, "
                f"expected {prepared.fingerprints[split][:16]}…): {mend}"
            )
        status = judged(dataset, split, index.size, found, pinned=not prepared.note)
        lines.append(f"{name} {split}: {status}, {index.size:,} images, {found}")
    return lines + _verify_parts(name, root)


def _verify_parts(name: str, root: Path) -> list[str]:
    """Hash the parts of a data set that tasks were given; a line on them, where there are any.

    Raises:
        BenchError: a part is damaged; names the first.
    """
    sound = unknown = 0
    for folder in sorted((cache_root(root) / name / "parts").glob("*")):
        if folder.is_dir() and not folder.name.endswith((".new", ".old")):
            mend = f"delete {folder} and run the command again"
            done = checksums.verify(folder, read_meta(folder, mend) or {}, mend)
            sound, unknown = sound + done, unknown + (not done)
    are = "part is as it was" if sound == 1 else "parts are as they were"
    lines = [f"{name}: {sound} prepared {are} written"] if sound else []
    if unknown:
        folder = cache_root(root) / name / "parts"
        lines.append(
            f"{name}: {unknown} prepared parts have no checksum, they are from before there were "
            f"any; delete {folder} to have them made again"
        )
    return lines


def refuse_unfit_tasks(prepared: Prepared) -> None:
    """Raise a BenchError where a task asks for what a data set turns out not to have."""
    for task in tasks().values():
        for role, part in task.parts().items():
            if part.dataset != prepared.name or not set(part.splits()) <= prepared.counts.keys():
                continue
            try:
                _, _, values = select(part, prepared)
            except BenchError as error:
                raise BenchError(f"{role} of task '{task.name}': {error}") from error
            if role == "target" and (wrong := task.other_number(len(values))):
                raise BenchError(wrong)
