"""Folders that flags name."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import ROOT
from bench.cli.common import data_root
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.store.folders import Store


def refuse_no_results(folder: Path | None) -> None:
    """Raises BenchError where --against names no results folder."""
    if folder and not (folder / "runs").is_dir():
        raise BenchError(f"--against {folder}: no results folder, it has no runs/")


def refuse_mistyped(arguments: argparse.Namespace) -> None:
    """Raises BenchError where --results names no results, to a verb that would find it empty."""
    mine = arguments.results
    if mine != arguments.parser.get_default("results") and not mine.is_dir():
        raise BenchError(f"--results {mine} is no folder: no run has left results there")
    refuse_too_deep(arguments)


def refuse_too_deep(arguments: argparse.Namespace) -> None:
    """Raises BenchError where --results names the runs/ of a results folder."""
    from bench.store.index import NAME

    mine = arguments.results
    if mine.name == "runs" and (mine / NAME).is_file():
        raise BenchError(f"--results {mine} is one folder too deep: say --results {mine.parent}")


def told_apart(results: Path, against: Path | None) -> tuple[str, str]:
    """What readers call both folders: the ends of their paths, as short as they differ."""
    mine, other = results.resolve().parts, against.resolve().parts if against else ()
    differ = (n for n in range(1, len(mine)) if mine[-n:] != other[-n:])
    length = next(differ, 1)  # of a folder and itself: its name
    return "/".join(mine[-length:]) + "/", "/".join(other[-length:]) + "/" if against else ""


def private(arguments: argparse.Namespace, store: Store) -> tuple[Path, ...]:
    """Folders of this machine, which logs may name and nobody else need read."""
    return (
        store.root, data_root(arguments.data_root), ROOT, Path.home(), Path(tempfile.gettempdir()),
        Path(sys.prefix), Path(sys.base_prefix), Path.cwd(),
    )  # fmt: skip
