"""Losses over all ordered pairs of a batch: KCL and MCL.

KCL: Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
equations 1 to 6. MCL: Hsu, Lv, Schlosser, Odom, Kira, "Multi-class classification without
multi-class labels", ICLR 2019. Constants follow the authors' released code.

Written out, both compare n² copies of the distributions, self-pairs included. Here a loss is one
(n, K) x (K, n) product, and its gradient, which is known in closed form, another one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EPS = 1e-7
"""Added, before logarithms, to probabilities that may be 0; nothing is renormalised."""


class _WithGradient(torch.autograd.Function):
    """A scalar whose gradient with respect to `p` has been worked out already."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, value: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG004
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return grad * gradient, None, None


def kcl(
    p: Tensor,
    similar: Tensor,
    known: Tensor | None = None,
    *,
    margin: float = 2.0,
) -> Tensor:
    """KL-divergence based contrastive loss (CCN, equations 1 to 5).

    With d_ij = KL(p_i || p_j), where p_i is a constant and only p_j gets a gradient, a similar
    pair costs d_ij and a dissimilar one max(0, margin - d_ij). Over both orders of a pair that is
    the paper's symmetric form.

    Args:
        p: Probabilities, float, (n, K), rows sum to 1; not logits.
        similar: Bool, or weights in 0..1, (n, n): whether i and j (row, column) are similar.
        known: Bool, (n, n): the pairs to count; None: all n², self-pairs included.
        margin: What a dissimilar pair's divergence must reach, in nats.

    Returns:
        The mean over the known pairs, as in the released code (which lets unknown pairs add
        constants), 0 where there are none: a scalar in float32, or float64 for float64 `p`; NaN
        where `p` holds NaN. Equations 9 and 6 as printed sum, over both directions of every ordered
        pair.

    Raises:
        ValueError: shapes that do not fit.
    """
    with torch.no_grad(), torch.autocast(p.device.type, enabled=False):
        q, alike, unlike, divisor = _prepare(p, similar, known)
        q = q + EPS
        log_q = q.log()
        entropy = (q * log_q).sum(dim=1, keepdim=True)
        divergence = torch.addmm(entropy, q, log_q.T, alpha=-1.0)
        within = divergence.clone().lt_(margin).mul_(unlike)  # stays float: no slow conversion
        slope = alike - within
        value = torch.dot(slope.flatten(), divergence.flatten()) + margin * within.sum()
        gradient = -(slope.T @ q) / (q * divisor)
    loss: Tensor = _WithGradient.apply(_at_least_single(p), value / divisor, gradient)
    return loss


def mcl(p: Tensor, similar: Tensor, known: Tensor | None = None) -> Tensor:
    """Meta classification likelihood, the loss of MCL.

    With g_ij = p_i . p_j, the probability that i and j fall into one cluster, a similar pair costs
    -log g_ij and a dissimilar one -log(1 - g_ij). Both members get a gradient.

    Args:
        p: Probabilities, float, (n, K), rows sum to 1; not logits.
        similar: Bool, or weights s in 0..1, (n, n), for -log(s g + (1 - s)(1 - g)).
        known: Bool, (n, n): the pairs to count; None: all n², self-pairs included.

    Returns:
        The mean over the known pairs, 0 where there are none: a scalar in float32, or float64 for
        float64 `p`; NaN where `p` holds NaN.

    Raises:
        ValueError: shapes that do not fit.
    """
    with torch.no_grad(), torch.autocast(p.device.type, enabled=False):
        q, alike, unlike, divisor = _prepare(p, similar, known)
        sign = alike - unlike
        likelihood = torch.addcmul(unlike, sign, q @ q.T).add_(EPS)
        logs = likelihood.log()
        value = logs.sum() if known is None else (logs * (alike + unlike)).sum()
        slope = sign.div_(likelihood)
        gradient = -((slope + slope.T) @ q) / divisor
    loss: Tensor = _WithGradient.apply(_at_least_single(p), value / -divisor, gradient)
    return loss


def _at_least_single(p: Tensor) -> Tensor:
    """Half precision cannot hold 1 + `EPS`: such probabilities are taken to float32."""
    return p if p.dtype == torch.float64 else p.float()


def _prepare(
    p: Tensor, similar: Tensor, known: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, float]:
    """`p` in single precision or better, each pair's weights as similar and dissimilar, pairs."""
    if p.ndim != 2 or 0 in p.shape:
        raise ValueError(f"probabilities have shape {tuple(p.shape)}, not (n, K) with n, K >= 1")
    n = len(p)
    for name, mask in (("similar", similar), ("known", known)):
        if mask is not None and mask.shape != (n, n):
            raise ValueError(f"{name} has shape {tuple(mask.shape)}, not ({n}, {n}) as p demands")
    q = _at_least_single(p)
    alike = similar.to(q)
    unlike = 1.0 - alike
    pairs = float(n * n)
    if known is not None:
        mask = known.to(q)
        alike, unlike = alike * mask, unlike * mask
        pairs = max(float(mask.sum()), 1.0)
    return q, alike, unlike, pairs
