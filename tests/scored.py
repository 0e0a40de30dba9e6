"""Results of a plan without running it, for the tests of figures."""

from collections.abc import Callable

from bench.plan.graph import Plan
from bench.plan.slot import Slot
from bench.store.record import Record, State
from bench.store.states import Results


def scored(plan: Plan, score: Callable[[Slot, int], float | State]) -> Results:
    """Results in which `score` says what each cell came to.

    Args:
        plan: A plan whose cells stand for themselves: one a slot, seed and task.
        score: Of a slot and a seed: a value of the slot's metric, or "failed", "missing", …
    """
    records: dict[str, Record] = {}
    states: dict[str, State] = dict.fromkeys(plan.cells, "missing")
    for slot in plan.slots:
        for seed, keys in slot.cells.items():
            said = score(slot, seed)
            for key in keys:
                if not isinstance(said, str):
                    states[key] = "done"
                    records[key] = Record(key, {}, "done", metrics={slot.entry.metric: said})
                    continue
                states[key] = said
                if said == "failed":
                    records[key] = Record(key, {}, "failed")
    return Results(plan, records, states)
