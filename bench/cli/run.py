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
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from bench.cli import common, words
from bench.errors import BenchError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from bench.plan.graph import Options, Plan
    from bench.report.view_types import TableView
    from bench.run.runner import Runner, RunOptions
    from bench.store.folders import Store
    from bench.store.states import Results

NOTHING = 3
"""Exit status where nothing of what was named could be measured."""
_MOST_WORKERS = 1024
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
        type=partial(words.count, what="workers", most=_MOST_WORKERS),
        metavar="N",
        help="cells at a time (default: one a core that may be used, one on a GPU); changes no "
        "result",
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
        default=1200.0,
        help="kill a cell after this long (default: 20m)",
    )
    parser.add_argument(
        "--memory",
        type=words.size,
        metavar="4G",
        help="a cell that takes more fails, its processes and shared memory counted (CPU only; "
        "default: no limit)",
    )
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
    if arguments.memory and arguments.device == "cuda":
        raise BenchError("--memory limits cells on the CPU only; leave it out with --device cuda")
    from bench import registry
    from bench.cli import numbers_shown, progress
    from bench.run.runner import Runner
    from bench.store import cost
    from bench.store.folders import Store

    start = time.monotonic()
    plugins = tuple(p.resolve() for p in arguments.plugins)
    os.environ[registry.PLUGINS] = os.pathsep.join(map(str, plugins))
    plan = _planned(arguments)
    store = Store(arguments.results, read_only=arguments.dry_run)
    if not arguments.dry_run:
        store.check_writable()
        plan = _made_ready(plan, common.options_of(arguments))
    options = _run_options(arguments, plugins)
    # What writes the tables is imported before hours of work, not after them.
    importlib.import_module("bench.report.table_views")
    importlib.import_module("bench.render.write")
    display = progress.make(sys.stdout)
    runner = Runner(plan, store, options, display)
    costs = cost.Costs(runner.records.values(), options.data_root)
    progress.print_plan(plan, runner, options.workers, costs)
    if arguments.dry_run:
        return 0
    seconds = {cell.key: costs.of(cell).seconds for cell in runner.wanted_cells()}
    with _terminable(), display.over(seconds, options.workers):
        whole = runner.run()
    for reason in store.damaged.values():
        common.say(f"note   {reason}")
    made, written, results = _write(arguments, plan, store, runner)
    for line in numbers_shown.lines(made):
        common.say(line)
    progress.print_end(runner.states, written, time.monotonic() - start, whole=whole)
    return _status(arguments, results, whole=whole)


def _planned(arguments: argparse.Namespace) -> Plan:
    """The plan, with what it does not hold said where somebody may look for it."""
    from bench.plan import experiment
    from bench.store import record

    if arguments.download and not arguments.dry_run:
        _download(arguments)
    if arguments.dtype == "bfloat16" and arguments.device == "cpu" and record.lacks_bfloat16():
        print("note   this processor has no instructions for bfloat16: it will be slow")
    plan = common.plan_for(arguments)
    if arguments.every and not arguments.given:
        for name in sorted({*experiment.names()} - {one.name for one in plan.experiments}):
            print(f"plan   {name}: run by its name alone")
    return plan


def _run_options(arguments: argparse.Namespace, plugins: tuple[Path, ...]) -> RunOptions:
    from bench.run import cores
    from bench.run.runner import RunOptions

    return RunOptions(
        workers=arguments.workers or (1 if arguments.device == "cuda" else cores.usable()),
        data_root=common.data_root(arguments),
        timeout=arguments.timeout,
        budget=arguments.budget,
        memory=arguments.memory or 0,
        retry_failed=arguments.retry_failed,
        rerun_stale=arguments.rerun_stale,
        plugins=plugins,
    )


def _write(
    arguments: argparse.Namespace, plan: Plan, store: Store, runner: Runner
) -> tuple[list[TableView], list[Path], Results]:
    """Write the tables, whole whatever was selected; returns them, the files and the results."""
    from bench.cli import render
    from bench.report.table_views import views
    from bench.store.states import Results, read

    options = common.options_of(arguments)
    if options.selects:
        every = options.whole()
        results = read(_made_ready(common.whole(plan, options), every), store)
    elif runner.wanted_cells():
        results = read(plan, store)
    else:  # nothing new: once through the store is enough
        results = Results(plan, runner.records, runner.states, store.runs)
    made = views(results)
    written = render.write_all(made, store.root, plan.shown)
    return made[0], written, dataclasses.replace(results, plan=plan, states=runner.states)


def _status(arguments: argparse.Namespace, results: Results, *, whole: bool) -> int:
    """The exit status, once it was said what became of the numbers."""
    from bench.cli import check
    from bench.store.states import counts

    compared, found = check.after_run(results), counts(results.states)
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


def _made_ready(plan: Plan, options: Options) -> Plan:
    """The same plan, the data of its cells prepared where they are here.

    It is made again only where that tells something new: a fingerprint, or a damage.
    """
    from bench.datasets import get_task, make_ready
    from bench.plan import graph

    names = dict.fromkeys(cell.task for cell in plan.cells.values())
    damaged = make_ready(map(get_task, names), options.data_root)
    if not damaged and not plan.unprepared:
        return plan
    return graph.make(plan.experiments, dataclasses.replace(options, damaged=damaged))


def _download(arguments: argparse.Namespace) -> None:
    """Prepare every data set that the experiments name, from its publisher if need be.

    What cannot be had is said and passed over: its cells are unavailable.
    """
    from bench.datasets import lack, prepare
    from bench.datasets.dataset import get
    from bench.datasets.task_specs import get_task

    common.load_plugins(arguments)
    root = common.data_root(arguments)
    tasks = {
        task
        for one in common.chosen_experiments(arguments)
        for entry in one.entries()
        for task in entry.all_tasks
        if entry.runs and (not arguments.tasks or task in arguments.tasks)
    }
    wanted = {pair for task in tasks for pair in get_task(task).datasets()}
    lacking = sorted({name for name, split in wanted if lack(name, root, [split])})
    for name in (name for name in lacking if not get(name).on_request):
        print(f"data   fetching {name}", flush=True)
        try:
            prepare(name, root, download=True)
        except Unavailable as error:
            print(f"data   {error}", flush=True)
