"""A fingerprint of the code behind a result: the method's module and what it imports of ours.

Of a plug-in, what it reaches through `sys.path` counts too, unless it is an installed library.
Networks are imported by name, so a network counts where its name stands in one of these modules or
among the cell's parameters: another network more changes no fingerprint. Comments, docstrings and
layout do not count. The harness itself does not count either: what it hands to a method is pinned
by a number in the key (`bench.plan.cell.PROTOCOL`), what scores the result has a fingerprint of its
own and can be done again (`bench rescore`).

A fingerprint is a hint. That another one gives the same results is shown by `bench prove` and kept
in `bench.store.equal`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from bench import INSTALLED, ROOT, module_text, registry, shipped

if TYPE_CHECKING:
    from bench.plan.cell import Cell

_SCORES = ("bench.score.scores", "bench.score.snapshots")
_PARTS = ("bench.nn", "bench.score.probe", "bench.score.finetune", "bench_")


_told: dict[str, str] = {}
"""Key of a cell -> its fingerprint, and that of `scoring`, where a kept plan knows them."""


def tell(cells: Mapping[str, str], scores: str) -> None:
    """Take fingerprints as known, which were computed of these very sources.

    Args:
        cells: Key -> fingerprint.
        scores: `scoring`.
    """
    _told.update(cells, scoring=scores)


def of_cell(cell: Cell) -> str:
    """The fingerprint of a cell's method with the networks that its parameters name."""
    return _told.get(cell.key) or _of_cell(cell)


def _of_cell(cell: Cell) -> str:
    texts = (value for _, value in cell.params if isinstance(value, str))
    used = {named(text) for text in texts} - {""}
    return fingerprint(registry.get(cell.method).module, tuple(sorted(used)))


@cache
def fingerprint(module: str, networks: tuple[str, ...] = ()) -> str:
    """Sixteen hexadecimal digits for a method's module with all it imports of the project.

    Args:
        module: Such as `bench_baselines.kmeans`.
        networks: Names of networks that count in any case.
    """
    return module_text.digest(_reached(module, networks))


def networks_of(module: str, networks: Iterable[str] = ()) -> set[str]:
    """Names of the networks whose code counts in the fingerprint of the same arguments."""
    found = _reached(module, networks)
    return {name for name, at in _networks().items() if at in found}


def scoring() -> str:
    """The fingerprint of what makes metrics of predictions, curves' snapshots among them."""
    return _told.get("scoring") or _scoring()


@cache
def _scoring() -> str:
    return module_text.digest(module_text.reached(_SCORES, ("bench.score",), _mentioned))


def _reached(module: str, networks: Iterable[str]) -> dict[str, str]:
    return module_text.reached([module, *_modules(networks)], _PARTS, _mentioned)


def _mentioned(strings: Iterable[str]) -> list[str]:
    """The modules of the networks whose names are among these strings."""
    return _modules({named(text) for text in strings} - {""})


def _modules(networks: Iterable[str]) -> list[str]:
    return [_networks()[name] for name in networks]


def _networks() -> dict[str, str]:
    """Name of a network -> its module: ours, imported or not, and those of plug-ins in use."""
    base = sys.modules.get("bench.nn.networks.base")
    others = {name: cls.__module__ for name, cls in base.KNOWN.items()} if base else {}
    return {**shipped.networks(), **others}


def named(text: str) -> str:
    """The network that a bare name or a description names; "" for any other text."""
    name: Any = text
    if text.startswith("{"):
        try:
            name = json.loads(text).get("name")
        except ValueError:
            return ""
    return name if isinstance(name, str) and name in _networks() else ""


def revision() -> tuple[str, bool]:
    """The commit of the clone and whether its files differ from it; ("", False) outside git."""
    if INSTALLED:  # in a clone of something else, perhaps
        return "", False
    import subprocess

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "-uno"))
    except OSError:
        return "", False
