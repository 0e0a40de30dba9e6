"""Results that `bench check` compares: values by row, in cells that nobody computed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from harness import bench, make_plan

from bench.store import code, outputs
from bench.store.folders import PREDICTION, Store
from bench.store.record import Record
from bench.tasks import Prediction

VALUES = [0.79, 0.81, 0.80, 0.83, 0.77, 0.80, 0.78, 0.82, 0.81, 0.79]
ROWS: list[dict[str, Any]] = [
    {"method": "centroids"},
    {"method": "centroids", "label": "other", "params": {"iterations": 2}},
]
ORIGIN: dict[str, Any] = {"hardware": "CPU A", "versions": {"torch": "2.1"}}


def fill(
    toml: Path,
    folder: Path,
    rows: Mapping[str, Sequence[float]],
    *,
    origin: Mapping[str, Any] = ORIGIN,
    seeds: Iterable[int] = range(10),
    metric: str = "ACC",
) -> Path:
    """A results folder in which each row of the table has these values by seed."""
    plan, store = make_plan(toml), Store(folder)
    for slot in plan.slots:
        for seed in seeds:
            (key,) = slot.cells[seed]
            cell = plan.cells[key]
            attempt = store.work(cell) / "attempt"
            attempt.mkdir(parents=True)
            outputs.save(attempt / PREDICTION, Prediction())
            record = Record(
                key=key,
                cell=cell.identity(),
                state="done",
                metrics={metric: rows[slot.entry.label][seed]},
                code=code.of_cell(cell),
                output=outputs.digest(attempt / PREDICTION),
                **origin,
            )
            store.publish(cell, attempt, record)
    return folder


def same(**rows: Sequence[float]) -> dict[str, Sequence[float]]:
    """Values of both rows, as they were but for those that are given."""
    return {"centroids": VALUES, "other": VALUES} | rows


def verdicts(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, dict[str, Any]]:
    """Exit status and the verdict of each row."""
    status = bench("check", *words, "--format", "json")
    found = json.loads(capsys.readouterr().out)
    return status, {c["row"]: c for c in found}
