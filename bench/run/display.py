"""What a run tells whoever watches it."""

from __future__ import annotations

from typing import Protocol

from bench.plan.cell import Cell
from bench.store.record import Record


class Display(Protocol):
    """Shows how a run goes; see `bench.cli.progress`."""

    def started(self, cell: Cell) -> None:
        """A cell was given to a worker."""

    def progressed(self, cell: Cell, fraction: float) -> None:
        """A running cell says how far it is."""

    def ended(self, cell: Cell, result: Record | None) -> None:
        """A cell ended; None: another runner has done it."""

    def gave_up(self, cell: Cell, reason: str) -> None:
        """A cell cannot run: its data are damaged."""
