"""Cells of a store that no experiment of a plan asks for: of TOMLs of one's own, of sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bench.plural import many
from bench.store.record import Record
from bench.store.states import Results


def of(results: Results) -> dict[str, Record]:
    """Key -> record, of the plan's preset, device and type.

    Those on data that this machine would have to prepare first are left out: nobody knows their
    keys before.
    """
    plan = results.plan
    alike = {"preset": plan.preset, "device": plan.device, "dtype": plan.dtype}
    unknown = {task for task, (data, _) in plan.data.items() if not data}
    return {
        key: record
        for key, record in results.records.items()
        if key not in plan.cells
        and all(record.cell.get(name) == value for name, value in alike.items())
        and record.cell.get("task") not in unknown
    }


def told(found: Mapping[str, Record]) -> str:
    """How many there are in which states, and how to ask for them."""
    states = Counter(record.state for record in found.values())
    parts = ", ".join(f"{states[state]} {state}" for state in sorted(states))
    whose = "it is" if len(found) == 1 else "they are"
    return (
        f"{many(len(found), 'cell')} of none of these experiments ({parts}): name the TOML or the "
        f"sweep that {whose} of"
    )
