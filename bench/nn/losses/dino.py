"""DINO's loss and what it follows: equations 1 to 3 of its description by Zhou and Zhang, 2022.

Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021. A network g
gives K values; the student's are compared with the teacher's, an average of earlier students.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Equation 2: theta_t = momentum theta_t + (1 - momentum) theta_s."""
    for own, other in zip(teacher.parameters(), student.parameters(), strict=True):
        own.mul_(momentum).add_(other, alpha=1 - momentum)


def sharpened(teacher: Tensor, centre: Tensor, temperature: float) -> Tensor:
    """The teacher's distributions, softmax((g - c) / tau_t).

    Args:
        teacher: g of the teacher, (2 n, K).
        centre: c, (1, K).
        temperature: tau_t.
    """
    return torch.softmax((teacher - centre) / temperature, dim=1)


def recentred(centre: Tensor, teacher: Tensor, momentum: float) -> Tensor:
    """Equation 3: c = m c + (1 - m) mean of g, of shapes (1, K) and (2 n, K)."""
    return momentum * centre + (1 - momentum) * teacher.mean(dim=0, keepdim=True)


def dino_loss(student: Tensor, q: Tensor, temperature: float) -> Tensor:
    """Equation 1, as the mean over pairs of different views and over images.

    Args:
        student: g of the student, (V n, K), view by view, the global ones first.
        q: The teacher's distributions, (2 n, K), in the order of the student's first rows.
        temperature: tau_s.

    Returns:
        A scalar.
    """
    n = len(q) // 2
    log_p = functional.log_softmax(student / temperature, dim=1)
    views = len(student) // n
    # All 2 V cross-entropies, summed over the batch, as one product.
    both = q.reshape(2, -1) @ log_p.reshape(views, -1).T
    return -(both.sum() - both.diagonal().sum()) / (n * (2 * views - 2))


def teacher_temperatures(
    start: float, end: float, warmup: float, epochs: int
) -> npt.NDArray[np.float64]:
    """tau_t of each epoch, float64, (epochs,): linear over a fraction of them, then constant."""
    count = round(warmup * epochs)
    return np.fromiter(chain(np.linspace(start, end, count), [end] * (epochs - count)), float)
