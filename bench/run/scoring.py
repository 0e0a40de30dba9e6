"""Scores what a cell left behind, when it ends and whenever the scoring has changed since."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bench import registry
from bench.files import replace
from bench.plan.cell import Cell
from bench.run.inputs import Inputs, Truth, read_labels
from bench.score import scores, snapshots
from bench.store import outputs
from bench.store.folders import CURVES, PREDICTION, SNAPSHOTS


def score(
    cell: Cell, inputs: Inputs, truth: Truth, folder: Path, prediction: str = PREDICTION
) -> dict[str, float]:
    """The metrics of a finished cell or attempt; scored snapshots join its curves.

    Args:
        cell: Whose output it is.
        inputs: What the cell was given; of a similarity task its pairs are read.
        truth: The target's labels.
        folder: With the prediction and, of methods that log, curves.json.
        prediction: The name of its file: another where a pack left the tensors out.

    Raises:
        ValueError: the prediction cannot be scored.
        BenchError: it cannot be read, or the labels cannot.
    """
    labels = read_labels(truth.labels)
    pairs = np.load(inputs.drawn["pairs"]) if inputs.kind == "similarity" else None
    stored = folder / SNAPSHOTS
    if stored.exists():
        curves = json.loads((folder / CURVES).read_text(encoding="utf-8"))
        curves["snapshots"] |= snapshots.score(np.load(stored, allow_pickle=False), labels)
        replace(folder / CURVES, json.dumps(curves).encode())
    if registry.get(cell.method).artifact:
        found = outputs.load(folder / prediction, tensors=True).tensors.get("features")
        return {} if found is None else scores.score_features(found.float().numpy(), labels)
    return scores.score(
        inputs.kind,
        outputs.load(folder / prediction),
        labels,
        n_classes=truth.n_classes,
        setting=inputs.setting,
        pairs=pairs,
    )
