"""TEMI's loss: an image and its neighbour tell of each other which cluster they are in.

Adaloglou, Michels, Kalisch, Kollmann, "Exploring the limits of deep image clustering using
pretrained models", BMVC 2023, section 3, in the form of its released code (losses/). H heads give
distributions over K clusters, q_s(c | x) by the student and q_t(c | x) by the teacher; x' is a
neighbour of x. Of each head

    pmi(x, x') = log sum_c (q_s(c | x) q_t(c | x'))^beta / q(c),
    L(x, x') = -w(x, x') (pmi(x, x') + pmi(x', x)) / 2,

q(c) being a running mean of the teacher's distributions. One weight serves all heads,

    w(x, x') = 1/H sum_h sum_c q_t^h(c | x) q_t^h(c | x'):

pairs that the teachers do not put together count little. beta = 1 is the mutual information, which
lets clusters starve; beta < 1 spreads them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def temi_loss(student: Tensor, teacher: Tensor, shares: Tensor, beta: float) -> Tensor:
    """The mean of L over a batch, of each head.

    Powers and quotients are taken as logarithms: the derivative of p^beta grows without bound
    where p is near 0.

    Args:
        student: log q_s, (H, 2, n, K): of n images, then of a neighbour of each.
        teacher: log q_t, the same shape.
        shares: q, (H, K), above 0.
        beta: Above 0, at most 1.

    Returns:
        (H,).
    """
    weights = pair_weights(teacher)
    both = beta * (student + teacher.flip(1)) - shares.log()[:, None, None]
    return -(both.logsumexp(dim=3) * weights).mean(dim=(1, 2))


def pair_weights(teacher: Tensor) -> Tensor:
    """The weight of each pair, in 0..1: (H, 2, n, K), log q_t, to (n,)."""
    return teacher.sum(dim=1).exp().sum(dim=2).mean(dim=0)


def followed(shares: Tensor, teacher: Tensor, momentum: float) -> Tensor:
    """The running mean q one batch later, (H, K).

    A cluster that nobody is in keeps a share that can be divided by.

    Args:
        shares: q so far, (H, K).
        teacher: log q_t of the batch, (H, 2, n, K).
        momentum: Of the mean so far, in 0..1.
    """
    now = teacher.exp().mean(dim=(1, 2))
    return (momentum * shares + (1 - momentum) * now).clamp_min(torch.finfo(shares.dtype).tiny)
