"""Where a run's cells are computed: flags for that, and `bench cancel`."""

from __future__ import annotations

import argparse
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common, named_folders, words
from bench.errors import BenchError
from bench.plural import many

if TYPE_CHECKING:
    from bench.run.away import Away
    from bench.run.options import RunOptions
    from bench.store.folders import Store
    from bench.store.jobs import Given
    from bench.store.record import State

_MOST_GPUS = 100_000


def add(verbs: common.Verbs) -> None:
    """Declare the verb `cancel`."""
    parser = common.add_verb(verbs, "cancel", "end runs that compute elsewhere, and their jobs")
    common.add_results(parser)
    parser.set_defaults(action=cancel)


def cancel(arguments: argparse.Namespace) -> int:
    """End every run into a results folder that has given cells to Slurm or Dask."""
    from bench.run import slurm
    from bench.store import jobs

    named_folders.refuse_mistyped(arguments)
    given = jobs.found(arguments.results)
    for one in given:
        one.cancel()
        if one.executor == slurm.Slurm.name:
            slurm.cancel(one.name)
        where = one.executor or "any machine"
        common.say(f"cancelled {one.name}: {many(len(one.cells), 'cell')} given to {where}")
    jobs.forget_orphans(arguments.results)
    if not given:
        why = "no run with these results has jobs on other machines"
        print(f"nothing to cancel: {why} ({arguments.results})")
    return 0


def left(one: Given, states: Mapping[str, State]) -> dict[str, str]:
    """Key -> job of the cells among these that a run has given away and that are not done."""
    return {key: job for key, job in one.cells.items() if states.get(key, "done") != "done"}


def running(given: Iterable[Given], states: Mapping[str, State]) -> Iterator[str]:
    """A line for each job that has cells of these: its id, and its state where that is known."""
    from bench.run import slurm

    for one in given:
        known = slurm.queue(one.name) if one.executor == slurm.Slurm.name else None
        for job, cells in Counter(left(one, states).values()).items():
            if known is not None and job not in known:
                continue  # it has ended
            state = f" ({known[job].lower()})" if known else ""
            yield f"running: {one.executor} job {job}{state}: {many(cells, 'cell')}"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare where cells are computed."""
    parser.add_argument(
        "--executor",
        choices=("local", "slurm", "dask"),
        default="local",
        help="where cells are computed: on this machine (default), as jobs of Slurm, or by workers "
        "of Dask; changes no result",
    )
    parser.add_argument(
        "--executor-options",
        type=Path,
        metavar="FILE",
        help="a TOML file with what jobs ask for, in a table [slurm] or [dask]",
    )
    parser.add_argument(
        "--gpus",
        type=partial(words.count, what="GPUs", most=_MOST_GPUS),
        metavar="N",
        help="with --dry-run: how long the plan takes on so many",
    )


def refuse(arguments: argparse.Namespace) -> None:
    """Raise a BenchError for flags that say nothing together."""
    if arguments.executor_options and arguments.executor == "local":
        raise BenchError("--executor-options are for --executor slurm and dask")
    if arguments.gpus and not arguments.dry_run:
        raise BenchError("--gpus N is for --dry-run; jobs ask for GPUs in --executor-options")


def opened(
    arguments: argparse.Namespace, store: Store, options: RunOptions, *, wanted: bool
) -> contextlib.AbstractContextManager[Away] | None:
    """Where cells are computed; None: in processes of this machine, or nothing is wanted."""
    from bench.run import engines

    wanted = wanted and not arguments.dry_run
    if arguments.executor == "local":
        if wanted:  # what a run that is no more gave away would be computed twice
            engines.end_orphans(store.root)
        return None
    chosen = engines.read(arguments.executor_options, arguments.device)
    if not wanted:
        return None
    return engines.opened(arguments.executor, chosen, store, options.workers)
