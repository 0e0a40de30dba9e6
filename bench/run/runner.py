"""Runs a plan's cells in the order of their graph, as many at a time as there are workers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import heapq
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock, Timeout

from bench import registry
from bench.errors import DamagedData
from bench.plan.cell import Cell
from bench.plan.graph import Plan
from bench.run import grouping
from bench.run.inputs import Truth, gather
from bench.run.pool import Pool, new_attempt
from bench.run.worker import SNAPSHOTS, Job, Report
from bench.score import scores, snapshots
from bench.store import code, outputs, record, states
from bench.store.folders import CURVES, LOG, PREDICTION, Store, writable
from bench.store.record import Record

_POLL_SECONDS = 0.5
_WORTH_RESUMING = ("timeout", "out of memory", "worker died")


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


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run; nothing here changes a result."""

    workers: int
    data_root: Path
    timeout: float = 1200.0
    """Seconds a cell."""
    budget: float | None = None
    """Seconds for the whole run."""
    memory: int = 0
    """Bytes a worker may take; 0: no limit."""
    retry_failed: bool = False
    rerun_stale: bool = False
    plugins: tuple[Path, ...] = ()
    checkpoint_seconds: float = 30.0


@dataclass
class _Started:
    cell: Cell
    job: Job
    group: int
    """Cells that its process computes."""
    truth: Truth
    lock: FileLock
    when: str


class Runner:
    """One run of one plan."""

    def __init__(self, plan: Plan, store: Store, options: RunOptions, display: Display) -> None:
        self._plan, self._store, self._options, self._display = plan, store, options, display
        self._records = store.records()
        self.states = states.states(plan, self._records)
        self._wanted = states.to_run(
            plan, self.states, retry_failed=options.retry_failed, rerun_stale=options.rerun_stale
        )
        self._pool = Pool(options.workers, options.timeout, self._progressed)
        self._started: dict[str, _Started] = {}
        self._elsewhere: list[str] = []
        self._commit, self._dirty = code.revision()
        # Now, not when a cell ends: the file may be edited while the cell runs.
        self._code = {cell.key: code.of_cell(cell) for cell in self.wanted_cells()}
        self._end = time.monotonic() + options.budget if options.budget else None
        self._waiting = {
            key: {n for _, n in plan.cells[key].needs if n in self._wanted} for key in self._wanted
        }
        self._dependents: dict[str, list[str]] = {}
        for key, needed in self._waiting.items():
            for n in needed:
                self._dependents.setdefault(n, []).append(key)
        # Seed by seed; of a seed, what others wait for comes first, so that no worker idles at the
        # end of a long pretraining.
        self._keys = sorted(
            plan.cells, key=lambda key: (plan.cells[key].seed, key not in self._dependents)
        )
        self._order = {key: i for i, key in enumerate(self._keys)}
        self._ready = [self._order[key] for key, needed in self._waiting.items() if not needed]
        heapq.heapify(self._ready)

    def wanted_cells(self) -> list[Cell]:
        """The cells that `run` will compute, in the order of the plan."""
        return [cell for key, cell in self._plan.cells.items() if key in self._wanted]

    def run(self) -> bool:
        """Compute what is wanted; True when all of it ended, False when the budget ran out.

        Raises:
            BenchError: the results folder cannot be written.
            KeyboardInterrupt: Ctrl-C; workers are ended, finished cells are kept.
        """
        self._store.check_writable()
        self._store.sweep(self._plan.cells.values())
        try:
            while self._ready or self._started or self._elsewhere:
                if self._end is not None and time.monotonic() >= self._end:
                    return False
                self._fill()
                for job, report in self._pool.wait(self._patience()):
                    self._finish(self._started.pop(job.key), report)
            return True
        finally:
            self._pool.stop()
            for started in self._started.values():
                started.lock.release()

    def _patience(self) -> float:
        left = self._end - time.monotonic() if self._end is not None else _POLL_SECONDS
        return max(0.0, min(_POLL_SECONDS, left))

    def _progressed(self, key: str, fraction: float) -> None:
        self._display.progressed(self._plan.cells[key], fraction)

    def _fill(self) -> None:
        """Start cells while workers are free; ask again for those that another runner held."""
        for key in self._elsewhere:
            heapq.heappush(self._ready, self._order[key])
        held: list[str] = []
        while self._ready and self._pool.free:
            locked = []
            for cell in self._next():
                lock = self._store.lock(cell)
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    held.append(cell.key)
                    continue
                if self._done_meanwhile(cell):
                    lock.release()
                else:
                    locked.append((cell, lock))
            if locked:
                self._start(locked)
        self._elsewhere = held

    def _next(self) -> list[Cell]:
        """The next cell that is ready, with all such that may share its process."""
        first = self._plan.cells[self._keys[heapq.heappop(self._ready)]]
        cells = [first, *grouping.others(first, (self._keys[i] for i in self._ready), self._plan)]
        if len(cells) > 1:
            taken = {self._order[cell.key] for cell in cells}
            self._ready = [place for place in self._ready if place not in taken]
            heapq.heapify(self._ready)
        return cells

    def _done_meanwhile(self, cell: Cell) -> bool:
        """Whether another runner has finished the cell since this one looked."""
        before, now = self._records.get(cell.key), self._store.read(cell)
        if now is None or (before is not None and before.started == now.started):
            return False
        self._records[cell.key] = now
        self._settle(cell, now)
        self._display.ended(cell, None)
        return True

    def _start(self, locked: list[tuple[Cell, FileLock]]) -> None:
        """Prepare the inputs of a cell, or of several alike, and give them to a worker."""
        prepared = [self._prepare(cell, lock) for cell, lock in locked]
        started = [one for one in prepared if one is not None]
        for one in started:
            one.group = len(started)
            self._display.started(one.cell)
            self._started[one.cell.key] = one
        if started:
            self._pool.start([one.job for one in started])

    def _prepare(self, cell: Cell, lock: FileLock) -> _Started | None:
        """A cell with its inputs; None, and the lock released, where its data are damaged."""
        work = self._store.work(cell)
        when = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        for _, key in cell.needs:  # which another runner may have computed again by now
            self._records[key] = self._store.read(self._plan.cells[key]) or self._records[key]
        needs = {
            role: (self._store.folder(self._plan.cells[key]), self._records[key].output)
            for role, key in cell.needs
        }
        try:
            with writable(self._store.root):
                attempt = new_attempt(work)
                inputs, truth = gather(cell, self._options.data_root, work)
        except DamagedData as error:
            self._give_up(cell, str(error))
            lock.release()
            return None
        job = Job(
            key=cell.key,
            method=cell.method,
            params=dict(cell.params),
            seed=cell.seed,
            preset=cell.preset,
            device=cell.device,
            dtype=cell.dtype,
            threads=cell.threads,
            inputs=inputs,
            needs=needs,
            plugins=self._options.plugins,
            work=work,
            attempt=attempt,
            memory=self._options.memory,
            checkpoint_seconds=self._options.checkpoint_seconds,
        )
        return _Started(cell, job, 1, truth, lock, when)

    def _finish(self, started: _Started, report: Report) -> None:
        """Score a cell, put it in its place, and let those go that waited for it."""
        cell, attempt = started.cell, started.job.attempt
        metrics: dict[str, float] = {}
        digest = ""
        if not report.failure:
            digest = outputs.digest(attempt / PREDICTION)
            try:
                with writable(self._store.root):
                    metrics = _score(cell, started)
            except ValueError as error:  # one cell's fault, which must not end the others
                message = f"cannot be scored: {error}"
                report = dataclasses.replace(report, failure="invalid prediction", message=message)
        result = Record(
            key=cell.key,
            cell=cell.identity(),
            state="failed" if report.failure else "done",
            failure=report.failure,
            message=report.message,
            metrics=metrics,
            partial_data=started.truth.partial,
            code=self._code[cell.key],
            needs={role: self._records[key].output for role, key in cell.needs},
            output=digest,
            wall_seconds=report.wall_seconds,
            cpu_seconds=report.cpu_seconds,
            peak_memory=report.peak_memory,
            peak_device_memory=report.peak_device_memory,
            group=started.group,
            resumed=report.resumed,
            started=started.when,
            hardware=report.device or record.hardware(cell.dtype),
            versions=record.versions(),
            commit=self._commit,
            dirty=self._dirty,
        )
        log = attempt / LOG
        if log.exists() and not log.stat().st_size:
            log.unlink()
        self._store.publish(cell, attempt, result)
        self._store.clear_work(cell, keep_checkpoint=report.failure in _WORTH_RESUMING)
        # Whoever still waits for the file finds, once it has it, that the cell is done.
        Path(started.lock.lock_file).unlink(missing_ok=True)
        started.lock.release()
        self._records[cell.key] = result
        self._settle(cell, result)
        self._display.ended(cell, result)

    def _give_up(self, cell: Cell, reason: str) -> None:
        """The data that a plan counted on turn out to be damaged: they are not here after all."""
        self._store.clear_work(cell)
        self._plan.unavailable[cell.key] = reason
        self.states[cell.key] = "unavailable"
        self._display.gave_up(cell, reason)
        for key in self._dependents.get(cell.key, ()):
            if self._waiting.pop(key, None) is not None:
                self._give_up(self._plan.cells[key], reason)

    def _settle(self, cell: Cell, result: Record) -> None:
        """Note a cell's end; what needs it becomes ready, or blocked."""
        self.states[cell.key] = "failed" if result.state == "failed" else "done"
        for key in self._dependents.get(cell.key, ()):
            if self.states[cell.key] == "failed":
                self._block(key)
            elif key in self._waiting:
                self._waiting[key].discard(cell.key)
                if not self._waiting[key]:
                    heapq.heappush(self._ready, self._order[key])

    def _block(self, key: str) -> None:
        """A needed cell failed: this one cannot run, nor can those that need it."""
        if self._waiting.pop(key, None) is not None:
            self.states[key] = "blocked"
            for dependent in self._dependents.get(key, ()):
                self._block(dependent)


def _score(cell: Cell, started: _Started) -> dict[str, float]:
    """The metrics of a finished attempt; scored snapshots join its curves."""
    inputs, truth, attempt = started.job.inputs, started.truth, started.job.attempt
    labels = np.load(truth.labels, allow_pickle=False)
    pairs = np.load(inputs.drawn["pairs"]) if inputs.kind == "similarity" else None
    stored = attempt / SNAPSHOTS
    if stored.exists():
        curves = json.loads((attempt / CURVES).read_text(encoding="utf-8"))
        curves["snapshots"] |= snapshots.score(np.load(stored, allow_pickle=False), labels)
        (attempt / CURVES).write_text(json.dumps(curves), encoding="utf-8")
    if registry.get(cell.method).artifact:
        found = outputs.load(attempt / PREDICTION, tensors=True).tensors.get("features")
        return {} if found is None else scores.score_features(found.float().numpy(), labels)
    return scores.score(
        inputs.kind,
        outputs.load(attempt / PREDICTION),
        labels,
        n_classes=truth.n_classes,
        setting=inputs.setting,
        pairs=pairs,
    )
