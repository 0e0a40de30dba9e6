"""What a run says while it runs: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.files import printable
from bench.plan.called import called
from bench.plan.cell import Cell
from bench.plural import many
from bench.store import cost
from bench.store.record import Record, State
from bench.store.states import STATES, Results, counts

if TYPE_CHECKING:
    from bench.plan.graph import Plan
    from bench.run.runner import Runner

_PLAIN_SECONDS = 10.0
_OUTPUTS = ("table", "figure")
_LONGER = (
    "; with --retry-failed and a longer --timeout it goes on from its checkpoint, if it has one"
)
_AGAIN: tuple[tuple[State, str], ...] = (
    ("failed", "--retry-failed"),
    ("stale", "--rerun-stale"),
)
"""States of cells that a run leaves as they are, and the flag that computes them again."""


class Lines:
    """Progress as lines of text, at most one in ten seconds, and one for each failure."""

    def __init__(self, out: TextIO, names: Mapping[str, str] | None = None) -> None:
        self._out, self._names = out, names or {}
        self._left: dict[str, float] = {}
        self._total = self._workers = 0
        self._said = time.monotonic()

    @contextlib.contextmanager
    def over(self, cells: Mapping[str, float], workers: int) -> Iterator[None]:
        """Show progress over cells, by key with the seconds each may take, during the block."""
        self._left = dict(cells)
        self._total, self._workers = len(cells), workers
        yield

    def started(self, cell: Cell) -> None:
        """A cell was given to a worker."""

    def progressed(self, cell: Cell, fraction: float) -> None:
        """A running cell says how far it is."""

    def ended(self, cell: Cell, result: Record | None) -> None:
        """A cell ended."""
        self._gone(cell)
        if result is not None and result.state == "failed":
            more = _LONGER if result.failure == "timeout" else ""
            self.say(f"failed {self._called(cell)}: {result.failure}: {result.message}{more}")
        self._count(cell)

    def gave_up(self, cell: Cell, reason: str) -> None:
        """A cell cannot run: its data are damaged."""
        self._gone(cell)
        self.say(f"unavailable {self._called(cell)}: {reason}")

    def _called(self, cell: Cell) -> str:
        return self._names.get(cell.key, str(cell))

    def _gone(self, cell: Cell) -> None:
        """A cell is no longer waited for."""
        self._left.pop(cell.key, None)

    def _count(self, cell: Cell) -> None:
        """Say how many have ended, now and then."""
        if not self._left or time.monotonic() - self._said >= _PLAIN_SECONDS:
            self._said = time.monotonic()
            done = f"{self._total - len(self._left)}/{self._total}"
            self.say(f"run    {done}  {self._called(cell)}{self.eta()}")

    def say(self, line: str) -> None:
        """Print one line."""
        print(printable(line), file=self._out, flush=True)

    def eta(self) -> str:
        """The time that the cells left will take, as far as it is known from records."""
        seconds = sum(self._left.values()) / max(self._workers, 1)
        return f"  eta {cost.words(seconds)}" if self._left and seconds else ""


class Live(Lines):
    """Progress as a bar that redraws itself, with the cells that run below it."""

    def __init__(self, out: TextIO, names: Mapping[str, str] | None = None) -> None:
        super().__init__(out, names)
        self._console = Console(file=out)
        self._running: dict[str, str] = {}
        self._bar = Progress(
            TextColumn("run   "),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=None)

    @contextlib.contextmanager
    def over(self, cells: Mapping[str, float], workers: int) -> Iterator[None]:
        """Draw the bar while the block runs."""
        with super().over(cells, workers):
            if not cells:
                yield
                return
            self._bar.update(self._task, total=len(cells))
            with self._bar:
                yield

    def started(self, cell: Cell) -> None:
        """Name the cell below the bar."""
        self.progressed(cell, 0.0)

    def progressed(self, cell: Cell, fraction: float) -> None:
        """Show how far the cell is."""
        self._running[cell.key] = self._called(cell) + (f" {fraction:.0%}" if fraction else "")
        self._redraw()

    def _gone(self, cell: Cell) -> None:
        """Advance the bar."""
        super()._gone(cell)
        self._running.pop(cell.key, None)
        self._bar.update(self._task, completed=self._total - len(self._left))
        self._redraw()

    def _count(self, cell: Cell) -> None:
        """The bar counts."""

    def say(self, line: str) -> None:
        """Print one line above the bar."""
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def _redraw(self) -> None:
        text = "  ".join((self.eta().strip(), *self._running.values())).strip()
        # Names are data: a bracket in one is no markup.
        self._bar.update(self._task, description=printable(text).replace("[", "\\["))


def make(out: TextIO, names: Mapping[str, str] | None = None) -> Lines:
    """The display that fits where the output goes: no bar where the cursor cannot move back.

    Args:
        out: A stream.
        names: Key -> what a cell is called there.
    """
    return (Live if Console(file=out).is_interactive else Lines)(out, names)


def print_plan(results: Results, wanted: Set[str], workers: int, costs: cost.Costs) -> None:
    """What there is to do, and what it costs.

    Args:
        results: Of the plan, before it is run.
        wanted: Keys of the cells that will be computed.
        workers: How many are computed at a time.
        costs: Of cells.
    """
    plan = results.plan
    for one in plan.experiments:
        keys = plan.of(one.name)
        state = counts({k: results.states[k] for k in keys})
        missing = [plan.cells[k] for k in keys & wanted]
        seconds, known_by = cost.total(missing, costs)
        parts = [f"{many(len(keys), 'cell')}, {state['done']} done, {len(missing)} to compute"]
        if seconds:
            about = cost.words(seconds / workers)
            parts.append(f"about {about} on {many(workers, 'worker')}")
        if guessed := sum(known_by[source] for source in cost.ESTIMATES):
            sources = [source for source in cost.ESTIMATES if known_by[source]]
            parts.append(f"{guessed} of them estimated from {' or '.join(sources)} by their budget")
        if known_by["unknown"]:
            parts.append(f"{known_by['unknown']} of unknown cost")
        parts += [f"{state[s]} {s}" for s in STATES if s not in ("done", "missing") and state[s]]
        print(f"plan   {one.name} ({plan.shown}): {', '.join(parts)}", flush=True)
    found = Counter(state for key, state in results.states.items() if key not in wanted)
    for name, flag in _AGAIN:
        if found[name]:
            print(f"       {found[name]} {name} before, left so without {flag}", flush=True)


def print_forecast(plan: Plan, runner: Runner, gpus: int) -> None:
    """How long the plan takes on so many GPUs, by what is known of its cells."""
    found = runner.forecast(gpus)
    if not found.longest or not found.worked:
        print(f"gpus   {gpus}: nothing to compute of which anybody knows what it takes")
        return
    longest = called(plan.cells)[found.longest]
    hours = found.worked / 3600
    print(
        f"gpus   {gpus}: {cost.words(found.seconds)} from first to last, {hours:,.1f} GPU-hours; "
        f"longest cell {cost.words(runner.seconds[found.longest])} ({longest})"
    )


def print_end(
    states: Mapping[str, State],
    written: Sequence[Path],
    seconds: float,
    *,
    whole: bool,
    words: Mapping[str, str],
) -> None:
    """How a run ended and where its numbers stand; `words` of a verb go into a command to copy."""
    found = counts(states)
    parts = [f"{found[s]} {s}" for s in STATES if found[s]]
    said = "done  " if whole else "budget spent:"
    hint = "" if not found["failed"] else f"  (python -m bench status --failed{words['status']})"
    print(f"{said} {', '.join(parts)} in {cost.words(seconds)}{hint}")
    print_written(written)
    print(f"       `python -m bench report{words['report']}` makes pages of them, for a browser")


def print_written(written: Sequence[Path]) -> None:
    """How many tables and figures were written, and the files that name them."""
    stems = {path.with_suffix("") for path in written}
    kinds = Counter(stem.parent.name for stem in stems)
    fronts = [path for path in written if path.parent.name not in ("tables", "figures")]
    counted = [many(kinds[f"{one}s"], one) for one in _OUTPUTS]
    named = f", named in {' and '.join(map(_short, fronts))}" if fronts else ""
    print(f"wrote  {' and '.join(counted)}{named}")


def _short(path: Path) -> str:
    """Relative to where the user stands, when it lies below."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
