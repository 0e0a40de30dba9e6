"""What a replay left behind, as digests: prediction with tensors, logged values, scores."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.store import outputs
from bench.store.folders import CURVES, PREDICTION, SNAPSHOTS
from bench.store.record import RECORD


@dataclass(frozen=True)
class Seen:
    """A cell of a replay."""

    method: str
    """What it is a witness of: a method, "network NAME", or "protocol"; "" of nothing itself."""
    label: str
    """Method, task and parameters that tell it from others, for people."""
    output: str
    """The digest of prediction.safetensors; the failure of a cell that failed."""
    logged: str
    """The digest of what was logged, at full precision and in order, and of snapshots. The number
    that a step is given is a label: epochs counted from 0 or from 1 are the same training."""
    scores: str
    """The digest of the metrics and of the scores of snapshots."""
    needs: tuple[str, ...] = ()
    """Names of the cells that it read."""
    code: str = ""
    seconds: float = 0.0
    degenerate: str = ""
    """Why nothing could be seen in it, if so."""

    @property
    def trace(self) -> tuple[str, str]:
        """What the method made: its scores are others' work."""
        return self.output, self.logged


def subject(method: str, params: dict[str, Any]) -> str:
    """What a cell of this method is a witness of."""
    if method == "given":
        return "protocol"
    if method == "network":
        architecture = params.get("architecture", '{"name": "convnet"}')
        return f"network {json.loads(architecture)['name']}"
    return str(params.get("of", "")) if method == "needing" else method


def read(results: Path) -> dict[str, Seen]:
    """Name -> cell; a name is a digest of what the cell is, the seed unless it is 0, and its needs.

    Raises:
        BenchError: a record cannot be read.
    """
    folders = {}
    for path in sorted((results / "runs").glob(f"*/*/*/{RECORD}")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            folders[record["key"]] = (path.parent, record)
        except (OSError, ValueError, KeyError) as error:
            raise BenchError(f"{path}: damaged record: {error}") from error
    names: dict[str, str] = {}

    def name(key: str) -> str:
        if key not in names:
            cell = folders[key][1]["cell"]
            needs = {role: name(needed) for role, needed in cell["needs"].items()}
            own = {k: cell[k] for k in ("task", "setting", "method", "params")}
            if cell.get("seed"):  # one that a row asks for itself
                own["seed"] = cell["seed"]
            names[key] = f"{cell['method']} {cell['task']} {_hash({**own, 'needs': needs})[:8]}"
        return names[key]

    return {name(key): _seen(folder, record, name) for key, (folder, record) in folders.items()}


def _seen(folder: Path, record: dict[str, Any], name: Any) -> Seen:
    cell, done = record["cell"], record["state"] == "done"
    curves: dict[str, Any] = {}
    if (folder / CURVES).exists():
        curves = json.loads((folder / CURVES).read_text(encoding="utf-8"))
    logged, snapshots = curves.get("logged", {}), curves.get("snapshots", {})
    stored = folder / SNAPSHOTS
    kept = stored.read_bytes().hex() if stored.exists() else ""
    of = "" if cell["method"] == "needing" else subject(cell["method"], cell["params"])
    return Seen(
        method=of,
        label=name(record["key"]),
        output=outputs.digest(folder / PREDICTION)[:16] if done else record["failure"],
        logged=_hash([_values(logged), snapshots.get("step", []), kept])[:16],
        scores=_hash([record["metrics"], snapshots])[:16],
        needs=tuple(sorted(name(key) for key in cell["needs"].values())),
        code=record.get("code", ""),
        seconds=record["cpu_seconds"] / record.get("group", 1),
        degenerate=_degenerate(folder, logged) if done and of else "" if done else "it failed",
    )


def _values(logged: dict[str, list[list[float]]]) -> dict[str, list[float]]:
    """What was logged, without the numbers of the steps."""
    return {name: [value for _, value in points] for name, points in logged.items()}


def _degenerate(folder: Path, logged: dict[str, list[list[float]]]) -> str:
    """Why a change of code might not be seen in a cell."""
    counts = {label: len({value for _, value in points}) for label, points in logged.items()}
    if counts.get("loss") == 1 and len(logged["loss"]) > 1:
        return "its loss never moves"
    found = outputs.load(folder / PREDICTION, tensors=True)
    one = found.assignments is not None and len(np.unique(found.assignments)) < 2
    # Logged values at full precision show a change that a single cluster hides.
    if one and not found.classes and max(counts.values(), default=0) < 3:
        return "one cluster holds all images, and no value is logged that moves"
    if found.scores is not None and not np.ptp(found.scores) > 0:
        return "all pairs have one score"
    return ""


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
