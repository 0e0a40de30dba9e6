"""The verbs `run` and `export` as functions: their flags are keywords, tables are data frames."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import bench
from bench import cli, registry, shipped
from bench.cli import export, mistakes
from bench.cli import run as run_verb
from bench.errors import BenchError, unknown
from bench.plan.given import words
from bench.run import server

_REPEATED = ("plugins", "set")
"""Flags that are given once for each value."""
_COMMANDS_OWN = ("help", "output", "format", "predictions", "check")
"""Flags that say what a command writes or how it exits: a function gives its frame back."""
Stamp = tuple[int, int]
_stamps: dict[Path, Stamp] = {}
"""Module's file -> time and size, as it was imported."""


def run(*experiments: str | Path, quiet: bool = False, **flags: Any) -> pd.DataFrame:
    """Compute the missing cells of experiments, as `python -m bench run` does, and return all.

    Each cell runs in a process of its own, so that a failed one is a state in the frame. Neither a
    notebook nor a script needs `if __name__ == "__main__"`. An interrupted call goes on where it
    stopped when it is made again.

    Args:
        experiments: Names that `python -m bench list experiments` shows, or paths to TOML files.
        quiet: Print nothing: neither progress, nor notes, nor the files that are written.
        flags: The verb's flags, "-" as "_": `methods=["kmeans"]`, `tasks=["digits/cluster"]`,
            `seeds=3` (the first three) or `seeds=[0, 4]` (just these), `preset="paper"`,
            `set={"dec": {"batch_size": 64}}` or `set={"dec.batch_size": 64}`, `results="…"`,
            `data_root="…"`, `plugins="my/"`, `workers=2`, `timeout="20m"`, `retry_failed=True`,
            `rerun_stale=True`, …

    Returns:
        As `results` of the same experiments, methods, tasks and seeds.

    Raises:
        BenchError: an unknown name or flag with the nearest match, or what else the command says.
    """
    arguments = _parsed("run", experiments, flags)
    with (
        _steady(arguments.plugins),
        contextlib.redirect_stdout(io.StringIO() if quiet else sys.stdout),
        contextlib.redirect_stderr(io.StringIO() if quiet else sys.stderr),
    ):
        run_verb.act(arguments)
        return export.frame_of(arguments)


def results(*experiments: str | Path, **flags: Any) -> pd.DataFrame:
    """What was measured as a tidy frame, as `python -m bench export` writes it.

    Args:
        experiments: Names, or paths to TOML files; none for every record of the results folder.
        flags: That verb's flags, as in `run`.

    Returns:
        A row for each cell and metric, by task, method, preset, seed: `key`, `method`, `params`
        (JSON), `task`, `seed`, `preset`, `state`, `metric`, `value` (fractions in 0..1), seconds,
        bytes, versions, …; `bench.report.frame.COLUMNS` has all with their types. A cell of an
        experiment without a metric, because it is missing or failed, has one row.

    Raises:
        BenchError: as `run`.
    """
    arguments = _parsed("export", experiments, flags)
    with _steady(arguments.plugins):
        return export.frame_of(arguments)


def _parsed(verb: str, experiments: Iterable[object], flags: Mapping[str, Any]) -> Any:
    """What the command line would make of the same words."""
    parser = cli.parser()
    known = _flags(parser.parse_args([verb]).parser)
    called = "results" if verb == "export" else verb
    for one in experiments:
        if not isinstance(one, str | Path):
            raise BenchError(f"{one!r} is no name: write bench.{called}('digits', 'mnist')")
    line = [verb, *map(str, experiments)]
    for name, value in flags.items():
        if name not in known:
            raise unknown(f"argument of bench.{called}", name, known)
        line += _words(name, value)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            arguments, rest = parser.parse_known_args(line)
    except SystemExit as end:
        raise BenchError(said.getvalue().removeprefix("bench: ").strip()) from end
    mistakes.refuse_rest(arguments, rest)
    return arguments


def _flags(parser: argparse.ArgumentParser) -> set[str]:
    """The flags of a verb, as keywords."""
    options = (flag for one in parser._actions for flag in one.option_strings)
    found = {flag[2:].replace("-", "_") for flag in options if flag.startswith("--")}
    return found.difference(_COMMANDS_OWN)


def _words(name: str, value: Any) -> list[str]:
    """One keyword as words of a command line."""
    if value is None or value is False:
        return []
    if name == "set" and isinstance(value, Mapping):
        value = _set(value)
    listed = [value] if isinstance(value, str | Path) or not isinstance(value, Iterable) else value
    if name == "seeds" and isinstance(value, Iterable) and not isinstance(value, str):
        name = "seed_list"
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return [flag]
    if name in _REPEATED:
        return [f"{flag}={one}" for one in listed]
    return [f"{flag}={','.join(map(str, listed))}"]


def _set(given: Mapping[Any, Any]) -> list[str]:
    """METHOD.PARAM=VALUE of method -> parameter -> value, or of "METHOD.PARAM" -> value."""
    found: list[str] = []
    for name, value in given.items():
        method, _, param = str(name).rpartition(".")
        if isinstance(value, Mapping):
            found += words({str(name): value})
        elif method:
            found += words({method: {param: value}})
        else:
            raise BenchError(
                f"set={{{name!r}: {value!r}}}: write {{'kmeans.n_init': 5}} or "
                "{'kmeans': {'n_init': 5}}"
            )
    return found


@contextlib.contextmanager
def _steady(plugins: Iterable[Path]) -> Iterator[None]:
    """Leave the environment as it was, and refuse code that is not what was imported.

    Workers are forked from a server that stays, with the methods that it imported when it started.
    """
    before, workers = dict(os.environ), server.pid()
    there = {file: _stamp(file) for file in _shipped()}
    try:
        registry.use(plugins)
        _refuse_changed()
        _remember()
        yield
    finally:
        if server.pid() != workers:
            _stamps.update(there)
        _remember()
        os.environ.clear()
        os.environ.update(before)


def _refuse_changed() -> None:
    """Raise a BenchError where a module's file is not the one that was imported.

    A command line lives for one run; here records would tell of the new code and hold results of
    the old.
    """
    for path, stamp in _stamps.items():
        if _stamp(path) != stamp:
            raise BenchError(f"{path} has changed since it was imported: restart Python")


def _remember() -> None:
    """Note the files of our own modules, plug-ins among them, that were not noted before."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.startswith("bench"):
            _stamps.setdefault(Path(file), _stamp(Path(file)))


def _shipped() -> Iterator[Path]:
    """The files of all modules that a worker may import, but for plug-ins."""
    for folder in (Path(bench.__file__).parent, *shipped.FOLDERS):
        yield from folder.rglob("*.py")


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
