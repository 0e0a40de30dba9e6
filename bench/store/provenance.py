"""What a record was measured and scored with, where that is not what is here now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench.plan.slot import Slot
from bench.plural import many, were
from bench.store import code, equal, machine
from bench.store.record import Record
from bench.store.states import USABLE, Results


def scored_otherwise(results: Results) -> list[str]:
    """Keys of measured cells whose metrics are of other scoring code, not shown to be the same.

    What others need has no metrics, and packed without its tensors nothing that could be scored.
    """
    same, now = equal.shown(), code.scoring()
    found = []
    for key, state in results.states.items():
        if state in USABLE and (one := results.records[key]).scoring != now:
            lacking = one.arrays and not one.metrics
            cell = results.plan.cells[key]
            if not lacking and not same(equal.SCORING, one.scoring, now, cell.device, cell.dtype):
                found.append(key)
    return found


def other_versions(one: Record) -> dict[str, tuple[str, str]]:
    """Library -> version that a record was measured with, and that which is installed.

    Only of those that may change a result, and only where they differ. That is no fault of the
    record: `bench prove` tells whether it matters.
    """
    return _other(one.versions)


def _other(versions: Mapping[str, str | None]) -> dict[str, tuple[str, str]]:
    here = machine.decisive()
    pairs = {n: (versions.get(n) or "", here.get(n, "")) for n in machine.DECISIVE}
    return {name: pair for name, pair in pairs.items() if pair[0] and pair[0] != pair[1]}


def _counted(keys: Iterable[str], results: Results) -> Counter[tuple[str | None, ...]]:
    """Versions, in the order of `DECISIVE` -> how many of the measured cells have them."""
    measured = (results.records[k] for k in keys if results.states[k] in USABLE)
    return Counter(tuple(map(one.versions.get, machine.DECISIVE)) for one in measured)


def mixed(slots: Iterable[Slot], results: Results) -> str:
    """In which decisive versions the measured cells of one table or figure differ; "" if in none.

    Such as "torch 2.13.0 (5 cells), 2.14.1 (15 cells)"; cells that others need count as well.
    """
    asked = (key for slot in slots for key in slot.keys)
    counter = _counted(results.plan.closure(asked), results)
    told = []
    for i, name in enumerate(machine.DECISIVE):
        cells: Counter[str] = Counter()
        for versions, count in counter.items():
            if version := versions[i]:
                cells[version] += count
        if len(cells) > 1:
            words = (f"{v} ({many(n, 'cell')})" for v, n in sorted(cells.items()))
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
    lines, found = [], _counted(results.states, results)
    for versions, count in found.items():
        if other := _other(dict(zip(machine.DECISIVE, versions, strict=True))):
            named = ", ".join(f"{n} {was} (here {now})" for n, (was, now) in other.items())
            lines.append(
                f"{were(count, 'cell')} measured with {named}: `python -m bench prove` says "
                "whether that matters"
            )
    if len(found) > 1:
        lines += mixtures(results)
    if scored := scored_otherwise(results):
        lines.append(
            f"{were(len(scored), 'cell')} scored by other code: `python -m bench rescore` computes "
            "their metrics again, without training"
        )
    return lines
