"""Balanced assignment of samples to clusters: optimal transport by Sinkhorn and Knopp's scaling.

Asano, Rupprecht, Vedaldi, "Self-labelling via simultaneous clustering and representation learning",
ICLR 2020, equations 6 to 8: of all plans Q with the wanted sums over samples and over clusters, the
one nearest to P^lambda is Q = diag(b) P^lambda diag(a), found by scaling rows and columns in turn.

The iteration is `bench.nn.clustering.scaling`'s. The kernel P^lambda can take the place of the
input, and nothing else has its size. Factors that a trial in logarithms finds for a part of the
samples go into the kernel before its logarithm is taken back, so that float32 holds it for any
lambda.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from bench.nn.clustering.scaling import (
    TINY,
    Assignment,
    Stop,
    blocks,
    solve,
    sweep_kernel,
    sweep_logarithms,
)

__all__ = ["Assignment", "FactorsApart", "Stop", "balance"]

_SAMPLE = (2048, 8)
"""Samples of the trial: at least so many, and so many for each cluster."""
_LIMITS = {torch.float32: 60.0, torch.float64: 600.0}
"""Largest max - min of log a beyond the trial's. Entries below e^-87 (e^-708) of the largest in
their row are zero in the kernel; their shares would be below e^-27 (e^-108)."""


class FactorsApart(ValueError):
    """The kernel lost entries that matter, and the logarithms that it was made of are gone."""


def balance(
    log_p: Tensor,
    sharpness: float = 25.0,
    *,
    stop: Stop | None = None,
    overwrite: bool = False,
) -> Assignment:
    """Assign samples, all of one weight, to clusters so that each cluster gets an equal share.

    Args:
        log_p: float32 or float64, (N, K): logarithms of the model's probabilities; -inf is zero.
        sharpness: lambda of equation 7, > 0: 25 in the paper, 10 in its CIFAR script.
        stop: When to stop; `Stop()` where not given.
        overwrite: Work in the memory of `log_p`, whose values are lost.

    Raises:
        ValueError: a shape or number out of its range; NaN or +inf in `log_p`; a sample or a
            cluster without any probability.
        FactorsApart: with `overwrite`, factors so far apart that the kernel lost entries that
            matter, which its trial on a part of the samples did not show.
    """
    _refuse_unfit(log_p, sharpness)
    sums = _equal(len(log_p), log_p), _equal(log_p.shape[1], log_p)
    stop, kernel = stop or Stop(), log_p if overwrite else log_p.clone()
    trial, top = _exponentiate(kernel, sharpness, sums[1])
    # The published start, b = the samples' weights, seen from the kernel that was centred.
    log_b = sums[0].log() + top - top.max()
    log_a = _begin(kernel, log_b, sums[1])
    plan = solve(kernel, sweep_kernel, log_a, sums, stop)
    within = float(plan.log_a.max() - plan.log_a.min()) <= _LIMITS[log_p.dtype]
    if within and torch.isfinite(plan.columns).all():
        return dataclasses.replace(plan, log_a=plan.log_a + trial)
    if overwrite:
        raise FactorsApart(
            "the clusters' factors differ more than on a part of the samples, by too much for "
            f"{log_p.dtype}: call with overwrite=False, or lower sharpness"
        )
    _centre(torch.mul(log_p, sharpness, out=kernel))
    return solve(kernel, sweep_logarithms, log_a + trial, sums, stop)


def _exponentiate(kernel: Tensor, sharpness: float, clusters: Tensor) -> tuple[Tensor, Tensor]:
    """Make the kernel of logarithms, in place.

    Returns:
        Log a of the trial, float64 (K,), which is in the kernel; and the logarithm of what the
        samples' entries were divided by, float64 (N,).
    """

    def sharpen(block: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        return _centre(block.mul_(sharpness)), block.amax(dim=0)

    def exponentiate(block: Tensor, top: Tensor) -> Tensor:
        top = top + _centre(block.add_(trial.to(block.dtype)))
        block.exp_()
        return top

    with blocks(kernel, kernel[:, 0]) as each:
        tops, largest = zip(*each(sharpen), strict=True)
    top = torch.cat(tops)
    if not (finite := torch.isfinite(top)).all():
        row = int((~finite).nonzero()[0, 0])
        raise ValueError(
            f"log_p of sample {row} holds NaN or +inf, or the sample has no probability at all"
        )
    if (empty := torch.stack(largest).amax(dim=0).isneginf()).any():
        cluster = int(empty.nonzero()[0, 0])
        raise ValueError(f"cluster {cluster} has no probability at any sample: log_p is -inf")
    trial = _trial(kernel, clusters)
    with blocks(kernel, top) as each:
        return trial, torch.cat(each(exponentiate))


def _centre(logarithms: Tensor) -> Tensor:
    """Take each row's largest off it, in place.

    Returns:
        What was taken off, float64, (N,).
    """
    top = logarithms.amax(dim=1, keepdim=True)
    logarithms.sub_(top)
    return top.flatten().double()


def _begin(kernel: Tensor, log_b: Tensor, clusters: Tensor) -> Tensor:
    """Log a, float64 (K,), for the samples' factors that the iteration starts from."""
    with blocks(kernel, log_b.exp().to(kernel.dtype)) as each:
        columns = torch.stack(each(lambda block, b: (b @ block).double())).sum(dim=0)
    return clusters.log() - columns.clamp_min(TINY).log()


def _trial(kernel: Tensor, clusters: Tensor) -> Tensor:
    """What log a is for a part of the samples, float64 (K,), of the kernel's logarithms."""
    size = min(len(kernel), max(_SAMPLE[0], _SAMPLE[1] * len(clusters)))
    rows = torch.linspace(0, len(kernel) - 1, size, dtype=torch.float64).long()
    part = kernel[rows.to(kernel.device)]
    samples = _equal(size, kernel)
    rough = Stop(tolerance=0.01 * size, limit=500)
    log_a = clusters.log()
    return solve(part, sweep_logarithms, log_a, (samples, clusters), rough).log_a


def _equal(n: int, like: Tensor) -> Tensor:
    """Equal shares, float64 (n,), on the device of another tensor."""
    return torch.full((n,), 1 / n, dtype=torch.float64, device=like.device)


def _refuse_unfit(log_p: Tensor, sharpness: float) -> None:
    """Raise for input that no plan could be made of."""
    if log_p.ndim != 2 or 0 in log_p.shape or log_p.dtype not in _LIMITS:
        raise ValueError(
            f"log_p is {log_p.dtype} of shape {tuple(log_p.shape)}, "
            "not float32 or float64 of shape (N, K)"
        )
    n, k = log_p.shape
    if k > n:
        raise ValueError(f"{k} clusters cannot share {n} samples: K must be at most N")
    if not 0 < sharpness < float("inf"):
        raise ValueError(f"sharpness = {sharpness} must be a number above 0")
