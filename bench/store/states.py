"""The state of every cell of a plan, from its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import Lack
from bench.plan.cell import Cell
from bench.plan.graph import Plan
from bench.plan.slot import Slot
from bench.score import derived
from bench.store import code, equal
from bench.store.folders import Store
from bench.store.outputs import WITHOUT_TENSORS
from bench.store.record import Record, State

STATES: tuple[State, ...] = ("done", "failed", "missing", "stale", "blocked", "unavailable")
USABLE = ("done", "stale")


@dataclass(frozen=True)
class Results:
    """A plan with what is known of its cells: all that tables and checks are made from."""

    plan: Plan
    records: Mapping[str, Record]
    states: Mapping[str, State]
    runs: Path = Path("runs")
    """Where the cells' folders lie, for what figures read beside the records."""

    @cached_property
    def lacks(self) -> dict[str, tuple[Lack, ...]]:
        """Key -> what a cell needs to run and cannot have here."""
        return lacking(self.plan, self.records)


def read(plan: Plan, store: Store) -> Results:
    """The results of a plan, as they lie in a store."""
    records = store.records()
    return Results(plan, records, states(plan, records), store.runs)


def states(plan: Plan, records: Mapping[str, Record]) -> dict[str, State]:
    """Every cell's state, by key.

    done: measured with the code as it is, or with code that was shown to give the same results
    (`bench.store.equal`). stale: measured with other code, or with an output of a
    needed cell that has since changed. failed: see the record. blocked: a needed cell failed.
    unavailable: data, weights, device or a needed cell's tensors are not here. missing: can run,
    has not.
    """
    lacks, same = lacking(plan, records), equal.shown()
    found: dict[str, State] = {}
    for key, cell in plan.cells.items():  # in order: a cell comes after those that it needs
        record = records.get(key)
        if record is None:
            found[key] = _without(cell, lacks, found)
        elif record.state == "failed":
            found[key] = "failed"
        else:
            now = code.of_cell(cell)
            sound = same(cell.method, record.code, now, cell.device, cell.dtype)
            sound = sound and _needs_are_as_used(cell, record, records, found)
            found[key] = "done" if sound else "stale"
    return found


def lacking(plan: Plan, records: Mapping[str, Record]) -> dict[str, tuple[Lack, ...]]:
    """Key -> what a cell lacks, of those that do: as planned, and tensors that no store packed."""
    packed: dict[str, tuple[Lack, ...]] = {}
    for key, cell in plan.cells.items():  # in order: a cell comes after those that it needs
        if key in plan.unavailable:
            continue
        for _, needed in cell.needs:
            record = records.get(needed)
            if record is not None and record.arrays:
                folder = str(plan.cells[needed].folder)
                packed[key] = (Lack(folder, WITHOUT_TENSORS, kind="packed"),)
            elif record is None and needed in packed:
                packed[key] = packed[needed]
    return {**plan.unavailable, **packed}


def _without(cell: Cell, lacks: Container[str], known: Mapping[str, State]) -> State:
    """The state of a cell of which there is no record, those that it needs being known."""
    if cell.key in lacks:
        return "unavailable"
    before = {known[key] for _, key in cell.needs}
    return "blocked" if before & {"failed", "blocked"} else "missing"


def _needs_are_as_used(
    cell: Cell, record: Record, records: Mapping[str, Record], known: Mapping[str, State]
) -> bool:
    """Whether what a measured cell was given is what lies there now, and is not stale itself."""
    for role, key in cell.needs:
        needed = records.get(key)
        if needed is not None and record.needs.get(role) != needed.output:
            return False
        if known[key] == "stale":
            return False
    return True


def to_run(
    plan: Plan,
    found: Mapping[str, State],
    lacks: Mapping[str, tuple[Lack, ...]],
    *,
    retry_failed: bool = False,
    rerun_stale: bool = False,
) -> set[str]:
    """Keys of the cells that a run would compute, those that it would unblock among them.

    Args:
        plan: All of them.
        found: Their states.
        lacks: See `lacking`; a cell that failed once may lack something now.
        retry_failed: Compute failed ones again.
        rerun_stale: Compute stale ones again.
    """
    again = {"missing"}
    again |= {"failed"} if retry_failed else set()
    again |= {"stale"} if rerun_stale else set()
    chosen: set[str] = set()
    for key, cell in plan.cells.items():  # in order: a cell comes after those that it needs
        needed = [n for _, n in cell.needs]
        # A stale one is computed again with it, and so must be able to run.
        ready = all(n in chosen or found[n] in USABLE for n in needed)
        ready &= not any(found[n] == "stale" and n in lacks for n in needed)
        if found[key] in again | {"blocked"} and ready and key not in lacks:
            chosen.add(key)
    for key, cell in reversed(plan.cells.items()):
        # A result must not be built on one that is already known to be out of date.
        if key in chosen:
            chosen |= {needed for _, needed in cell.needs if found[needed] == "stale"}
    return chosen


def counts(found: Mapping[str, State]) -> dict[str, int]:
    """How many cells are in each state, every state named."""
    counter = Counter(found.values())
    return {name: counter[name] for name in STATES}


def measured(slot: Slot, results: Results) -> tuple[dict[int, float], Counter[str]]:
    """A slot's values by seed, of cells that are done or stale, and all its seeds' states.

    Over several tasks a value is their mean, or what else `bench.score.derived` makes of them, and
    there is none while one of them has none.
    A cell that is done but lacks the metric counts as "undefined": a precision of nothing, say, or
    a probe of a block that the network does not have.
    """
    records, found = results.records, results.states
    values: dict[int, float] = {}
    counter: Counter[str] = Counter()
    for seed, keys in slot.cells.items():
        if all(found[k] in USABLE for k in keys):
            scores = [records[k].metrics for k in keys]
            value = derived.value(slot.entry.metric, scores, len(slot.entry.all_tasks))
            if value is not None:
                values[seed] = value
        counter[of_seed([found[k] for k in keys], valued=seed in values)] += 1
    return values, counter


def of_seed(cells: Sequence[str], *, valued: bool) -> str:
    """A seed's state, by those of its cells and by whether they gave a value; see `measured`."""
    for state in cells:
        if state not in USABLE:
            return state
    if not valued:
        return "undefined"
    return "stale" if "stale" in cells else "done"
