"""A slot's values, from the records of its cells."""

from __future__ import annotations

from collections import Counter

from bench.plan.graph import Slot
from bench.store.states import Results

USABLE = ("done", "stale")


def measured(slot: Slot, results: Results) -> tuple[dict[int, float], Counter[str]]:
    """A slot's values by seed, of cells that are done or stale, and all its seeds' states.

    Over several tasks a value is their mean, and there is none while one of them has none.
    A cell that is done but lacks the metric counts as "undefined": a precision of nothing, say, or
    a probe of a block that the network does not have.
    """
    records, found = results.records, results.states
    values: dict[int, float] = {}
    counter: Counter[str] = Counter()
    for seed, keys in slot.cells.items():
        word: str = next((found[k] for k in keys if found[k] not in USABLE), found[keys[0]])
        if word in USABLE:
            metrics = [records[k].metrics for k in keys]
            have = [m[slot.part.metric] for m in metrics if slot.part.metric in m]
            if len(have) == len(slot.part.all_tasks):
                values[seed] = sum(have) / len(have)
                word = "stale" if "stale" in {found[k] for k in keys} else "done"
            else:
                word = "undefined"
        counter[word] += 1
    return values, counter
