"""All that was measured as one tidy frame: a row for each cell and metric."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bench.store.record import Record
from bench.store.states import Results

COLUMNS = {
    "key": "string", "method": "string", "params": "string", "task": "string",
    "setting": "string", "seed": "Int64", "preset": "string", "device": "string",
    "dtype": "string", "state": "string", "failure": "string", "metric": "string",
    "value": "float64", "wall_seconds": "float64", "cpu_seconds": "float64",
    "peak_memory": "Int64", "group": "Int64", "partial_data": "string", "started": "string",
    "hardware": "string", "commit": "string", "code": "string", "versions": "string",
}  # fmt: skip
"""Column -> its pandas type. `params`, `setting` and `versions` are JSON; fractions are in 0..1,
seconds and bytes as in records; empty where there is no record. A cell without a metric has one
row."""
_ORDER = ["task", "method", "preset", "seed", "key", "metric"]


def of_results(results: Results) -> pd.DataFrame:
    """The cells of a plan, those without a record too, with their states."""
    rows = (
        row
        for key, cell in results.plan.cells.items()
        for row in _rows(key, cell.identity(), results.states[key], results.records.get(key))
    )
    return _frame(rows)


def of_records(records: Iterable[Record]) -> pd.DataFrame:
    """Every record of a store; a state is "done" or "failed", since no plan tells what is stale."""
    return _frame(row for one in records for row in _rows(one.key, one.cell, one.state, one))


def _rows(
    key: str, identity: Mapping[str, Any], state: str, record: Record | None
) -> Iterable[dict[str, Any]]:
    """The rows of one cell."""
    named = ("method", "task", "seed", "preset", "device", "dtype")
    row: dict[str, Any] = {"key": key, "state": state} | {n: identity.get(n) for n in named}
    row |= {name: _json(identity.get(name, {})) for name in ("params", "setting")}
    if record is not None:
        told = ("failure", "wall_seconds", "cpu_seconds", "peak_memory", "group", "partial_data",
                "started", "hardware", "commit", "code")  # fmt: skip
        row |= {name: getattr(record, name) for name in told}
        row["versions"] = _json(record.versions)
    if record is None or not record.metrics:
        yield row
        return
    for metric, value in sorted(record.metrics.items()):
        yield {**row, "metric": metric, "value": value}


def _frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The rows in an order that does not depend on who ran when."""
    found = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(COLUMNS)
    return found.sort_values(_ORDER, ignore_index=True)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
