"""Runs a plan's cells in the order of their graph, as many at a time as there are workers."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Set

from filelock import Timeout

from bench.errors import BenchError, DamagedData, Lack
from bench.plan.cell import Cell
from bench.plan.graph import Plan
from bench.run import grouping
from bench.run.display import Display
from bench.run.executor import Executor
from bench.run.inputs import gather, verify
from bench.run.job import Job, Report
from bench.run.makespan import Forecast, forecast
from bench.run.options import RunOptions
from bench.run.order import Order
from bench.run.outcome import Started, record_of
from bench.run.pool import Pool, new_attempt
from bench.store import code, cost, states
from bench.store.folders import LOG, Store, writable
from bench.store.locks import RENEW_SECONDS, CellLock
from bench.store.record import Record
from bench.store.states import Results

__all__ = ["RunOptions", "Runner"]

_POLL_SECONDS = 0.5
_MAYBE_THE_DATA = ("exception", "non-finite", "invalid prediction")
"""Failures that damaged images or labels may lead to."""
_VANISHED = 3
"""So often a cell's attempt may be taken away."""
_WORTH_RESUMING = ("timeout", "out of memory", "worker died")


class Runner:
    """One run of one plan."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        options: RunOptions,
        display: Display,
        pool: Executor | None = None,
        *,
        results: Results | None = None,
        wanted: Set[str] | None = None,
    ) -> None:
        """Look what there is to do.

        Args:
            plan: Its cells; it is not written to.
            store: Where results are and go.
            options: See there.
            display: Told how it goes.
            pool: Where cells are computed; None: in processes of this machine.
            results: Of the plan, where they have just been read; None: they are read now.
            wanted: Keys of the cells to compute, of `states.to_run`; None: of those missing.
        """
        self._plan, self._store, self._options, self._display = plan, store, options, display
        known = results or states.read(plan, store)
        self.records, self.states = dict(known.records), dict(known.states)
        self.lacks = dict(known.lacks)
        if wanted is None:
            wanted = states.to_run(plan, self.states, self.lacks)
        self._wanted = wanted
        self._pool = pool or Pool(options.workers, self._progressed, options.devices)
        self._started: dict[str, Started] = {}
        self._elsewhere: list[str] = []
        self._look_again = self._renew_at = 0.0
        self._vanished: Counter[str] = Counter()
        self._commit, self._dirty = code.revision()
        # Now, not when a cell ends: the file may be edited while the cell runs.
        self._code = {cell.key: code.of_cell(cell) for cell in self.wanted_cells()}
        self._scoring = code.scoring()
        self._end = time.monotonic() + options.budget if options.budget else None
        costs = cost.Costs(self.records.values(), options.data_root, plan.cells)
        self.seconds = {cell.key: costs.of(cell).seconds for cell in self.wanted_cells()}
        """What each may take, by key."""
        self._groups = grouping.groups(self._wanted, plan)
        self._order = Order(plan.cells, self._wanted, self._groups, self.seconds)

    def wanted_cells(self) -> list[Cell]:
        """The cells that `run` will compute, in the order of the plan."""
        return [cell for key, cell in self._plan.cells.items() if key in self._wanted]

    def forecast(self, workers: int) -> Forecast:
        """How long all that takes on so many workers."""
        return forecast(self._plan.cells, self._wanted, self._groups, self.seconds, workers)

    def run(self) -> bool:
        """Compute what is wanted; True when all of it ended, False when the budget ran out.

        Raises:
            BenchError: the results folder cannot be written.
            KeyboardInterrupt: Ctrl-C; workers are ended, finished cells are kept.
        """
        self._store.check_writable()
        self._store.sweep(self._plan.cells.values(), self._wanted)
        try:
            while self._order or self._started or self._elsewhere:
                if self._end is not None and time.monotonic() >= self._end:
                    return False
                self._fill()
                self._renew()
                ended = self._pool.wait(self._patience())
                # What stops the run comes last, so that the others that ended are kept.
                for job, report in sorted(ended, key=lambda one: bool(one[1].stop)):
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
        began = time.monotonic()
        looks = bool(self._elsewhere) and began >= self._look_again
        if looks:
            for key in self._elsewhere:
                self._order.put_back(key)
            self._elsewhere = []
        while self._order and self._pool.free:
            with contextlib.ExitStack() as held:  # what raises leaves no lock behind
                if locked := self._locked(held):
                    self._start(locked)
                held.pop_all()  # those of cells that have begun are let go when they end
        if looks:  # at most a tenth of the time, however many they are
            now = time.monotonic()
            self._look_again = now + max(_POLL_SECONDS, 10 * (now - began))

    def _locked(self, held: contextlib.ExitStack) -> list[tuple[Cell, CellLock]]:
        """The next cells, alike, with locks that `held` has; less those that others have or did."""
        locked = []
        for cell in (self._plan.cells[key] for key in self._order.pop()):
            lock = self._store.lock(cell)
            try:
                held.enter_context(lock.acquire())
            except Timeout:
                self._elsewhere.append(cell.key)
                continue
            if self._done_meanwhile(cell):
                lock.release(done=True)
            else:
                locked.append((cell, lock))
        return locked

    def _renew(self) -> None:
        """Keep the leases of all cells that were started."""
        if time.monotonic() >= self._renew_at:
            for started in self._started.values():
                started.lock.renew()
            self._renew_at = time.monotonic() + RENEW_SECONDS

    def _done_meanwhile(self, cell: Cell) -> bool:
        """Whether another runner has finished the cell since this one looked."""
        before, now = self.records.get(cell.key), self._store.read(cell)
        if now is None or (before is not None and before.started == now.started):
            return False
        self.records[cell.key] = now
        self._settle(cell, now)
        self._display.ended(cell, None)
        return True

    def _start(self, locked: list[tuple[Cell, CellLock]]) -> None:
        """Prepare the inputs of a cell, or of several alike, and give them to a worker."""
        prepared = [self._prepare(cell, lock) for cell, lock in locked]
        started = [one for one in prepared if one is not None]
        for one in started:
            one.group = len(started)
            self._display.started(one.cell)
            self._started[one.cell.key] = one
        if started:
            self._pool.start([one.job for one in started])

    def _prepare(self, cell: Cell, lock: CellLock) -> Started | None:
        """A cell with its inputs; None, and the lock released, where its data are damaged."""
        work = self._store.work(cell)
        when = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        for _, key in cell.needs:  # which another runner may have computed again by now
            self.records[key] = self._store.read(self._plan.cells[key]) or self.records[key]
        needs = {
            role: (self._store.folder(self._plan.cells[key]), self.records[key].output)
            for role, key in cell.needs
        }
        try:
            with writable(self._store.root):
                attempt = new_attempt(work)
                inputs, truth = gather(cell, self._options.data_root, work)
        except DamagedData as error:
            self._give_up(cell, Lack(str(error)))
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
            seconds=self.seconds[cell.key],
            timeout=self._options.patience(self.seconds[cell.key]),
            code=self._code[cell.key],
        )
        return Started(cell, job, truth, lock, when, self._scoring)

    def _finish(self, started: Started, report: Report) -> None:
        """Score a cell, put it in its place, and let those go that waited for it.

        Raises:
            BenchError: no cell can be computed as things are; this one stays missing.
        """
        cell, attempt = started.cell, started.job.attempt
        try:
            # Where locks do nothing, another runner may have been quicker, and has tidied up.
            if self._done_meanwhile(cell):
                self._store.clear_work(cell)
            elif not attempt.is_dir():
                self._take_again(started)
            elif report.stop:
                raise BenchError(f"{cell}: {report.stop}")
            else:
                self._publish(started, report)
        finally:
            started.lock.release(done=not report.stop)

    def _take_again(self, started: Started) -> None:
        """Compute a cell once more whose folder somebody took away.

        Raises:
            BenchError: that happens again and again.
        """
        key = started.cell.key
        self._vanished[key] += 1
        if self._vanished[key] >= _VANISHED:
            raise BenchError(f"{started.job.attempt} was removed while its cell was computed")
        self._order.put_back(key)

    def _publish(self, started: Started, report: Report) -> None:
        """Score a cell that ended, and put it in its place."""
        cell, attempt = started.cell, started.job.attempt
        try:
            if report.failure in _MAYBE_THE_DATA:
                verify(started.job.inputs, started.truth)
            with writable(self._store.root):
                result = record_of(started, report, self._commit, dirty=self._dirty)
                log = attempt / LOG
                if log.exists() and not log.stat().st_size:
                    log.unlink()
        except DamagedData as error:
            self._give_up(cell, Lack(str(error)))
            return
        self._store.publish(cell, attempt, result)
        self._store.clear_work(cell, keep_checkpoint=report.failure in _WORTH_RESUMING)
        self.records[cell.key] = result
        self._settle(cell, result)
        self._display.ended(cell, result)

    def _give_up(self, cell: Cell, reason: Lack) -> None:
        """The data that a plan counted on turn out to be damaged: they are not here after all."""
        self._store.clear_work(cell)  # no other's, whose locks are not held
        for key in (cell.key, *self._order.lost(cell.key)):
            gone = self._plan.cells[key]
            self.lacks[key] = (reason,)
            self.states[key] = "unavailable"
            self._display.gave_up(gone, str(reason))

    def _settle(self, cell: Cell, result: Record) -> None:
        """Note a cell's end; what needs it becomes ready, or blocked."""
        if result.state == "failed":
            self.states[cell.key] = "failed"
            self.states |= dict.fromkeys(self._order.lost(cell.key), "blocked")
        else:
            self.states[cell.key] = "done"
            self._order.done(cell.key)
