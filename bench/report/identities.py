"""What a number's cells compute: all that decides them but their seed, and what of it differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench import registry
from bench.errors import BenchError
from bench.plan.cell import key_of
from bench.plan.given import word
from bench.plan.slot import Slot
from bench.store.states import Results

Identity = Mapping[str, Any]
"""As `Cell.identity` has it, without a seed; below `needs` stand role -> identity."""
_PLAIN = ("preset", "dtype", "threads", "protocol")
_UNSET = "unset"


def of_slot(slot: Slot, results: Results) -> tuple[Identity, ...]:
    """The identities of a slot's cells of one seed; those of all seeds are alike."""
    keys: Sequence[str] = next(iter(slot.cells.values()), ())
    return tuple(_of_cell(key, results) for key in keys)


def _of_cell(key: str, results: Results) -> Identity:
    record = results.records.get(key)
    told = record.cell if record else results.plan.cells[key].identity()
    told = json.loads(json.dumps(told))  # lists for tuples, as a file has them
    needs = results.plan.cells[key].needs
    return {name: value for name, value in told.items() if name != "seed"} | {
        "needs": {role: _of_cell(needed, results) for role, needed in needs}
    }


def listed(identities: Iterable[Identity]) -> dict[str, dict[str, Any]]:
    """Key -> identity whose `needs` are such keys, of these and of all that they need.

    The keys of the identities themselves are the ones that `keys` gives.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in identities:
        found |= listed(one["needs"].values())
        flat = _flat(one)
        found[key_of(flat)] = flat
    return found


def keys(identities: Iterable[Identity]) -> list[str]:
    """What `listed` calls them."""
    return [key_of(_flat(one)) for one in identities]


def _flat(one: Identity) -> dict[str, Any]:
    roles = one["needs"]
    return {**one, "needs": dict(zip(roles, keys(roles.values()), strict=True))}


def named(key: str, known: Mapping[str, Any]) -> Identity:
    """The identity of a key, from what `listed` made of it.

    Raises:
        ValueError: it is not there, or is none of this key.
    """
    one: Any = known.get(key, {})
    parts = (one.get(name) for name in ("params", "setting", "needs"))
    if not all(isinstance(part, dict) for part in parts) or key_of(one) != key:
        raise ValueError(f"what its cell {key[:16]} computes is not there")
    return {**one, "needs": {role: named(needed, known) for role, needed in one["needs"].items()}}


def differences(before: Sequence[Identity], now: Sequence[Identity]) -> list[str]:
    """In which words two numbers are of other computations; empty where they are of the same.

    Data and device are not among them: a check tells of data and hardware anyway, and either may
    change without another being meant.
    """
    if len(before) != len(now):
        return [f"cells a seed {len(before)} → {len(now)}"]
    pairs = zip(before, now, strict=True)
    return list(dict.fromkeys(words for old, new in pairs for words in _differences(old, new)))


def _differences(old: Identity, new: Identity) -> Iterator[str]:
    for name in ("method", "task"):
        if old.get(name) != new.get(name):
            yield f"{name} {old.get(name)} → {new.get(name)}"
    for name in _PLAIN:
        yield from _changed(name, old.get(name, _UNSET), new.get(name, _UNSET))
    yield from _changes("setting ", old["setting"], new["setting"])
    if old.get("method") != new.get("method"):
        return
    name, neutral = str(new.get("method")), _neutral(str(new.get("method")))
    params = ({**neutral, **one["params"]} for one in (old, new))
    yield from _changes(f"parameter {name}.", *params)
    before, now = old["needs"], new["needs"]
    for role in sorted(before.keys() | now.keys()):
        if role in before and role in now:
            yield from _differences(before[role], now[role])
        else:
            there = [one[role].get("method") if role in one else "none" for one in (before, now)]
            yield f"{role} of {name} {there[0]} → {there[1]}"


def _neutral(method: str) -> Mapping[str, Any]:
    """Values at which parameters are left out of an identity."""
    try:
        neutral: Mapping[str, Any] = json.loads(json.dumps(registry.get(method).neutral))
        return neutral
    except BenchError:
        return {}


def _changes(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        yield from _changed(f"{what}{name}", old.get(name, _UNSET), new.get(name, _UNSET))


def _changed(what: str, old: object, new: object) -> Iterator[str]:
    if old != new:
        yield f"{what} {word(old)} → {word(new)}"
