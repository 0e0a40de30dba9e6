"""The harness's side of a running cell, inside its worker: `bench.tasks.Run`, made real."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.errors import BenchError, NonFiniteError
from bench.plan import cell
from bench.run import blame
from bench.run.job import CHECKPOINT_SECONDS
from bench.run.shared import Shared
from bench.score import scores
from bench.store import checkpoint, code, equal, machine, outputs
from bench.store.folders import ARRAYS, CHECKPOINT, PREDICTION
from bench.tasks import Prediction

_REPORT_SECONDS = 0.2


class WorkerRun:
    """What a method calls while it runs; see `bench.tasks.Run` for each method's contract."""

    def __init__(
        self,
        *,
        task: str,
        seed: int,
        preset: str,
        device: str,
        dtype: str,
        work: Path | None,
        needs: Mapping[str, tuple[Path, str]],
        report: Callable[[float], None],
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        method: str = "",
        fingerprint: str = "",
    ) -> None:
        """Set up for one cell.

        Args:
            task: Its name, one of the axes that seeds are derived from.
            seed: Of the repetition.
            preset: "quick" or "paper".
            device: "cpu" or "cuda".
            dtype: The type to compute in.
            work: The cell's folder for checkpoints; None: nothing is written.
            needs: Role -> folder of the needed cell and the hash its output must have.
            report: Called with the fraction done, at most a few times a second.
            checkpoint_seconds: How often a checkpoint is written at most.
            method: Its name.
            fingerprint: Of the method's code: checkpoints of other code are not gone on from.
        """
        self.seed, self.preset, self.device, self.dtype = seed, preset, device, dtype
        self.resumed = False
        self.logged: dict[str, list[list[float]]] = {}
        self.snapshots: dict[int, npt.NDArray[np.signedinteger]] = {}
        self._task, self._work, self._needs, self._report = task, work, needs, report
        self._interval, self._method, self._fingerprint = checkpoint_seconds, method, fingerprint
        self._written = time.monotonic()
        self._reported = 0.0

    def seed_for(self, axis: str) -> int:
        """A seed for a named axis."""
        return cell.seed_for(self.seed, self._task, axis)

    def generator(self, axis: str) -> torch.Generator:
        """A torch generator for a named axis."""
        return torch.Generator().manual_seed(self.seed_for(axis))

    def rng(self, axis: str) -> np.random.Generator:
        """A numpy generator for a named axis."""
        return np.random.default_rng(self.seed_for(axis))

    def needed(self, role: str) -> Prediction:
        """A needed cell's output, checked against the hash in its record."""
        if role not in self._needs:
            raise KeyError(f"no cell was declared under the role '{role}' by needs()")
        folder, wanted = self._needs[role]
        path = folder / PREDICTION
        if not path.exists() and (folder / ARRAYS).exists():
            raise BenchError(f"{folder}: {outputs.WITHOUT_TENSORS}")
        if outputs.digest(path) != wanted:
            raise BenchError(f"{path}: damaged: its hash is not the record's; delete {folder}")
        return outputs.load(path, tensors=True)

    def shared(
        self,
        name: str,
        module: str,
        compute: Callable[[torch.Tensor], torch.Tensor],
        side: int,
        **facts: Any,
    ) -> Callable[[int, torch.Tensor], torch.Tensor]:
        """A function of each step's input, computed once for all cells with the same of it."""
        # Elsewhere than on a CPU the same inputs need not give the same bytes.
        if self._work is None or self.device != "cpu":
            return Shared(compute, side).of
        found = {
            "facts": facts,
            "side": side,
            "stream": [self._task, self.seed],
            "needs": {role: digest for role, (_, digest) in self._needs.items()},
            "dtype": self.dtype,
            "code": code.fingerprint(module),
            "machine": [machine.hardware(), torch.__config__.show(), torch.get_num_threads()],
        }
        identity = json.dumps(found, sort_keys=True)
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        file = self._work.parent / "shared" / f"{name}-{digest}.bits"
        return Shared(compute, side, file, identity).of

    def log(self, step: int, **values: float) -> None:
        """Record values of training."""
        for name, value in values.items():
            number = float(value)
            if not math.isfinite(number):
                raise NonFiniteError(f"{name} is {number} at step {step}")
            self.logged.setdefault(name, []).append([int(step), number])

    def progress(self, step: int, total: int) -> None:
        """Report the fraction done."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self._report(step / max(total, 1))

    def snapshot(self, step: int, assignments: npt.ArrayLike) -> None:
        """Keep assignments for the harness to score."""
        array = np.asarray(assignments)
        scores.check_integers(f"the snapshot at step {step}: assignments", array, len(array), None)
        self.snapshots[int(step)] = outputs.smallest(array)

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write the method's state with what was logged so far, if it is time to."""
        if self._work is None or time.monotonic() - self._written < self._interval:
            return
        made_by = {"code": self._fingerprint, "versions": machine.decisive()}
        harness = {"logged": self.logged, "snapshots": self.snapshots, "made_by": made_by}
        content = {"method": dict(state), "harness": harness}
        with blame.ours():
            self._work.mkdir(parents=True, exist_ok=True)
            checkpoint.save(self._work / CHECKPOINT, content, of=self._work.name)
        self._written = time.monotonic()

    def resume(self) -> dict[str, Any] | None:
        """The method's state of the last checkpoint.

        One that is damaged, or of other code or libraries than the record will name, is named and
        taken away.
        """
        if self._work is None:
            return None
        path = self._work / CHECKPOINT
        if not os.path.lexists(path):
            return None
        try:
            state = checkpoint.load(path, of=self._work.name)
            self._refuse_others(path, state["harness"].get("made_by"))
        except BenchError as error:
            print(f"starting over: {error}")
            checkpoint.discard(path)
            return None
        self.logged = state["harness"]["logged"]
        self.snapshots = state["harness"]["snapshots"]
        self.resumed = True
        method: dict[str, Any] = state["method"]
        return method

    def _refuse_others(self, path: Path, made_by: Mapping[str, Any] | None) -> None:
        """Raises BenchError where a checkpoint's code or libraries may give other bytes."""
        if not made_by:
            raise BenchError(f"{path}: it does not say what code made it")
        was, here = made_by["versions"], machine.decisive()
        if was != here:
            other = sorted(name for name in {**was, **here} if was.get(name) != here.get(name))
            raise BenchError(f"{path}: made with another {', '.join(other)}")
        if not equal.read().same(
            self._method,
            made_by["code"],
            self._fingerprint,
            device=self.device,
            dtype=self.dtype,
        ):
            raise BenchError(f"{path}: made by other code")
