"""Small parts of a training loop; the loop itself stays in the method, to be read there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Part = nn.Module | Optimizer | torch.Generator


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


def cosine(
    base: float, final: float, epochs: int, steps: int, *, warmup: float = 0, start: float = 0.0
) -> npt.NDArray[np.float64]:
    """A value for each step: linear from `start` to `base`, then half a cosine towards `final`.

    Args:
        base: After the warm-up.
        final: Where the cosine would be one step after the last.
        epochs: Of training.
        steps: Of an epoch.
        warmup: Epochs, or parts of one, fewer than `epochs`.
        start: Of the warm-up.

    Returns:
        float64, (epochs · steps,).
    """
    rise = np.linspace(start, base, round(warmup * steps))
    count = epochs * steps - len(rise)
    fall = final + 0.5 * (base - final) * (1 + np.cos(math.pi * np.arange(count) / count))
    return np.concatenate([rise, fall])


def step(optimiser: Optimizer, loss: Tensor) -> float:
    """One step down the gradient of a scalar loss; its value before the step."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def set_learning_rate(optimiser: Optimizer, value: float) -> None:
    """The same learning rate for every group of parameters."""
    for group in optimiser.param_groups:
        group["lr"] = value


def autocast(device: str, dtype: str) -> AbstractContextManager[Any]:
    """Compute in `dtype`, "float32" or "bfloat16", with weights kept in float32."""
    return torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")


def pack(**parts: Part) -> dict[str, Any]:
    """The state of networks, optimisers and generators, by name, for a checkpoint.

    Tensors are not copied: write the state before the next step of training.
    """
    return {
        name: part.get_state() if isinstance(part, torch.Generator) else part.state_dict()
        for name, part in parts.items()
    }


def unpack(state: Mapping[str, Any], **parts: Part) -> None:
    """Put a state from `pack` back into the parts of the same names, which may keep its tensors."""
    for name, part in parts.items():
        if isinstance(part, torch.Generator):
            part.set_state(state[name])
        else:
            part.load_state_dict(state[name])


def weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of a network's weights and statistics on the CPU, to hand over as a prediction."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in network.state_dict().items()
    }
