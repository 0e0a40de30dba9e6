"""What lies below a results folder, found without following a link: it may be a stranger's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from bench.errors import BenchError
from bench.store import index
from bench.store.record import RECORD


def refuse_links(root: Path, *places: str) -> None:
    """Raises BenchError where the way from a folder to a place below leads through a link."""
    for place in places:
        way = root
        for part in place.split("/"):
            way /= part
            if way.is_symlink():
                raise BenchError(f"{way} is a link: no link below a results folder is followed")


def cells(runs: Path, damaged: dict[str, str]) -> Iterator[tuple[str, index.Stamp | None]]:
    """Every cell's folder, with the stamp of its record; None where there is no record.

    Args:
        runs: Their folder.
        damaged: Takes what stands in the place of a folder and is none, with a sentence on it.

    Raises:
        BenchError: a folder cannot be listed, so that nobody knows what is there.
    """
    refuse_links(runs.parent, runs.name)
    top = str(runs)
    for task in _folders(runs, "", damaged):
        for method in _folders(runs, f"{task}/", damaged):
            for name in _folders(runs, f"{task}/{method}/", damaged):
                folder = f"{task}/{method}/{name}"
                try:
                    status = os.lstat(f"{top}/{folder}/{RECORD}")
                except OSError:
                    yield folder, None
                else:
                    yield folder, index.stamp_of(status)


def by_method(runs: Path) -> dict[str, list[str]]:
    """Method -> its folders, one a task, in order; raises BenchError as `cells`."""
    refuse_links(runs.parent, runs.name)
    found = dict[str, list[str]]()
    for task in _folders(runs, "", {}):
        for method in _folders(runs, f"{task}/", {}):
            found.setdefault(method, []).append(f"{task}/{method}")
    return found


def below(runs: Path, folder: str) -> list[str]:
    """Names of the cells' folders in one that `by_method` names; raises BenchError as `cells`."""
    return _folders(runs, f"{folder}/", {})


def _folders(runs: Path, below: str, damaged: dict[str, str]) -> list[str]:
    """Names of the folders in one; hidden ones are none of a cell's."""
    try:
        with os.scandir(runs / below) as entries:
            found = {e.name: e.is_dir(follow_symlinks=False) for e in entries}
    except FileNotFoundError:  # nothing yet, or taken away meanwhile
        return []
    except OSError as error:
        raise BenchError(
            f"{runs / below} cannot be listed ({error.strerror}), so that nobody knows which cells "
            "are done: mend that, or choose another folder with --results"
        ) from error
    names = sorted(name for name in found if not name.startswith(".") and name != index.NAME)
    for name in names:
        if not found[name]:
            path = runs / below / name
            what = "a link, which is not followed" if path.is_symlink() else "no folder"
            damaged[f"{below}{name}"] = f"{path} is {what}: delete it"
    return [name for name in names if found[name]]
