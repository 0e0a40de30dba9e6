"""Rows of methods that no table of an experiment has.

`--methods` adds a method to the tables that it fits, for that one command. One's own, a method that
no experiment of the project names, stays: in the project's experiments it is a row of every table
that it fits and of which results hold a cell of that row, so that each verb, and a run without the
flag, sees the tables that the first run wrote. Other methods do not stay, since the cells that
results hold of them may be of another experiment's; nor does any in an experiment of one's own,
whose file can have the row.
"""

from __future__ import annotations

import re
from functools import cache

from bench.plan import FOLDER
from bench.plan.experiment import Experiment
from bench.plan.planned import Options, Plan
from bench.plan.slot import Slot

_QUOTED = re.compile(r"""["']([^"'\n]*)(?=["'])""")


@cache
def _named() -> frozenset[str]:
    """Every word that they quote: each command asks, and to load them takes seconds."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.toml")))
    return frozenset(word for text in texts for word in _QUOTED.findall(text))


def own(method: str) -> bool:
    """Whether no experiment of the project names a method."""
    return method not in _named()


def methods(one: Experiment, options: Options) -> list[str]:
    """Methods that may become rows, in one order whoever names them."""
    held = options.held if one.shipped else ()
    return sorted({*options.methods, *options.extra, *held})


def leave_held(plan: Plan, options: Options) -> None:
    """Take out of a plan the rows of one's own that nobody asked for and no result is of."""
    asked = {*options.methods, *options.extra}
    mine = options.held.keys() - asked
    if not mine:
        return
    shipped = {one.name for one in plan.experiments if one.shipped}
    rows: dict[tuple[str, str, str], set[str]] = {}
    for slot in plan.slots:
        if slot.entry.method in mine and slot.experiment in shipped:
            rows.setdefault(_row(slot), set()).update(slot.keys)
    gone = {row for row, keys in rows.items() if options.held[row[-1]].isdisjoint(keys)}
    plan.leave([slot for slot in plan.slots if _row(slot) not in gone])


def _row(slot: Slot) -> tuple[str, str, str]:
    """Experiment, table or figure, method: an added method has one row there."""
    return slot.experiment, slot.name, slot.entry.method


def note(plan: Plan, options: Options) -> None:
    """Say in a plan which rows are there only because this command names their methods."""
    for one in plan.experiments:
        have = {slot.entry.method for slot in plan.slots if slot.experiment == one.name}
        passing = [
            name
            for name in options.methods
            if name in have and name not in one.methods and not (one.shipped and own(name))
        ]
        if passing:
            plan.notes.append(
                f"{', '.join(passing)}: no row of {one.path.name}, in its tables only where "
                "--methods says so"
            )
