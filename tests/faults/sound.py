"""A results folder with all that lies beside it, whole, for the tests that damage it.

The cells are scored as the harness scores them, without workers: ten cells of one method with
curves and snapshots, shown in a table, in a figure over training and as a confusion matrix.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from harness import DATA, PLUGINS, bench, make_plan, write_experiment

from bench.datasets import get_task, materialise
from bench.plan.graph import Plan
from bench.report import renewing, table_views
from bench.report.view_types import Drawing, TableView
from bench.run.context import WorkerRun
from bench.run.inputs import gather
from bench.run.scoring import score
from bench.store import code, machine, outputs, packing, record, states, traces
from bench.store.folders import CURVES, PREDICTION, SNAPSHOTS, Store
from bench.tasks import Prediction

METHOD = "centroids"
_FIGURE = """
[[figure]]
kind = "{}"
name = "{}"
caption = "C."
task = "tiny/cluster"
{}
[[figure.curve]]
label = "centroids"
method = "centroids"
"""
_FIGURES = (
    ("training", "logged", 'logged = "moved"'),
    ("training", "scored", 'metric = "ACC"'),
    ("confusion", "matrix", ""),
)
STATE = {"step": 7, "weights": torch.arange(6.0).reshape(2, 3), "history": [0.5, 0.25], "name": "x"}


@dataclass(frozen=True)
class Sound:
    """Where all of it lies."""

    root: Path
    """results/, cache/, reference/, pack.zip, sound.toml."""
    plan: Plan

    @property
    def toml(self) -> Path:
        """The experiment."""
        return self.root / "sound.toml"

    @property
    def folders(self) -> list[str]:
        """Of the cells, by seed."""
        return [cell.folder for cell in sorted(self.plan.cells.values(), key=lambda c: c.seed)]


def make(root: Path) -> Sound:
    """Build all of it below a folder; the cache is the one in use from then on."""
    os.environ["BENCH_CACHE"] = str(root / "cache")
    toml = write_experiment(root / "sound.toml", "tiny/cluster", [{"method": METHOD}], n=10)
    with toml.open("a") as file:
        file.writelines(_FIGURE.format(*one) for one in _FIGURES)
    plan, store = make_plan(toml), Store(root / "results")
    for cell in plan.cells.values():
        _finish(cell, store)
    packing.write(root / "pack.zip", store, plan.cells)
    results = states.read(plan, store)
    renewing.update(results, "for the tests")
    cell = next(iter(plan.cells.values()))
    worker_run(store.work(cell)).checkpoint(STATE)
    return Sound(root, plan)


def _finish(cell, store: Store) -> None:
    """A cell as a run leaves it."""
    attempt = store.work(cell) / "attempt"
    attempt.mkdir(parents=True)
    inputs, truth = gather(cell, DATA, store.work(cell))
    rng = np.random.default_rng(cell.seed)
    labels = np.load(truth.labels)
    steps = [np.where(rng.random(truth.n) < p, labels % 4, rng.integers(4, size=truth.n))
             for p in (0.2, 0.5, 0.8)]  # fmt: skip
    outputs.save(attempt / PREDICTION, Prediction(assignments=steps[-1]))
    logged = {"moved": [[i, float(rng.random())] for i in range(3)]}
    (attempt / CURVES).write_text(json.dumps({"logged": logged, "snapshots": {"step": [0, 1, 2]}}))
    np.save(attempt / SNAPSHOTS, np.stack([outputs.smallest(s) for s in steps]))
    metrics = score(cell, inputs, truth, attempt)
    made = record.Record(
        key=cell.key, cell=cell.identity(), state="done", metrics=metrics, code=code.of_cell(cell),
        scoring=code.scoring(), output=outputs.digest(attempt / PREDICTION),
        curves=traces.digest(attempt / CURVES), snapshots=traces.digest(attempt / SNAPSHOTS),
        versions=machine.versions(), hardware="a CPU", started="2026-01-01T00:00:00.000+00:00",
    )  # fmt: skip
    store.publish(cell, attempt, made)
    store.clear_work(cell)


def worker_run(work: Path) -> WorkerRun:
    """What a method of the first cell would be handed."""
    return WorkerRun(
        task="tiny/cluster", seed=0, preset="quick", device="cpu", dtype="float32", work=work,
        needs={}, report=lambda fraction: None, checkpoint_seconds=-1.0,
    )  # fmt: skip


def views(plan: Plan, results: Path) -> list[TableView | Drawing]:
    """The table and the three figures, as they would be drawn."""
    tables, figures = table_views.views(states.read(plan, Store(results, read_only=True)))
    return [*tables, *figures]


def said(*words: object) -> tuple[int, str]:
    """A command's exit status, and all that it wrote."""
    out = io.StringIO()
    plugins = () if words[0] == "merge" else ("--plugins", PLUGINS)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = bench(*words, *plugins)
    return status, out.getvalue()


def part() -> tuple[list[list[int]], list[int], int]:
    """The images and labels that the task is given, and its number of classes."""
    files = materialise(get_task("tiny/cluster").target, DATA, limit=150)
    images, labels = np.load(files.images), np.load(files.labels)
    return images.tolist(), labels.tolist(), files.n_classes
