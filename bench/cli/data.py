"""`bench data`: list, prepare, fetch and verify data sets."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common, following, selection
from bench.errors import BenchError, Unavailable

if TYPE_CHECKING:
    from bench.plan.graph import Options, Plan

ACTIONS = ("list", "prepare", "fetch", "verify")


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "data", "list, prepare, fetch or verify data sets")
    parser.add_argument(
        "action_name",
        metavar="ACTION",
        choices=ACTIONS,
        help="list; prepare (from files here); fetch (from the publisher); verify",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", default=[], help="data sets")
    parser.add_argument("--json", action="store_true", help="of `data list`: for programs")
    common.add_places(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Do one thing with each data set named."""
    from bench.cli import listing
    from bench.datasets import get
    from bench.datasets.task_specs import refuse_waiting

    if arguments.action_name == "list":
        if arguments.names:
            return listing.say_datasets(arguments, arguments.names)
        arguments.kind = "datasets"
        return listing.act(arguments)
    if arguments.json:
        raise BenchError("--json belongs to `data list`")
    if not arguments.names:
        raise BenchError(
            f"data {arguments.action_name}: name a data set; `python -m bench data list` does"
        )
    common.load_plugins(arguments)
    refuse_waiting()
    root = common.data_root(arguments.data_root)
    for name in arguments.names:
        get(name)
    if arguments.action_name == "verify":
        return _verify(arguments, root)
    for name in arguments.names:
        _prepare(name, arguments, root)
    return 0


def _verify(arguments: argparse.Namespace, root: Path) -> int:
    """Verify one after another; exit status 1 where one is not prepared, or damaged."""
    from bench.datasets import verify

    status = 0
    for name in arguments.names:
        try:
            print("\n".join(verify(name, root)))
        except BenchError as error:
            common.say(f"{name}: {following.completed(str(error), arguments)}", sys.stderr)
            status = 1
    return status


def _prepare(name: str, arguments: argparse.Namespace, root: Path) -> None:
    """Prepare a data set, fetch it if that is asked, and say what of it is there and what not."""
    from bench.datasets import availability, get, prepare
    from bench.datasets.dataset import is_shipped
    from bench.datasets.verified import refuse_unfit_tasks

    done = prepare(name, root, download=arguments.action_name == "fetch")
    declared = get(name).counts
    splits = ", ".join(f"{one} {done.counts[one]:,}" for one in declared if one in done.counts)
    print(f"{name}: {len(done.images):,} images ready in {done.folder} ({splits})")
    if missing := availability(name, root, declared):
        print(following.completed(missing, arguments))
    if not is_shipped(name):  # tasks of ours may ask for columns that come with further files
        refuse_unfit_tasks(done)


def made_ready(plan: Plan, options: Options) -> Plan:
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


def fetch_missing(arguments: argparse.Namespace) -> None:
    """Prepare every data set that the experiments name, from its publisher if need be.

    What cannot be had is said and passed over: its cells are unavailable.
    """
    from bench.datasets import lack, prepare
    from bench.datasets.dataset import get
    from bench.datasets.task_specs import get_task

    common.load_plugins(arguments)
    options = selection.options_of(arguments)
    root = options.data_root
    tasks = {
        task
        for one in selection.chosen_experiments(arguments)
        for entry in one.entries()
        if entry.runs and options.takes(entry)
        for task in (*entry.all_tasks, entry.probe)
        if task
    }
    wanted = {pair for task in tasks for pair in get_task(task).datasets()}
    lacking = sorted({name for name, split in wanted if lack(name, root, [split])})
    for name in (name for name in lacking if not get(name).on_request):
        print(f"data   fetching {name}", flush=True)
        try:
            prepare(name, root, download=True)
        except Unavailable as error:
            print(f"data   {error}", flush=True)
