"""What a record was measured and scored with, where that is not what is here now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.plan.slot import Slot
from bench.store import code, equal, record
from bench.store.record import Record
from bench.store.states import Results

_MEASURED = ("done", "stale")


def scored_otherwise(results: Results) -> list[str]:
    """Keys of measured cells whose metrics are of other scoring code, not shown to be the same."""
    known, now = equal.read(), code.scoring()
    found = []
    for key, state in results.states.items():
        if state in _MEASURED:
            was, cell = results.records[key].scoring, results.plan.cells[key]
            if not known.same(equal.SCORING, was, now, device=cell.device, dtype=cell.dtype):
                found.append(key)
    return found


def other_versions(one: Record) -> dict[str, tuple[str, str]]:
    """Library -> version that a record was measured with, and that which is installed.

    Only of those that may change a result, and only where they differ. That is no fault of the
    record: `bench prove` tells whether it matters.
    """
    return _other(one.versions)


def _other(versions: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    here = record.versions()
    pairs = {n: (versions.get(n, ""), here.get(n, "")) for n in record.DECISIVE}
    return {name: pair for name, pair in pairs.items() if pair[0] and pair[0] != pair[1]}


def mixed(slots: Iterable[Slot], results: Results) -> str:
    """In which decisive versions the measured cells of one table or figure differ; "" if in none.

    Such as "torch 2.13.0 (5 cells), 2.14.1 (15 cells)"; cells that others need count as well.
    """
    asked = (key for slot in slots for key in slot.keys)
    counter: Counter[int] = Counter()
    versions: dict[int, Mapping[str, str]] = {}
    for key in results.plan.closure(asked):
        if results.states[key] in _MEASURED:
            one = results.records[key].versions
            versions[id(one)] = one  # held once for all records that have the same
            counter[id(one)] += 1
    told = []
    for name in record.DECISIVE:
        cells: Counter[str] = Counter()
        for i, count in counter.items():
            if version := versions[i].get(name, ""):
                cells[version] += count
        if len(cells) > 1:
            words = (f"{v} ({n} cell{'s' * (n > 1)})" for v, n in sorted(cells.items()))
            told.append(f"{name} {', '.join(words)}")
    return " and ".join(told)


def mixtures(results: Results) -> list[str]:
    """A sentence for each table or figure whose cells differ in decisive versions."""
    parts: dict[tuple[str, str], list[Slot]] = {}
    for slot in results.plan.slots:
        parts.setdefault((slot.experiment, slot.name), []).append(slot)
    said = [(at, mixed(slots, results)) for at, slots in parts.items()]
    return [
        f"{experiment} {name} mixes versions that may change results: {words}"
        for (experiment, name), words in said
        if words
    ]


def notes(results: Results) -> list[str]:
    """What to say of all measured cells together, a sentence each."""
    counter: Counter[tuple[tuple[str, str], ...]] = Counter()
    for key, state in results.states.items():
        if state in _MEASURED:
            counter[tuple(sorted(results.records[key].versions.items()))] += 1
    lines = []
    for versions, count in counter.items():
        if other := _other(dict(versions)):
            named = ", ".join(f"{n} {was} (here {now})" for n, (was, now) in other.items())
            lines.append(
                f"{count} cells were measured with {named}: `python -m bench prove` says whether "
                "that matters"
            )
    lines += mixtures(results)
    if scored := scored_otherwise(results):
        lines.append(
            f"{len(scored)} cells were scored by other code: `python -m bench rescore` computes "
            "their metrics again, without training"
        )
    return lines
