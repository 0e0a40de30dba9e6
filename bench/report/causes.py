"""Why two measurements of a number may differ: code, data, parameters, libraries, CPU."""

from __future__ import annotations

from bench.plan.slot import Slot
from bench.report import identities, reference
from bench.report.reference import Origin
from bench.store import equal
from bench.store.states import Results


def differs(slot: Slot, before: Origin, results: Results) -> str:
    """What has changed between two measurements of a number, in words to read.

    Args:
        slot: The number.
        before: What the reference's was measured with.
        results: Those of today.
    """
    now = reference.origin(slot, results)
    words = [f"code of {name}" for name in other_code(slot, before, now, results)]
    words += ["data"] if _other(before.data, now.data) else []
    if before.identities is not None and now.identities is not None:
        words += identities.differences(before.identities, now.identities)
    for library in sorted(before.versions.keys() & now.versions.keys()):
        old, new = before.versions[library], now.versions[library]
        words += [f"{library} {_set(old)} → {_set(new)}"] if _other(old, new) else []
    if _other(before.hardware, now.hardware):
        words.append(f"CPU {_set(before.hardware)} → {_set(now.hardware)}")
    if words:
        return ", ".join(words)
    unknown = ["parameters"] if before.identities is None else []
    unknown += [] if is_told(slot, before, now, results) else ["codes of needed cells"]
    return "nothing that is recorded" + (f" ({' and '.join(unknown)} are not)" if unknown else "")


def other_code(slot: Slot, before: Origin, now: Origin, results: Results) -> list[str]:
    """Methods whose code is known on both sides and was not shown to give the same results."""
    cell, known = results.plan.cells[slot.keys[0]], equal.read()
    on = {"device": cell.device, "dtype": cell.dtype}
    pairs = ((name or cell.method, code) for name, code in sorted(before.code.items()))
    return [
        name
        for name, code in pairs
        if name in now.code and now.code[name] != code
        if not known.same(name, code, now.code[name], **on)
    ]


def is_told(slot: Slot, before: Origin, now: Origin, results: Results) -> bool:
    """Whether the code is known of all that a number's cells need."""
    method = results.plan.cells[slot.keys[0]].method
    return now.code.keys() <= {name or method for name in before.code}


def _other(before: frozenset[str], now: frozenset[str]) -> bool:
    """Whether both are known and not the same."""
    return bool(before and now and before != now)


def _set(words: frozenset[str]) -> str:
    return " and ".join(sorted(words))
