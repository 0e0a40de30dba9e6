"""Adaptation between two domains: reversal, discriminator, schedules, statistics.

Ganin et al., "Domain-adversarial training of neural networks", JMLR 17, 2016. A discriminator
learns which domain features come from; reversed gradients teach the network to deceive it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_POWER = 0.75
"""Of `annealed`: beta of Ganin et al., section 5.2.2."""


def reverse(x: Tensor, coefficient: float) -> Tensor:
    """`x` itself; its gradient is multiplied by -`coefficient` on the way back.

    Args:
        x: Float, any shape.
        coefficient: 0 stops the gradient, 1 turns it round.
    """
    out: Tensor = _Reversal.apply(x, coefficient)
    return out


def reversal(step: int, over: int = 1000, *, alpha: float = 1.0, high: float = 1.0) -> float:
    """The coefficient of the reversal, which rises from 0 to `high`.

    high (2 / (1 + exp(-alpha step / over)) - 1): the lambda of Ganin et al., section 5.2.2, who
    take alpha = 10 and `over` the number of steps in all.

    Args:
        step: Steps of training that were taken, 0 at first.
        over: What a step is divided by, >= 1.
        alpha: How steeply it rises.
        high: The limit.
    """
    return high * math.tanh(alpha * step / over / 2.0)  # 2 / (1 + exp(-2 x)) - 1 = tanh(x)


def annealed(step: int, gamma: float = 1e-3) -> float:
    """What a learning rate is multiplied by after `step` steps: (1 + gamma step)^-0.75."""
    return float((1.0 + gamma * step) ** -_POWER)


def discriminator(features: int, hidden: int = 1024) -> nn.Sequential:
    """A network from features, float (n, features), to logits of the source domain, (n, 1).

    In training mode it takes two rows at least, as batch-norm does.
    """
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )


def domain_loss(network: nn.Module, source: Tensor, target: Tensor, coefficient: float) -> Tensor:
    """How well a discriminator tells two domains apart: the mean of two binary cross-entropies.

    Its parameters get the gradient of the loss, the features that gradient times -`coefficient`.

    Args:
        network: From `discriminator`; batch-norm takes both domains together.
        source: Features, float, (n, D), n >= 1.
        target: Features, float, (m, D), m >= 1.
        coefficient: From `reversal`.

    Returns:
        A scalar >= 0, in float32 or better; log 2 where nothing is told apart.

    Raises:
        ValueError: a domain without rows, or features of two lengths.
    """
    if source.ndim != 2 or target.ndim != 2 or 0 in (len(source), len(target)):
        raise ValueError(
            f"features have shapes {tuple(source.shape)} and {tuple(target.shape)}, "
            "not (n, D) and (m, D) with n, m >= 1"
        )
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"source features have length {source.shape[1]}, those of the target {target.shape[1]}"
        )
    logits = network(reverse(torch.cat([source, target]), coefficient)).squeeze(1)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    of_source, of_target = logits[: len(source)], logits[len(source) :]
    # -log sigmoid(z) for the label 1, -log(1 - sigmoid(z)) for 0, both without overflow.
    loss: Tensor = functional.softplus(-of_source).mean() + functional.softplus(of_target).mean()
    return 0.5 * loss


@contextmanager
def untracked(network: nn.Module) -> Iterator[None]:
    """Batch-norm in training mode uses a batch's statistics, but does not track them.

    For one of two domains, so that evaluation normalises by the other's.
    """
    norms = [m for m in network.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


class _Reversal(torch.autograd.Function):
    """The identity, with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.coefficient * grad, None
