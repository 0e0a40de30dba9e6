"""What comes with the project, read from its files without importing them.

Methods and networks import torch, which takes seconds; their names stand in their text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench import SHIPPED

_PACKAGE = Path(__file__).resolve().parent
FOLDERS = (SHIPPED / "methods", SHIPPED / "baselines")
"""Where methods are."""
MEASURING = ("probe", "finetune")
"""The harness's own measuring cells, in `bench.score`."""


@dataclass(frozen=True)
class Shipped:
    """A method as its module's text registers it, under one of its names."""

    name: str
    file: Path
    cls: str
    """The class's name."""
    kinds: tuple[str, ...]
    uses_target_labels: bool
    artifact: bool
    summary: str
    """The first line of its docstring, behind the name that it is an alias of."""


def files() -> list[Path]:
    """Every module of ours that may register a method."""
    found = [file for folder in FOLDERS for file in sorted(folder.glob("[!_]*.py"))]
    return [*found, *(_PACKAGE / "score" / f"{name}.py" for name in MEASURING)]


def methods() -> dict[str, Shipped]:
    """Name -> method, of those whose text tells; `unread` names the modules of others."""
    return _read()[0]


def unread() -> tuple[Path, ...]:
    """Modules that are no Python, or register a method with other than plain values.

    Whether they have the method that is looked for is known when they are imported.
    """
    return _read()[1]


@cache
def networks() -> dict[str, str]:
    """Name of a network -> the module that defines it."""
    found = {}
    for file in sorted((_PACKAGE / "nn" / "networks").glob("[!_]*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            words = node.keywords if isinstance(node, ast.ClassDef) else ()
            for word in words:
                if word.arg == "name" and isinstance(word.value, ast.Constant):
                    found[str(word.value.value)] = f"bench.nn.networks.{file.stem}"
    return found


@cache
def _read() -> tuple[dict[str, Shipped], tuple[Path, ...]]:
    found: dict[str, Shipped] = {}
    other = []
    for file in files():
        try:
            found |= {one.name: one for one in _methods_in(file)}
        except (SyntaxError, ValueError):
            other.append(file)
    return dict(sorted(found.items())), tuple(other)


def _methods_in(file: Path) -> Iterator[Shipped]:
    """One for each name; raises SyntaxError or ValueError where the text does not tell."""
    for node in ast.parse(file.read_bytes()).body:
        calls = node.decorator_list if isinstance(node, ast.ClassDef) else ()
        for call in calls:
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "method":
                yield from _registered(file, node, call)


def _registered(file: Path, node: Any, call: ast.Call) -> Iterator[Shipped]:
    said = {str(word.arg): word.value for word in call.keywords}
    first = (ast.get_docstring(node) or "").split("\n", 1)[0]

    def plain(key: str, otherwise: Any) -> Any:
        return ast.literal_eval(said[key]) if key in said else otherwise

    name = ast.literal_eval(call.args[0])
    for one in (name, *plain("aliases", ())):
        yield Shipped(
            name=one,
            file=file,
            cls=node.name,
            kinds=tuple(plain("kinds", ())),
            uses_target_labels=plain("uses_target_labels", False),
            artifact=plain("artifact", False),
            summary=first if one == name else f"Alias of {name}: {first}",
        )
