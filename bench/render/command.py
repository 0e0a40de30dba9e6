"""The command line that computes a cell again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bench.plan.slot import Slot
from bench.report.reference import shipped
from bench.store.states import Results

BENCH = ("python", "-m", "bench")
_AGAIN = {"failed": ("--retry-failed",), "stale": ("--rerun-stale",)}


@dataclass(frozen=True)
class Words:
    """What a command has to say beside the cell: `--results` and `--plugins`, as they were."""

    places: tuple[str, ...] = ()

    def show(self, key: str) -> str:
        """The command that prints a cell's record."""
        return shlex.join([*BENCH, "show", key, *self.places])

    def run(self, key: str, slot: Slot, results: Results) -> str:
        """The command that computes a cell which a slot asks for, itself or through others."""
        plan, cell = results.plan, results.plan.cells[key]
        seeds = [seed for seed, keys in slot.cells.items() if key in keys] or [cell.seed]
        flags = _flag("--preset", plan.preset, "quick")
        flags += ["--methods", slot.entry.method, "--tasks", ",".join(slot.entry.all_tasks)]
        flags += ["--seed-list", ",".join(map(str, seeds))]
        flags += _flag("--device", cell.device, "cpu") + _flag("--dtype", plan.dtype, "float32")
        flags += [word for one in plan.given for word in ("--set", one)]
        again: Sequence[str] = _AGAIN.get(results.states[key], ())
        return shlex.join([*BENCH, "run", self._experiment(slot, results), *flags, *again,
                           *self.places])  # fmt: skip

    def _experiment(self, slot: Slot, results: Results) -> str:
        """Its name, or the name of its file: no folder of this machine."""
        (one,) = (e for e in results.plan.experiments if e.name == slot.experiment)
        return one.name if shipped(one) else one.path.name


def _flag(name: str, value: str, default: str) -> list[str]:
    return [] if value == default else [name, value]
