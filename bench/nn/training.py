"""Small parts of a training loop; the loop itself stays in the method, to be read there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Stateful = nn.Module | Optimizer | torch.Generator | Tensor
Optimiser = Literal["adam", "sgd"]


class Recorder(Protocol):
    """What `Epochs` asks of a method's run, see `bench.tasks.Run`."""

    def log(self, step: int, **values: float) -> None:
        """Record values of training."""

    def progress(self, step: int, total: int) -> None:
        """Say how far training is."""

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep a state to resume from, if it is time to."""

    def resume(self) -> dict[str, Any] | None:
        """The state of the last checkpoint, None at a first start."""


class Epochs:
    """Counts the epochs of a training loop, and resumes, logs and keeps checkpoints of them.

        epochs = Epochs(run, 20, network=network, optimiser=optimiser, order=order)
        for epoch in epochs:
            for rows in batches(n, size, order):
                epochs.step(optimiser, loss_of(rows))

    It is no trainer: what happens in an epoch stands in the loop. After each one the mean loss is
    logged and the parts are kept, which is all that a cell needs to end in the same bytes when it
    is stopped and resumed. Logs count from 1.
    """

    def __init__(
        self, run: Recorder, total: int, *, every: int = 1, unit: str = "epoch", **parts: Stateful
    ) -> None:
        """Put the parts into the state of the last checkpoint, if there is one.

        Args:
            run: The cell's.
            total: Epochs in all.
            every: Epochs between two logs and checkpoints; the last one has both in any case.
            unit: What is counted, and the name of the count in a checkpoint: "epoch" or "step".
            parts: What training changes, by name; tensors must be changed in place.
        """
        self.run, self.total, self.every, self.unit, self.parts = run, total, every, unit, parts
        self.done = 0
        """Epochs that are behind us, those before a stop among them."""
        self._stopped = False
        self._losses: list[float | Tensor] = []
        self._weights: list[int] = []
        self._noted: dict[str, float] = {}
        self._told = False
        state = run.resume()
        if state:
            unpack(state, **parts)
            self.done = int(state[unit])

    def __iter__(self) -> Iterator[int]:
        """Numbers of the epochs that are left, from 0 at a first start."""
        while self.done < self.total and not self._stopped:
            yield self.done
            self.done += 1
            if self._stopped or self._ends(self.done):
                self._end()

    def _ends(self, done: int) -> bool:
        """Whether a log and a checkpoint stand behind this epoch."""
        return done == self.total or done % self.every == 0

    def _tell(self, done: int) -> None:
        """Log an epoch, once; a loss that is not finite stops the method here."""
        if not self._told:
            losses = zip(self._losses, self._weights, strict=True)
            total = sum(float(loss) * weight for loss, weight in losses)
            mean = total / max(sum(self._weights), 1)
            self.run.log(done, loss=mean, **self._noted)
            self._told = True

    def _end(self) -> None:
        self._tell(self.done)
        self.run.progress(self.done, self.total)
        if not self._stopped:  # A resumed cell must come to its stop again.
            self.run.checkpoint({self.unit: self.done, **pack(**self.parts)})
        self._losses, self._weights, self._noted, self._told = [], [], {}, False

    def step(self, optimiser: Optimizer, loss: Tensor) -> None:
        """One step down the gradient of a scalar loss, which counts for the epoch's mean."""
        self.add(step(optimiser, loss))

    def add(self, loss: float | Tensor, weight: int = 1) -> None:
        """Count a loss for the epoch's mean, as one or as that of so many images."""
        self._losses.append(loss)  # a number at the epoch's end: no step waits for a GPU
        self._weights.append(weight)

    def note(self, **values: float) -> None:
        """Values to log beside this epoch's loss."""
        self._noted |= values

    def stop(self) -> None:
        """Make this epoch the last one."""
        self._stopped = True

    def due(self, count: int) -> bool:
        """Whether this epoch ends one of `count` or more equal shares of all: for snapshots.

        Its loss is logged then: a snapshot of what has diverged would fail with another's words.
        """
        now = self.done + 1
        due = ends_share(now, self.total, count)
        if due and self._ends(now):
            self._tell(now)
        return due


def ends_share(done: int, total: int, count: int) -> bool:
    """Whether so many epochs end one of `count` or more equal shares of all `total`."""
    return done % max(total // count, 1) == 0


def batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One epoch: the indices 0..n-1 in random order, `size` at a time, the last part kept.

    Args:
        n: Number of images.
        size: Images in a batch.
        generator: On the CPU; drawn from once, when the first batch is asked for.

    Yields:
        int64, (size,) or shorter, on the CPU.
    """
    yield from torch.split(torch.randperm(n, generator=generator), size)


def step_decay(base: float, at: int, milestones: Sequence[int], factor: float = 0.1) -> float:
    """A learning rate that is multiplied by `factor` at each milestone that `at` has reached."""
    return float(base * factor ** sum(at >= milestone for milestone in milestones))


def step(
    optimiser: Optimizer, loss: Tensor, *, max_norm: float | None = None, each: bool = False
) -> Tensor:
    """One step down the gradient of a scalar loss.

    Args:
        optimiser: Holds the parameters that learn.
        loss: The scalar.
        max_norm: Euclidean norm that a longer gradient is shortened to; None: none is.
        each: Shorten the gradient of each parameter by itself, not that of all together.

    Returns:
        The loss before the step, on its device: whoever wants a number waits for that.
    """
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if max_norm is not None:
        learnt = [p for group in optimiser.param_groups for p in group["params"]]
        for some in [[p] for p in learnt] if each else [learnt]:
            nn.utils.clip_grad_norm_(some, max_norm)
    optimiser.step()
    return loss.detach()


def optimiser(
    name: Optimiser, network: nn.Module, learning_rate: float, dtype: str = "float32"
) -> Optimizer:
    """Adam, or SGD with a momentum of 0.9, on what of a network is not frozen.

    Beside a network that computes in bfloat16 Adam takes one pass over the weights, which is much
    quicker on a CPU (`benchmarks.training`) and rounds otherwise; float32 keeps its records' bits.
    """
    learnt = [p for p in network.parameters() if p.requires_grad]
    if name == "adam":
        fused = True if dtype == "bfloat16" else None
        return torch.optim.Adam(learnt, lr=learning_rate, fused=fused)
    return torch.optim.SGD(learnt, lr=learning_rate, momentum=0.9)


def set_learning_rate(optimiser: Optimizer, value: float) -> None:
    """The same learning rate for every group of parameters."""
    for group in optimiser.param_groups:
        group["lr"] = value


def autocast(device: str, dtype: str) -> AbstractContextManager[Any]:
    """Compute in `dtype`, "float32" or "bfloat16", with weights kept in float32."""
    return torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")


def pack(**parts: Stateful) -> dict[str, Any]:
    """The state of networks, optimisers, generators and tensors, by name, for a checkpoint.

    Tensors are not copied: write the state before the next step of training.
    """
    state: dict[str, Any] = {}
    for name, part in parts.items():
        if isinstance(part, Tensor):
            state[name] = part
        else:
            state[name] = (
                part.get_state() if isinstance(part, torch.Generator) else part.state_dict()
            )
    return state


def unpack(state: Mapping[str, Any], **parts: Stateful) -> None:
    """Put a state from `pack` back into the parts of the same names, which may keep its tensors."""
    for name, part in parts.items():
        if isinstance(part, Tensor):
            part.copy_(torch.as_tensor(state[name]))
        elif isinstance(part, torch.Generator):
            part.set_state(state[name])
        else:
            part.load_state_dict(state[name])


def weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of a network's weights and statistics on the CPU, to hand over as a prediction."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in network.state_dict().items()
    }
