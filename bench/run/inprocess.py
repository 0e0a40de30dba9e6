"""A plan's cells one after another in this process, without a store: how estimators are fitted.

The plan is the harness's, and so is what a method is given: seeds, one thread, global generators
that are seeded afresh for each cell, outputs of needed cells as they would come from the disk. The
same cell on the same images gives the same bytes as in a worker.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from bench import registry
from bench.errors import Unavailable, Unfit
from bench.plan.cell import Cell
from bench.plan.graph import Plan
from bench.run import blame, deterministic
from bench.run.context import WorkerRun
from bench.run.worker import seed_global
from bench.score import scores
from bench.tasks import Prediction, Task

_alone = threading.Lock()
"""Global generators and the number of threads are one for all threads of this process."""


@dataclass(frozen=True)
class Fitted:
    """What came of a cell."""

    prediction: Prediction
    logged: dict[str, list[list[float]]]
    """Name -> [[step, value], …]."""


class MemoryRun(WorkerRun):
    """A run that reads and writes no file."""

    def __init__(self, cell: Cell, needs: Mapping[str, Prediction]) -> None:
        """Set up for one cell and the outputs that it reads, by role."""
        super().__init__(
            task=cell.task,
            seed=cell.seed,
            preset=cell.preset,
            device=cell.device,
            dtype=cell.dtype,
            work=None,
            needs={},
            report=lambda _fraction: None,
        )
        self._outputs = needs

    def needed(self, role: str) -> Prediction:
        """A needed cell's output, each time as if it were read again."""
        if role not in self._outputs:
            raise KeyError(f"no cell was declared under the role '{role}' by needs()")
        return _stored(self._outputs[role])


def compute(plan: Plan, task_of: Callable[[Cell], Task]) -> list[Fitted]:
    """Compute a plan's cells in its order.

    Args:
        plan: A cell stands behind those that it needs.
        task_of: What a cell's method is given.

    Returns:
        What came of each, in the plan's order.

    Raises:
        Unavailable: a cell lacks weights or a device.
        Unfit: a method raised, or its output does not fit its task; names both.
    """
    for key, lacks in plan.unavailable.items():
        name = plan.cells[key].method
        raise Unavailable(f"method '{name}' cannot run here: {'; '.join(map(str, lacks))}")
    done: dict[str, Fitted] = {}
    with _alone:
        for cell in plan.cells.values():
            needs = {role: done[key].prediction for role, key in cell.needs}
            with _as_a_worker(cell):
                done[cell.key] = _fit(cell, task_of(cell), MemoryRun(cell, needs))
    return list(done.values())


def _fit(cell: Cell, task: Task, run: MemoryRun) -> Fitted:
    """One cell, with what goes wrong as a sentence."""
    info = registry.get(cell.method)
    try:
        seed_global(run)
        found = info.build(dict(cell.params)).fit(task, run)
        return Fitted(_stored(scores.check(found, task, artifact=info.artifact)), run.logged)
    except Exception as error:
        raise Unfit(f"{cell.method} on {cell.task}: {blame.of_method(error)[1]}") from error


def _stored(prediction: Prediction) -> Prediction:
    """A copy whose tensors lie as they would after a file: on the CPU, in plain order."""
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in prediction.tensors.items()
    }
    return replace(prediction, tensors=tensors)


@contextlib.contextmanager
def _as_a_worker(cell: Cell) -> Iterator[None]:
    """Settings of a worker's process, and this process's own afterwards."""
    threads, of_numpy = torch.get_num_threads(), check_random_state(None)  # its global generator
    states = random.getstate(), of_numpy.get_state()
    on_gpu = cell.device == "cuda"
    gpus = range(torch.cuda.device_count() if on_gpu else 0)
    alike = deterministic.meanwhile() if on_gpu else contextlib.nullcontext()
    try:
        with threadpool_limits(cell.threads), torch.random.fork_rng(gpus), alike:
            torch.set_num_threads(cell.threads)
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(states[0])
        of_numpy.set_state(states[1])
