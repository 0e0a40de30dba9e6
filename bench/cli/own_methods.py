"""Methods of one's own, known by the cells that results hold of them (`bench.plan.added`)."""

from __future__ import annotations

import argparse
import contextlib
import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench import registry
from bench.errors import BenchError, Unknown
from bench.plan import added
from bench.plan.planned import Plan
from bench.plural import many
from bench.store import walk

_HINT = "(your own: name its folder with --plugins)"
_CLOSE = 0.7
"""How alike two names are, 0..1, where one is a slip for the other, and no plug-in's. More than is
asked of a proposal (`bench.errors`), which this hint may follow."""
_OWN = ("method", "task", "group of tasks")
"""What a plug-in may have registered."""


def held(arguments: argparse.Namespace) -> dict[str, frozenset[str]]:
    """Method -> keys of its cells in --results or --against, of those of one's own known here."""
    found = defaultdict[str, set[str]](set)
    for runs in _runs(arguments):
        for method, folders in walk.by_method(runs).items():
            if registry.scored(method) and added.own(method):
                cells = (cell for folder in folders for cell in walk.below(runs, folder))
                found[method] |= {cell.rpartition("-")[2] for cell in cells}
    return {method: frozenset(keys) for method, keys in sorted(found.items())}


def strangers(arguments: argparse.Namespace, plans: Iterable[Plan]) -> Iterator[str]:
    """A sentence on each method that nobody knows here and of which results hold cells of tasks."""
    tasks = {cell.task.replace("/", "-") for plan in plans for cell in plan.cells.values()}
    counts = Counter[str]()
    for runs in _runs(arguments):
        for method, folders in walk.by_method(runs).items():
            mine = (folder for folder in folders if folder.partition("/")[0] in tasks)
            if not registry.known(method):
                counts[method] += sum(len(walk.below(runs, folder)) for folder in mine)
    for method, count in sorted((+counts).items()):
        yield f"results hold {many(count, 'cell')} of {method}, which is no method here {_HINT}"


def hinted(error: BenchError, arguments: argparse.Namespace) -> str:
    """An error in words, with a hint at an unknown name that may be a plug-in's."""
    if not isinstance(error, Unknown) or error.what not in _OWN:
        return str(error)
    measured = False
    for runs in _runs(arguments):
        with contextlib.suppress(BenchError):  # that cannot be listed
            for method, folders in walk.by_method(runs).items():
                measured |= error.name == method
                measured |= f"{error.name.replace('/', '-')}/{method}" in folders
    close = difflib.SequenceMatcher(None, error.name, error.near).ratio() > _CLOSE
    guessed = not close and not getattr(arguments, "plugins", ())
    return f"{error} {_HINT}" if measured or guessed else str(error)


def _runs(arguments: argparse.Namespace) -> list[Path]:
    """Where cells lie; what is no folder the verb itself refuses, or makes."""
    places = (getattr(arguments, name, None) for name in ("results", "against"))
    return [place / "runs" for place in places if place and place.is_dir()]
