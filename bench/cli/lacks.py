"""How `run` and `status` say what is not here: data sets, weights, tensors, a device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bench.errors import Lack
from bench.store.record import State

_KINDS = {
    "data": "data sets not here",
    "weights": "weights not here",
    "packed": "needed cells packed without their tensors",
}
_FEW = 3
"""Folders of cells that one line names."""


def of(states: Mapping[str, State], lacks: Mapping[str, tuple[Lack, ...]]) -> set[Lack]:
    """What the unavailable ones among some cells lack."""
    return {one for key, state in states.items() if state == "unavailable" for one in lacks[key]}


def by_way(lacks: Iterable[Lack]) -> list[str]:
    """A line for each way to get something, for instance "mnist, usps: fetch NAME"."""
    lines, same_way = [], defaultdict(list)
    for lack in lacks:
        if lack.how:
            way = lack.how.replace(f" {lack.what}`", " NAME`")
            way = way.replace(f" {lack.what}.safetensors", " NAME.safetensors")
            same_way[lack.kind, way].append(lack)
        else:
            lines.append(lack.what)
    for (kind, way), alike in same_way.items():
        names = sorted({lack.what for lack in alike})
        prefix = "weights " if kind == "weights" else ""
        lines.append(f"{prefix}{_listed(names, kind)}: {way if len(names) > 1 else alike[0].how}")
    return sorted(lines)


def by_kind(lacks: Iterable[Lack]) -> list[str]:
    """A line for each kind: the way to get it where there is one, else how many and their names."""
    lines, same_kind = [], defaultdict(set)
    for lack in lacks:
        same_kind[lack.kind if lack.how else ""].add(lack)
    for kind, alike in same_kind.items():
        ways = by_way(alike)
        if not kind or len(ways) == 1:
            lines += ways
        else:
            names = sorted({lack.what for lack in alike})
            head = f"{len(names)} {_KINDS[kind]} (`status` says how to get them)"
            lines.append(f"{head}: {_listed(names, kind)}")
    return sorted(lines)


def _listed(names: list[str], kind: str) -> str:
    """All names of what is to be fetched; of cells, which are hundreds at times, the first few."""
    few = names[:_FEW] if kind == "packed" else names
    left = len(names) - len(few)
    return ", ".join(few) + (f" and {left} more" if left else "")
