"""`bench list`: what is registered."""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import registry, shipped
from bench.cli import columns, common, glance

KINDS = ("methods", "tasks", "datasets", "experiments")
_LONG = ("licence", "citation", "how to get it")
"""What of a data set is a sentence or more: no column of a table."""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "list", "name methods, tasks, datasets or experiments")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--json", action="store_true", help="for programs")
    common.add_places(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print one registry; without plug-ins nothing of a method's is imported for it."""
    rows: list[dict[str, Any]]
    if arguments.plugins:
        common.load_plugins(arguments)
    if arguments.kind == "methods":
        rows = _methods(arguments)
    elif arguments.kind == "tasks":
        rows = _tasks(arguments)
    elif arguments.kind == "datasets":
        rows = _datasets(arguments)
    else:
        rows = glance.experiments()
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    heads = [head for head in rows[0] if head not in _LONG]
    columns.say(heads, [[_shown(row[head]) for head in heads] for row in rows])
    if arguments.kind == "datasets":
        print("\n`python -m bench data list NAME` says how to get one, and under what licence")
    return 0


def say_datasets(arguments: argparse.Namespace, names: Sequence[str]) -> int:
    """Print all that is known of some data sets, each word of it on a line of its own.

    Raises:
        BenchError: nobody registered one of them; the message names the nearest.
    """
    common.load_plugins(arguments)
    rows = [_dataset(name, common.data_root(arguments.data_root)) for name in names]
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        said = {k: _plain(v) or "no" for k, v in row.items() if v not in ("", None)}
        common.say("\n".join(f"{name}: {value}" for name, value in said.items()))
        print()
    return 0


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _shown(value: Any) -> Any:
    """A number as it is, which stands at the right of its column; all else in words."""
    return value if type(value) in (int, float) else _plain(value)


def _methods(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    if not arguments.plugins and not shipped.unread():
        return glance.methods()
    return [glance.method(info) for _, info in sorted(registry.load(arguments.plugins).items())]


def _tasks(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from bench.datasets import lack, look, tasks

    root = common.data_root(arguments.data_root)
    seen = functools.cache(lambda name: look(name, root))  # many tasks have the same data set
    rows = []
    for task in tasks().values():
        lacking = [lack(name, root, s, seen(name)) for name, s in task.splits().items()]
        rows.append(
            {
                "name": task.name,
                "kind": task.kind,
                "K": task.n_clusters,
                "here": not any(lacking),
                "summary": task.summary,
            }
        )
    return rows


def _datasets(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from bench.datasets import names

    root = common.data_root(arguments.data_root)
    return [_dataset(name, root) for name in names()]


def _dataset(name: str, root: Path) -> dict[str, Any]:
    from bench.datasets import availability, get

    dataset = get(name)
    lacking = availability(name, root, list(dataset.counts))
    return {
        "name": name,
        "here": not lacking,
        "summary": dataset.summary,
        "images": sum(counts) if all(counts := dataset.counts.values()) else None,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "how to get it": lacking,
    }
