"""Figures of every kind, as experiment files declare them, and how tests run them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from harness import FAULTY, PLUGINS, make_plan

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment
from bench.plan.cell import Cell
from bench.plan.graph import Plan
from bench.report import table_views
from bench.store import code, outputs, states, traces
from bench.store.folders import CURVES, PREDICTION, Store
from bench.store.record import Record
from bench.tasks import Prediction

Ended = Literal["done", "failed"]
HEAD = """
title = "T"
paper = "ccn"
[preset.quick]
seeds = 2
[preset.paper]
seeds = 5
"""
HEATMAP = """
[[figure]]
kind = "heatmap"
name = "h"
caption = "C."
task = "tiny/pairs"
metric = "NMI"
best = "max"
x = { label = "X", setting = "dissimilar_recall", values = [0.0, 0.5, 1.0], quick = [0.0, 1.0] }
y = { label = "Y", setting = "similar_recall", values = [0.25, 0.75] }
[[figure.curve]]
label = "K = 4"
method = "answers"
[[figure.curve]]
label = "K = 8"
method = "answers"
setting = { n_clusters = 8 }
"""
BARS = """
[[figure]]
kind = "bars"
name = "b"
caption = "C."
metric = "ACC"
published = { table = "5", metric = "ACC (100)" }
group = [
  { task = "tiny/cluster", published = { dataset = "Omniglot-eval/Angelic" } },
  { label = "flat", task = "tiny/flat", published = { dataset = "Omniglot-eval/Keble" } },
]
[[figure.curve]]
label = "ours"
method = "centroids"
[[figure.curve]]
label = "theirs"
method = "centroids"
params = { iterations = 2 }
published = { method = "CCN" }
"""
TRAINING = """
[[figure]]
kind = "training"
name = "t"
caption = "C."
task = "tiny/cluster"
metric = "ACC"
[[figure.curve]]
label = "centroids"
method = "centroids"
"""
EMBEDDING = """
[[figure]]
kind = "embedding"
name = "e"
caption = "C."
task = "tiny/cluster"
tensor = "outputs"
[[figure.curve]]
label = "centroids"
method = "centroids"
[[figure.curve]]
label = "an artifact"
method = "mean-image"
"""
CURVE = """
[[figure]]
name = "c"
caption = "C."
task = "tiny/cluster"
metric = "ACC"
published = { table = "5", metric = "ACC (100)", dataset = "Omniglot-eval/Keble" }
x = { label = "X", param = "iterations", values = [1, 4], log = true }
[[figure.curve]]
label = "centroids"
method = "centroids"
published = { method = "CCN" }
"""
ALL = HEATMAP + BARS + TRAINING + EMBEDDING + CURVE


def write(folder: Path, *figures: str) -> Path:
    path = folder / "figures.toml"
    path.write_text(HEAD + "".join(figures))
    return path


def refused(folder: Path, text: str, old: str, new: str) -> str:
    """What is said of a figure in which one thing was replaced by another."""
    registry.load([PLUGINS, FAULTY])
    assert old in text
    with pytest.raises(BenchError) as caught:
        experiment.load(str(write(folder, text.replace(old, new, 1))))
    assert "figures.toml" in str(caught.value)
    return str(caught.value)


def finish(
    store: Store,
    cell: Cell,
    metrics: Mapping[str, float],
    *,
    tensors: Mapping[str, torch.Tensor] | None = None,
    curves: Any = None,
    failed: bool = False,
) -> None:
    """Put a cell into the store as if it had run."""
    attempt = store.work(cell) / "attempt"
    attempt.mkdir(parents=True)
    outputs.save(attempt / PREDICTION, Prediction(tensors=tensors or {}))
    if curves is not None:
        (attempt / CURVES).write_text(json.dumps(curves))
    record = Record(
        key=cell.key,
        cell=cell.identity(),
        state="failed" if failed else "done",
        metrics=dict(metrics),
        code=code.of_cell(cell),
        output=outputs.digest(attempt / PREDICTION),
        curves=traces.digest(attempt / CURVES),
    )
    store.publish(cell, attempt, record)


def shown(plan: Plan, store: Store) -> Any:
    """The one figure of a plan, a view of its kind."""
    (view,) = table_views.views(states.read(plan, store))[1]
    return view


def publish(
    plan: Plan, store: Store, key: str, prediction: Prediction, state: Ended = "done"
) -> None:
    """A cell's end, as the harness leaves it."""
    cell = plan.cells[key]
    attempt = store.work(cell) / "attempt"
    attempt.mkdir(parents=True)
    outputs.save(attempt / PREDICTION, prediction)
    output, of = outputs.digest(attempt / PREDICTION), code.of_cell(cell)
    record = Record(key=cell.key, cell=cell.identity(), state=state, code=of, output=output)
    store.publish(cell, attempt, record)


def view_of(
    tmp_path: Path, text: str, prediction: Prediction | None = None, state: Ended = "done"
) -> Any:
    """The figure of an experiment whose one cell gave back a prediction."""
    plan, store = make_plan(write(tmp_path, text)), Store(tmp_path)
    (slot,) = plan.slots
    assert list(slot.cells) == [0]
    if prediction is not None:
        publish(plan, store, slot.cells[0][0], prediction, state)
    return shown(plan, store)
