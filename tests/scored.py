"""Results of a plan without running it, for the tests of figures."""

from bench.store.record import Record
from bench.store.states import Results


def scored(plan, score):
    """Results in which `score` says what each cell came to.

    Args:
        plan: A plan whose cells stand for themselves: one a slot, seed and task.
        score: Of a slot and a seed: a value of the slot's metric, or "failed", "missing", …
    """
    records, states = {}, dict.fromkeys(plan.cells, "missing")
    for slot in plan.slots:
        for seed, keys in slot.cells.items():
            said = score(slot, seed)
            for key in keys:
                states[key] = said if isinstance(said, str) else "done"
                if states[key] in ("done", "failed"):
                    metrics = {slot.entry.metric: said} if states[key] == "done" else {}
                    records[key] = Record(key, {}, states[key], metrics=metrics)
    return Results(plan, records, states)
