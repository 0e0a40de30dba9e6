"""What cells are called where people read of many of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from bench.plan.cell import Cell, words
from bench.plan.given import word

_DIGITS = 8
"""Of a key: `bench show` takes a beginning of one."""


def called(cells: Mapping[str, Cell]) -> dict[str, str]:
    """Key -> words for each of some cells, no two alike.

    Method, task, setting and seed; where others have the same, the parameters in which a cell
    differs from most of them; where nothing but needed cells differ, the beginning of the key.
    """
    return _named({key: (str(cell), dict(cell.params)) for key, cell in cells.items()})


def called_by(identities: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The same of cells known by their identities alone."""
    return _named({key: (words(one), _params(one)) for key, one in identities.items()})


def _params(identity: Mapping[str, Any]) -> Mapping[str, Any]:
    found = identity.get("params")
    return found if isinstance(found, dict) else {}


def _named(cells: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """Key -> words, from words that may be alike and parameters."""
    groups: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for key, (short, params) in cells.items():
        groups[short][key] = params
    found: dict[str, str] = {}
    for short, group in groups.items():
        found |= _told_apart(short, group) if len(group) > 1 else dict.fromkeys(group, short)
    return found


def _told_apart(short: str, group: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    usual: dict[str, str] = {}
    for name in dict.fromkeys(name for params in group.values() for name in params):
        counts = Counter(repr(params.get(name)) for params in group.values())
        value, count = counts.most_common(1)[0]
        if 2 * count > len(group):
            usual[name] = value
    told = {key: _with(short, params, usual) for key, params in group.items()}
    alike = Counter(told.values())
    return {k: t if alike[t] == 1 else f"{t} [{k[:_DIGITS]}]" for k, t in told.items()}


def _with(short: str, params: Mapping[str, Any], usual: Mapping[str, str]) -> str:
    own = {name: value for name, value in params.items() if usual.get(name) != repr(value)}
    told = ", ".join(f"{name}={word(value)}" for name, value in own.items())
    return f"{short} ({told})" if told else short
