"""`bench status`: the state of every cell."""

from __future__ import annotations

import argparse
import json

from tabulate import tabulate

from bench.cli import common


def add(verbs: common.Verbs) -> None:  # type: ignore[valid-type]
    """Declare the verb."""
    parser = common.add_verb(verbs, "status", "count cells by state and name them")
    common.add_selection(parser)
    common.add_places(parser)
    parser.add_argument("--failed", action="store_true", help="the failed cells, and why")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print the states of the cells of some experiments, all by default."""
    from bench.states import counts, states
    from bench.store import Store

    plan = common.plan_for(arguments)
    store = Store(arguments.results)
    records = store.records()
    found = states(plan, records)
    if arguments.json:
        print(json.dumps(_content(plan, records, found, failed=arguments.failed), indent=1))
        return 0
    for path, reason in store.damaged.items():
        print(f"note: {path}: {reason}")
    if arguments.failed:
        for key, state in found.items():
            if state == "failed":
                print(f"{plan.cells[key]}: {records[key].failure}: {records[key].message}")
                print(f"    python -m bench show {key}")
        return 0
    rows = []
    for one in plan.experiments:
        mine = {k: found[k] for k in plan.of(one.name)}
        rows.append({"experiment": one.name, "cells": len(mine), **counts(mine)})
    print(tabulate(rows, headers="keys"))
    for reason in sorted({plan.unavailable[k] for k, s in found.items() if s == "unavailable"}):
        print(f"unavailable: {reason}")
    return 0


def _content(plan, records, found, *, failed: bool):  # type: ignore[no-untyped-def]
    """Counts, and every cell by state, as plain data."""
    from bench.states import STATES, counts

    cells = {
        state: [
            {
                "key": key,
                "cell": str(plan.cells[key]),
                "task": plan.cells[key].task,
                "method": plan.cells[key].method,
                "seed": plan.cells[key].seed,
                **({"failure": records[key].failure, "message": records[key].message}
                   if state == "failed" else {}),
                **({"reason": plan.unavailable[key]} if state == "unavailable" else {}),
            }
            for key, s in found.items()
            if s == state
        ]
        for state in STATES
        if not failed or state == "failed"
    }
    return {"preset": plan.preset, "counts": counts(found), "cells": cells}
