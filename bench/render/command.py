"""The command line that computes a cell again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.plan.slot import Slot
from bench.report.reference import shipped
from bench.store.states import Results

_BENCH = "python -m bench"
_AGAIN = {"failed": " --retry-failed", "stale": " --rerun-stale"}


@dataclass(frozen=True)
class Words:
    """What a command has to say beside the cell: `--results` and `--plugins`, as they were."""

    places: tuple[str, ...] = ()

    def show(self, key: str) -> str:
        """The command that prints a cell's record."""
        return f"{_BENCH} show {key}{self._end}"

    def run(self, key: str, slot: Slot, results: Results, asked: str) -> str:
        """The command that computes a cell which a slot asks for, itself or through others.

        Args:
            key: The cell's.
            slot: Asks for it.
            results: Of the plan.
            asked: As `asked` has it, for all cells of the slot.
        """
        cell = results.plan.cells[key]
        seeds = [seed for seed, keys in slot.cells.items() if key in keys] or [cell.seed]
        again = _AGAIN.get(results.states[key], "")
        device = "" if cell.device == "cpu" else f" --device {cell.device}"
        numbers = ",".join(map(str, seeds))
        return f"{_BENCH} run {asked} --seed-list {numbers}{device}{again}{self._end}"

    @cached_property
    def _end(self) -> str:
        return f" {shlex.join(self.places)}" if self.places else ""


def asked(slot: Slot, results: Results) -> str:
    """An experiment, by its name or its file's, and what of it; no folder of this machine."""
    plan = results.plan
    (one,) = (e for e in plan.experiments if e.name == slot.experiment)
    words = [one.name if shipped(one) else _file(one.path, results.runs.parent)]
    words += [] if plan.preset == "quick" else ["--preset", plan.preset]
    words += ["--methods", slot.entry.method, "--tasks", ",".join(slot.entry.all_tasks)]
    words += [] if plan.dtype == "float32" else ["--dtype", plan.dtype]
    words += [word for one_set in plan.given for word in ("--set", one_set)]
    return shlex.join(words)


def _file(path: Path, root: Path) -> str:
    """A TOML as a command has it: by its name, or from the results folder on where it lies there.

    That folder too is called by its last name alone.
    """
    if not path.is_absolute():
        return str(path)
    return str(root.name / path.relative_to(root)) if path.is_relative_to(root) else path.name
