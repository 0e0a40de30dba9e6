"""The command line that computes a cell again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.plan.experiment import Experiment
from bench.plan.slot import Slot
from bench.store.states import Results

_BENCH = "python -m bench"
_AGAIN = {"failed": " --retry-failed", "stale": " --rerun-stale"}


@dataclass(frozen=True)
class Words:
    """What a command has to say beside the cell: the flags that name folders, as they were."""

    places: tuple[str, ...] = ()
    """As `run`, `status` and others take them."""
    results: tuple[str, ...] = ()
    """Those of them that say where results are."""

    def show(self, key: str) -> str:
        """The command that prints a cell's record."""
        return shlex.join(["python", "-m", "bench", "show", key, *self.results])

    def of_state(self, state: str, results: Results) -> str:
        """The command for all cells in a state, failed or stale: it names or computes them."""
        plan = results.plan
        keys = {key for key, found in results.states.items() if found == state}
        words = [_named(e, results) for e in plan.experiments if plan.of(e.name) & keys]
        words += _of_plan(results)
        devices = {plan.cells[key].device for key in keys} - {"cpu"}
        words += [word for device in sorted(devices) for word in ("--device", device)]
        verb, flag = ("status", " --failed") if state == "failed" else ("run", _AGAIN[state])
        return f"{_BENCH} {verb} {shlex.join(words)}{flag}{self._end}"

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
    words = [_named(one, results), *_of_plan(results), "--methods", slot.entry.method]
    return shlex.join([*words, "--tasks", ",".join(slot.entry.all_tasks)])


def _of_plan(results: Results) -> list[str]:
    """What tells a plan's tables from others: preset, type, what was set."""
    plan = results.plan
    words = [] if plan.preset == "quick" else ["--preset", plan.preset]
    words += [] if plan.dtype == "float32" else ["--dtype", plan.dtype]
    return words + [word for one_set in plan.given for word in ("--set", one_set)]


def _named(one: Experiment, results: Results) -> str:
    """An experiment as a command names it."""
    return one.name if one.shipped else _file(one.path, results.runs.parent)


def _file(path: Path, root: Path) -> str:
    """A TOML as a command has it: by its name, or from the results folder on where it lies there.

    That folder too is called by its last name alone.
    """
    if not path.is_absolute():
        return str(path)
    return str(root.name / path.relative_to(root)) if path.is_relative_to(root) else path.name
