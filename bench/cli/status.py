"""`bench status`: the state of every cell."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.cli import columns, common, executors, following, named_folders, selection
from bench.files import printable
from bench.plural import many
from bench.store import collecting

if TYPE_CHECKING:
    from bench.store.record import Record
    from bench.store.states import Results


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "status", "count cells by state and name them")
    common.add_selection(parser, every=True)
    common.add_places(parser)
    parser.add_argument("--failed", action="store_true", help="the failed cells, and why")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print the states of the cells of some experiments, all by default."""
    with collecting.put_off():
        return _told(arguments)


def _told(arguments: argparse.Namespace) -> int:
    from bench.cli import lacks
    from bench.report.figure_views import damaged_curves
    from bench.store import jobs, locks, outside, provenance
    from bench.store.folders import Store
    from bench.store.states import counts, read

    named_folders.refuse_mistyped(arguments)
    store = Store(arguments.results, read_only=True)
    results = read(selection.plan_for(arguments), store)
    plan, found = results.plan, results.states
    damaged = store.damaged | damaged_curves(results)
    given = jobs.found(store.root)
    away = {k: j for one in given for k, j in executors.left(one, found).items()}
    here = locks.holders(store.root / "locks")
    # A run that gives cells away holds the locks of them all.
    here = {k: who for k, who in here.items() if found.get(k, "done") != "done" and k not in away}
    others = outside.of(results) if selection.means_all(arguments) else {}
    if arguments.json:
        content = _content(results, failed=arguments.failed) | {"damaged": damaged}
        content |= {"jobs": away, "running": here}
        content |= {"others": {key: record.state for key, record in others.items()}}
        print(json.dumps(content, indent=1))
        return 0
    for reason in (*common.of_empty(store), *damaged.values()):
        common.say(f"note: {reason}")
    if arguments.failed:
        _say_failed(arguments, results, others)
        return 0
    rows = []
    for one in plan.experiments:
        mine = {k: found[k] for k in plan.of(one.name)}
        waiting = {k: state for k, state in mine.items() if k not in here}
        running = {"running": len(mine) - len(waiting)} if here else {}
        rows.append({"experiment": one.name, "cells": len(mine), **counts(waiting), **running})
    columns.say(list(rows[0]), [list(row.values()) for row in rows])
    for who, count in Counter(here.values()).items():
        common.say(f"running: {who}: {many(count, 'cell')}")
    for line in executors.running(given, found):
        common.say(line)
    for line in lacks.by_way(lacks.of(found, results.lacks)):
        common.say(f"unavailable: {following.completed(line, arguments)}")
    for line in provenance.notes(results):
        common.say(f"note: {following.completed(line, arguments)}")
    if others:
        common.say(f"note: {outside.told(others)}")
    return 0


def _say_failed(
    arguments: argparse.Namespace, results: Results, others: Mapping[str, Record]
) -> None:
    """Name each failed cell with its reason, and how to compute them again."""
    from bench.plan.called import called, called_by
    from bench.store import outside
    from bench.store.states import counts

    places = following.words(arguments, "show")
    mine = {k: results.records[k] for k, state in results.states.items() if state == "failed"}
    _say_each(mine, called(results.plan.cells), places)
    if mine:
        print(f"`python -m bench run{_again(arguments, results)}` computes them again")
    else:
        told = [f"{n} {state}" for state, n in counts(results.states).items() if n]
        print(f"none of these cells failed: {', '.join(told)}")
    if others:
        common.say(f"note: {outside.told(others)}")
        failed = {key: record for key, record in others.items() if record.state == "failed"}
        _say_each(failed, called_by({k: record.cell for k, record in others.items()}), places)


def _say_each(failed: Mapping[str, Record], names: Mapping[str, str], places: str) -> None:
    """A cell's name and reason, and the command that shows all of it."""
    for key, record in failed.items():
        common.say(printable(f"{names[key]}: {record.failure}: {record.message}"))
        print(f"    python -m bench show {key}{places}")


def _again(arguments: argparse.Namespace, results: Results) -> str:
    """What `run` takes to compute failed cells again: it asks for names, or --all."""
    flags = f"{following.words(arguments, 'run')} --retry-failed"
    if arguments.experiments or arguments.every:
        return flags
    failed = {key for key, state in results.states.items() if state == "failed"}
    mine = [one.name for one in results.plan.experiments if results.plan.of(one.name) & failed]
    return f" {' '.join(mine)}{flags}"


def _content(results: Results, *, failed: bool) -> dict[str, Any]:
    """Counts, and every cell by state, as plain data."""
    from bench.plan.called import called
    from bench.store import provenance
    from bench.store.states import STATES, counts

    names = called(results.plan.cells)
    cells: dict[str, list[dict[str, Any]]] = {s: [] for s in STATES if not failed or s == "failed"}
    for key, state in results.states.items():
        if state not in cells:
            continue
        cell = results.plan.cells[key]
        line = {
            "key": key,
            "cell": names[key],
            "task": cell.task,
            "method": cell.method,
            "seed": cell.seed,
        }
        if state == "failed":
            record = results.records[key]
            line |= {"failure": record.failure, "message": record.message}
        if state == "unavailable":
            gone = results.lacks[key]
            line |= {"reason": "; ".join(map(str, gone)), "lacks": [vars(one) for one in gone]}
        cells[state].append(line)
    return {
        "preset": results.plan.preset,
        "set": list(results.plan.given),
        "counts": counts(results.states),
        "cells": cells,
        "notes": provenance.notes(results),
    }
