"""A finished cell: its record, its predictions in the user's order, curves, and its network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench import ROOT, registry
from bench.cli import common, show
from bench.errors import BenchError
from bench.report import assigned
from bench.store import outputs, record, traces
from bench.store.folders import Store
from bench.store.record import Record
from bench.tasks import Prediction

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class FinishedCell:
    """What a cell left behind; every file is held against the record's SHA-256 when it is read."""

    record: Record
    """Metrics, seed, parameters (`record.cell`), times, versions, …"""
    folder: Path
    data_root: Path

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits."""
        return self.record.key

    @cached_property
    def output(self) -> Prediction:
        """As the method gave it back, for images in the order that methods are given.

        Raises:
            BenchError: the file is damaged, or the cell failed.
        """
        return outputs.of_cell(self.folder, self.record, tensors=not self.record.arrays)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The images in the order of the data set as it was read.

        Returns:
            `index`, int64: the image's place in the data set, 0..N-1 where the task has all of
            it; `cluster`, int64: its cluster, or its class where the task is to adapt.

        Raises:
            Unavailable: the data are not here, which know the order.
            BenchError: they are others, or the method gave no cluster for each image.
        """
        return assigned.of_cell(self.folder, self.record, self.data_root)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """What was logged while it trained, and the scores of its snapshots.

        Returns:
            `name`, `step`, `value`: a row for each value, by name and step; none of a method that
            logs nothing.

        Raises:
            BenchError: the file is damaged.
        """
        found = traces.read(self.folder, self.record)
        rows = [(name, s, v) for name, pairs in found["logged"].items() for s, v in pairs]
        scores = found["snapshots"]
        rows += [
            (name, step, value)
            for name, values in scores.items()
            if name != "step"
            for step, value in zip(scores["step"], values, strict=True)
        ]
        frame = pd.DataFrame(rows, columns=["name", "step", "value"])
        return frame.sort_values(["name", "step"], kind="stable", ignore_index=True)

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The network's weights, or features, by name, on the CPU.

        Raises:
            BenchError: none are here; says how to have them.
        """
        if self.record.arrays:
            raise BenchError(f"{self.folder}: {outputs.WITHOUT_TENSORS}")
        if not self.output.tensors:
            method = self.record.cell["method"]
            how = "its output is the prediction alone"
            if "keep" in self.record.cell["params"]:
                how = f"run it with --set {method}.keep=true"
            raise BenchError(f"cell {self.key} keeps no tensors of {method}: {how}")
        return self.output.tensors

    def network(self) -> nn.Module:
        """The network with its weights, in evaluation mode.

        Raises:
            BenchError: as `tensors`, or they are no network's.
        """
        from bench.nn import networks

        tensors, architecture = self.tensors, self.output.architecture
        if not architecture:
            raise BenchError(f"cell {self.key}: its tensors ({', '.join(tensors)}) are no network")
        network: nn.Module = networks.load(architecture, tensors)
        return network.eval()


def load(
    key: str | Path,
    *,
    results: str | Path = ROOT / "results",
    data_root: str | Path | None = None,
    plugins: str | Path | Iterable[str | Path] = (),
) -> FinishedCell:
    """A finished cell.

    Args:
        key: Its key, the beginning of it, or its folder: a table's CSV and `results` have keys.
        results: The results folder.
        data_root: Data sets; None: `$BENCH_DATA`, else data/ in the clone (installed: here).
        plugins: Folders with methods or data sets of one's own.

    Raises:
        BenchError: none or several cells fit, its record is damaged, or it failed.
    """
    registry.use(plugins)
    store = Store(Path(results), read_only=True)
    folder = show.find(store, str(key))
    found = record.read(folder)
    if folder.is_relative_to(store.runs):
        store.verify(str(folder.relative_to(store.runs)), found)
    if found.state == "failed":
        raise BenchError(f"cell {found.key} failed: {found.failure}: {found.message}")
    root = common.data_root(Path(data_root) if data_root else None)
    return FinishedCell(found, folder, root)
