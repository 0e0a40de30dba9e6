"""Linear heads over the same frozen features, trained side by side, each as if it were alone.

A head alone is so small that most of its time goes into starting operations. Here one operation
serves all heads wherever that leaves each head's numbers as they are: a product is one of a fixed
shape for each head, and the elements of each head come in multiples of 64, so that none of them is
in the rest of a vector loop, where exp and log round otherwise. On a CPU, with one thread, a head's
bytes therefore do not depend on the others; tests/formulas/test_heads.py holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam

from bench.nn.clustering.kmeans import kmeans

UNIT = 64
"""Elements of each head come in multiples of this: of any vector loop's step."""


def padded(n: int) -> int:
    """The next multiple of `UNIT`."""
    return n + -n % UNIT


class Heads:
    """S linear layers of K outputs on D features, with one Adam for each."""

    def __init__(self, weight: Tensor, bias: Tensor, learning_rate: float) -> None:
        """Start from given weights.

        Args:
            weight: float32, (S, K, D).
            bias: (S, K).
            learning_rate: Of Adam, its other parameters being torch's.
        """
        self._shape = heads, outputs, width = tuple(weight.shape)
        size = padded(outputs * (width + 1))
        self._values = weight.new_zeros((heads, size))
        self._values.grad = torch.zeros_like(self._values)
        self.weight, self.bias = self._parts(self._values)
        self._weight_grad, self._bias_grad = self._parts(self._values.grad)
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        self._adam = Adam([self._values], learning_rate, fused=True)
        self._rows: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self._shape[0]

    def _parts(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and biases in one row of numbers for each head, as views."""
        heads, outputs, width = self._shape
        weight, bias = flat[:, : outputs * width], flat[:, outputs * width :][:, :outputs]
        return weight.view(heads, outputs, width), bias

    def step(self, features: Tensor, rows: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """One step of every head on rows of its own.

        Args:
            features: float32, (N, D).
            rows: int64, (S, c), c a multiple of `UNIT`.
            loss: Logits (S, K, c) to losses (S,); each head's must depend on its logits alone.

        Returns:
            The losses before the step, (S,).
        """
        heads, outputs, width = self._shape
        count = rows.shape[1]
        if count not in self._rows:  # kept: new memory is slower than what is done with it
            self._rows[count] = features.new_empty((heads, count, width))
        chosen = self._rows[count]
        logits = features.new_empty((heads, outputs, count))
        for head in range(heads):
            torch.index_select(features, 0, rows[head], out=chosen[head])
            torch.mm(self.weight[head], chosen[head].T, out=logits[head])
        logits += self.bias[:, :, None]
        losses = loss(logits.requires_grad_())
        (gradient,) = torch.autograd.grad(losses.sum(), logits)
        gradient = gradient.contiguous()
        for head in range(heads):
            torch.mm(gradient[head], chosen[head], out=self._weight_grad[head])
        self._bias_grad.copy_(gradient.sum(dim=2))
        self._adam.step()
        return losses.detach()

    def assign(self, head: int, features: Tensor) -> Tensor:
        """The largest output for each row of the features: int64, (N,)."""
        return assign(self.weight[head], self.bias[head], features)

    def state(self, head: int) -> dict[str, Any]:
        """One head with its optimiser, for a checkpoint; tensors are not copied."""
        adam = self._adam.state[self._values]
        moments = {name: adam[name][head] for name in ("exp_avg", "exp_avg_sq")}
        return {"values": self._values[head], "step": float(adam["step"]), **moments}

    def restore(self, states: list[Mapping[str, Any]]) -> None:
        """Go on from the states of all heads, which must have made as many steps each."""
        stacked = {
            name: torch.stack([state[name].to(self._values.device) for state in states])
            for name in ("values", "exp_avg", "exp_avg_sq")
        }
        self._values.copy_(stacked.pop("values"))
        step = torch.tensor(float(states[0]["step"]), device=self._values.device)
        self._adam.state[self._values] = {"step": step, **stacked}


def assign(weight: Tensor, bias: Tensor, features: Tensor) -> Tensor:
    """The largest output of a linear layer, the first where several are: int64, (N,)."""
    return (torch.mm(features, weight.T) + bias).argmax(dim=1)


def pad_columns(x: Tensor) -> Tensor:
    """Zeros behind the last dimension, to a multiple of `UNIT`."""
    return functional.pad(x, (0, -x.shape[-1] % UNIT))


def from_centres(
    features: npt.NDArray[np.float32], clusters: int, seed: int, n_init: int
) -> Tensor:
    """TSP's first head: centres of K-means divided by their norm and the root of D (appendix A).

    Args:
        features: float32, (N, D).
        clusters: K.
        seed: Of K-means.
        n_init: Restarts of it.

    Returns:
        float32, (K, D), on the CPU.
    """
    _, centres = kmeans(features, clusters, seed, n_init=n_init)
    weight: Tensor = functional.normalize(torch.from_numpy(centres)) / features.shape[1] ** 0.5
    return weight
