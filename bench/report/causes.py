"""What is not the same in what two numbers were measured with."""

from __future__ import annotations

from bench.plan.slot import Slot
from bench.report import identities, reference
from bench.report.reference import Origin
from bench.store import equal
from bench.store.states import Results


def differs(slot: Slot, before: Origin, results: Results) -> str:
    """What is not the same in what two numbers were measured with."""
    now = reference.origin(slot, results)
    words = ["code"] if other_code(slot, before, now, results) else []
    words += ["data"] if _other(before.data, now.data) else []
    if before.identities is not None and now.identities is not None:
        words += identities.differences(before.identities, now.identities)
    for library in sorted(before.versions.keys() & now.versions.keys()):
        old, new = before.versions[library], now.versions[library]
        words += [f"{library} {_set(old)} → {_set(new)}"] if _other(old, new) else []
    if _other(before.hardware, now.hardware):
        words.append(f"CPU {_set(before.hardware)} → {_set(now.hardware)}")
    nothing = "nothing that is recorded"
    nothing += " (parameters are not)" if before.identities is None else ""
    return ", ".join(words) or nothing


def other_code(slot: Slot, before: Origin, now: Origin, results: Results) -> bool:
    """Whether both codes are known and were not shown to give the same results."""
    cell = results.plan.cells[slot.keys[0]]
    known, on = equal.read(), {"device": cell.device, "dtype": cell.dtype}
    pairs = ((one, other) for one in before.code for other in now.code)
    proven = any(known.same(cell.method, one, other, **on) for one, other in pairs)
    return _other(before.code, now.code) and not proven


def _other(before: frozenset[str], now: frozenset[str]) -> bool:
    """Whether both are known and not the same."""
    return bool(before and now and before != now)


def _set(words: frozenset[str]) -> str:
    return " or ".join(sorted(words))
