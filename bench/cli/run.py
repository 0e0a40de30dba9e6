"""`bench run`: compute what is missing, then write the tables and figures."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common, data, executors, following, named_folders, selection, words
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.plan.graph import Plan
    from bench.report.view_types import TableView
    from bench.run.options import RunOptions
    from bench.store.folders import Store
    from bench.store.kept_plan import Asked
    from bench.store.record import State
    from bench.store.states import Results

NOTHING = 3
"""Exit status where nothing of what was named could be measured."""
EPILOG = """\
Cells that are done are never computed again; stop it anywhere and start it again. Seed 0 of
everything comes first, then seed 1, so that an early stop leaves a balanced table.

  python -m bench run --all --dry-run            the plan and its cost
  python -m bench run digits --budget 30m        as much as fits
  python -m bench run --all --retry-failed       failed cells once more"""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(
        verbs, "run", "compute missing cells, then write tables and figures", epilog=EPILOG
    )
    add_flags(parser)
    parser.set_defaults(action=act)


def add_flags(parser: argparse.ArgumentParser, *, named: bool = True) -> None:
    """Declare how cells are chosen and computed.

    Args:
        parser: Of a verb.
        named: With names of experiments and --all.
    """
    common.add_selection(parser, named=named, every=named)
    common.add_places(parser)
    parser.add_argument(
        "--workers",
        type=partial(words.count, what="workers", most=words.MOST_WORKERS),
        metavar="N",
        help="cells at a time (default: one a core that may be used, one a GPU); changes no result",
    )
    parser.add_argument(
        "--budget",
        type=words.duration,
        metavar="30m",
        help="stop cleanly after this long; exit status 1 if cells are left",
    )
    parser.add_argument(
        "--timeout",
        type=words.duration,
        metavar="20m",
        help="kill a cell after this long (default: 20m, or five times its estimate if longer)",
    )
    parser.add_argument(
        "--memory",
        type=words.size,
        metavar="4G",
        help="a cell that takes more fails, its processes and shared memory counted (CPU only; "
        "default: no limit)",
    )
    executors.add_flags(parser)
    parser.add_argument("--retry-failed", action="store_true", help="compute failed cells again")
    parser.add_argument(
        "--rerun-stale", action="store_true", help="compute cells again whose code has changed"
    )
    parser.add_argument(
        "--check", action="store_true", help="end with the exit status of `bench check`"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and its cost only")
    parser.add_argument(
        "--download", action="store_true", help="get missing data sets from their publishers first"
    )


def act(arguments: argparse.Namespace) -> int:
    """Plan, run, render; returns the exit status."""
    if not arguments.every and not arguments.experiments:
        raise BenchError(
            "name an experiment or say --all; `python -m bench list experiments` names them"
        )
    executors.refuse(arguments)
    named_folders.refuse_too_deep(arguments)
    if arguments.memory and arguments.device == "cuda":
        raise BenchError("--memory limits cells on the CPU only; leave it out with --device cuda")
    from bench import registry
    from bench.cli import numbers_shown, progress
    from bench.plan import graph
    from bench.store import kept_plan, states
    from bench.store.folders import Store

    start = time.monotonic()
    plugins = tuple(p.resolve() for p in arguments.plugins)
    os.environ[registry.PLUGINS] = os.pathsep.join(map(str, plugins))
    asked = selection.asked_of(arguments)
    plan = _planned(arguments, asked)
    store = Store(arguments.results, read_only=arguments.dry_run)
    chosen = selection.options_of(arguments)
    if not arguments.dry_run:
        store.check_writable()
        plan = data.made_ready(plan, chosen)
        if asked:
            kept_plan.keep(asked, plan)
    results, options = states.read(plan, store), _run_options(arguments, plugins)
    again = {flag: getattr(arguments, flag) for flag in ("retry_failed", "rerun_stale")}
    wanted = states.to_run(plan, results.states, results.lacks, **again)
    # What writes the tables is imported before hours of work, not after them.
    importlib.import_module("bench.report.table_views")
    importlib.import_module("bench.render.write")
    found, whole = _computed(arguments, store, results, wanted, options)
    if arguments.dry_run:
        return 0
    if wanted:
        results = states.read(plan, store)
    for reason in store.damaged.values():
        common.say(f"note   {reason}")
    if set(found.values()) == {"unavailable"} and graph.device_lacks(chosen):
        print("note   nothing can be measured on this device: tables stay as they are")
        return NOTHING
    tables, written = _write(arguments, results, store)
    for line in numbers_shown.lines(tables):
        common.say(line)
    copied = {verb: following.words(arguments, verb) for verb in ("report", "status")}
    progress.print_end(found, written, time.monotonic() - start, whole=whole, words=copied)
    return _status(arguments, dataclasses.replace(results, states=found), whole=whole)


def _computed(
    arguments: argparse.Namespace,
    store: Store,
    results: Results,
    wanted: Set[str],
    options: RunOptions,
) -> tuple[Mapping[str, State], bool]:
    """Say what is wanted and compute it, unless the plan alone was asked for.

    Returns:
        Every cell's state then, and whether the budget sufficed.
    """
    from bench.cli import lacks, progress
    from bench.plan.called import called
    from bench.run import server
    from bench.store import cost

    plan = results.plan
    with contextlib.ExitStack() as stack:
        stack.enter_context(_terminable())
        # Before workers of Dask's begin, which take it over.
        stack.enter_context(server.preloading(plan.cells[key].method for key in wanted))
        made = executors.opened(arguments, store, options, wanted=bool(wanted))
        pool = stack.enter_context(made) if made else None
        workers = arguments.gpus or (pool.engine.workers if pool else options.workers)
        costs = cost.Costs(results.records.values(), options.data_root, results.plan.cells)
        progress.print_plan(results, wanted, workers, costs)
        for line in lacks.by_kind(lacks.of(results.states, results.lacks)):
            print(f"       unavailable: {following.completed(line, arguments)}", flush=True)
        if not arguments.gpus and (arguments.dry_run or not wanted):
            return results.states, True
        from bench.run.runner import Runner  # it takes a while, and cells alone need it

        display = progress.make(sys.stdout, called(plan.cells))
        runner = Runner(plan, store, options, display, pool, results=results, wanted=wanted)
        if arguments.gpus:
            progress.print_forecast(plan, runner, arguments.gpus)
            return results.states, True
        with display.over(runner.seconds, workers):
            whole = runner.run()
    return runner.states, whole


def _workers(arguments: argparse.Namespace) -> int:
    from bench.run import cores

    if arguments.workers:
        return int(arguments.workers)
    return max(len(cores.gpus()), 1) if arguments.device == "cuda" else cores.usable()


def _planned(arguments: argparse.Namespace, asked: Asked | None) -> Plan:
    """The plan, with what it does not hold said where somebody may look for it."""
    from bench.plan import experiment
    from bench.store import machine

    if arguments.download and not arguments.dry_run:
        data.fetch_missing(arguments)
    if arguments.dtype == "bfloat16" and arguments.device == "cpu" and machine.lacks_bfloat16():
        print("note   this processor has no instructions for bfloat16: it will be slow")
    plan = selection.plan_for(arguments, asked)
    for one in plan.experiments:
        if one.name in experiment.names() and not one.shipped:
            named = f"the project's experiment '{one.name}', whose tables it replaces"
            common.say(f"note   {one.path} has the name of {named} in {arguments.results}")
    rest = sorted({*experiment.names()} - {one.name for one in plan.experiments})
    if rest and arguments.every and not arguments.given:
        print(f"plan   not in --all, for they take long: {', '.join(rest)}")
    return plan


def _run_options(arguments: argparse.Namespace, plugins: tuple[Path, ...]) -> RunOptions:
    from bench.run import cores
    from bench.run.options import RunOptions

    return RunOptions(
        workers=_workers(arguments),
        data_root=common.data_root(arguments.data_root),
        timeout=arguments.timeout,
        budget=arguments.budget,
        memory=arguments.memory or 0,
        plugins=plugins,
        devices=cores.gpus() if arguments.device == "cuda" else (),
    )


def _write(
    arguments: argparse.Namespace, results: Results, store: Store
) -> tuple[list[TableView], list[Path]]:
    """Write the tables, whole whatever was selected; returns them and the files."""
    from bench.cli import render
    from bench.report.table_views import views
    from bench.store.states import read

    options = selection.options_of(arguments)
    if options.selects:
        every = options.whole()
        results = read(data.made_ready(selection.whole(results.plan, options), every), store)
    made = views(results)
    return made[0], render.write_all(made, store.root, results.plan.shown)


def _status(arguments: argparse.Namespace, results: Results, *, whole: bool) -> int:
    """The exit status, once it was said what became of the numbers."""
    from bench.cli import check
    from bench.store.states import counts

    compared, found = check.after_run(arguments, results), counts(results.states)
    if results.plan.cells and found["unavailable"] == len(results.plan.cells):
        return NOTHING
    bad = found["failed"] or found["blocked"] or not whole
    return 1 if bad else compared if arguments.check else 0


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, which batch systems send before they kill, end a run as Ctrl-C does."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, before)  # a second one does not wait for workers
        raise KeyboardInterrupt(common.TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
