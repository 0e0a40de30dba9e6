"""Balanced assignment of samples to clusters: optimal transport by Sinkhorn and Knopp's scaling.

Asano, Rupprecht, Vedaldi, "Self-labelling via simultaneous clustering and representation learning",
ICLR 2020, equations 6 to 8: of all plans Q with the wanted sums over samples and over clusters, the
one nearest to P^lambda is Q = diag(b) P^lambda diag(a), found by scaling rows and columns in turn.

An iteration reads the kernel P^lambda once: while a block of samples lies in the cache, its b
follows from a, and its part of the next a from that b. The kernel can take the place of the input,
and nothing else has its size. Factors that a trial in logarithms finds for a part of the samples go
into the kernel before its logarithm is taken back, so that float32 holds it for any lambda.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

_BLOCK = {"cpu": 2**18, "cuda": 2**26}
"""Entries of the kernel in a block: 1 MiB of float32, for a CPU's second cache."""
_SAMPLE = (2048, 8)
"""Samples of the trial: at least so many, and so many for each cluster."""
_TINY = 1e-30
"""Smallest sum of a cluster: what the dtype cannot tell from nothing is raised step by step."""
_LIMITS = {torch.float32: 60.0, torch.float64: 600.0}
"""Largest max - min of log a beyond the trial's. Entries below e^-87 (e^-708) of the largest in
their row are zero in the kernel; their shares would be below e^-27 (e^-108)."""


@dataclass(frozen=True)
class Plan:
    """A balanced assignment."""

    labels: Tensor
    """int64, (N,): the cluster with the largest share of each sample, the first of equal ones."""
    log_a: Tensor
    """float64, (K,): logarithms of the clusters' factors, which a later plan may start from."""
    columns: Tensor
    """float64, (K,): what each cluster is given in all, sum 1; the samples' sums are exact."""
    iterations: int
    error: float
    """Sum over samples of |b_old / b_new - 1| when it was last tested."""
    converged: bool
    """Whether that error was within the tolerance."""


@dataclass(frozen=True)
class Stop:
    """When the iteration ends; the defaults are those of the released ImageNet script."""

    tolerance: float = 0.1
    """Largest sum over samples of |b_old / b_new - 1|; 0.01 in the released CIFAR script."""
    every: int = 10
    """Iterations between two tests of that sum."""
    limit: int = 10_000
    """Iterations at most."""

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or min(self.every, self.limit) < 1:
            raise ValueError(
                f"tolerance = {self.tolerance}, every = {self.every}, limit = {self.limit}: "
                "the first must be above 0, the others at least 1"
            )


def balance(
    log_p: Tensor,
    sharpness: float = 25.0,
    *,
    stop: Stop | None = None,
    clusters: Sequence[float] | Tensor | None = None,
    samples: Sequence[float] | Tensor | None = None,
    start: Tensor | None = None,
    overwrite: bool = False,
) -> Plan:
    """Assign samples to clusters so that each cluster gets its share.

    Args:
        log_p: float32 or float64, (N, K): logarithms of the model's probabilities; -inf is zero.
        sharpness: lambda of equation 7, > 0: 25 in the paper, 10 in its CIFAR script.
        stop: When to stop; `Stop()` where not given.
        clusters: (K,), > 0, sum 1: the share of each cluster; 1/K where not given.
        samples: (N,), > 0, sum 1: the weight of each sample; 1/N where not given.
        start: (K,): `Plan.log_a` of an earlier plan; else b = 1/N, as published.
        overwrite: Work in the memory of `log_p`, whose values are lost.

    Raises:
        ValueError: a shape, marginal or number out of its range; NaN or +inf in `log_p`; a sample
            or a cluster without any probability; with `overwrite`, factors so far apart that the
            kernel lost entries that matter, which its trial on a part of the samples did not show.
    """
    _refuse_unfit(log_p, sharpness, start)
    n, k = log_p.shape
    sums = _marginal(samples, n, "samples", log_p), _marginal(clusters, k, "clusters", log_p)
    stop, kernel = stop or Stop(), log_p if overwrite else log_p.clone()
    top = _centre(kernel.mul_(sharpness))
    if (empty := kernel.amax(dim=0).isneginf()).any():
        cluster = int(empty.nonzero()[0, 0])
        raise ValueError(f"cluster {cluster} has no probability at any sample: log_p is -inf")
    trial = _trial(kernel, sums[1])
    top += _centre(kernel.add_(trial.to(kernel.dtype)))
    kernel.exp_()
    # The published start, b = the samples' weights, seen from the kernel that was centred.
    log_b = sums[0].log() + top - top.max()
    log_a = _begin(kernel, log_b, sums[1]) if start is None else start.to(sums[1]) - trial
    plan = _solve(kernel, _sweep_kernel, log_a, sums, stop)
    spread = float(plan.log_a.max() - plan.log_a.min())
    if spread <= _LIMITS[log_p.dtype]:
        return dataclasses.replace(plan, log_a=plan.log_a + trial)
    if overwrite:
        raise ValueError(
            f"the clusters' factors differ by e^{spread:.0f} more than on a part of the samples, "
            f"too much for {log_p.dtype}: call with overwrite=False, or lower sharpness"
        )
    _centre(torch.mul(log_p, sharpness, out=kernel))
    return _solve(kernel, _sweep_logarithms, log_a + trial, sums, stop)


Sweep = Callable[[Tensor, Tensor], tuple[Tensor, "Tensor | float"]]
"""A block (n, K) and its samples' weights, float64 (n,) -> what the plan gives to each cluster, up
to the factors that its maker gives, (K,), and the block's part of the error."""
Maker = Callable[[Tensor, Tensor | None, torch.dtype], tuple[Sweep, Tensor]]
"""Log a, float64 (K,), a_old / a - 1 or None, and the kernel's type -> a sweep, and the factors."""


def _sweep_kernel(log_a: Tensor, change: Tensor | None, dtype: torch.dtype) -> tuple[Sweep, Tensor]:
    """For blocks of the kernel itself."""
    factors = (log_a - log_a.max()).exp()
    a = factors.to(dtype)
    off = None if change is None else (factors * change).to(dtype)

    def sweep(block: Tensor, samples: Tensor) -> tuple[Tensor, Tensor | float]:
        if block.device.type == "cpu":
            return _sweep_array(block, samples, a, off)
        total = block @ a
        columns = (samples / total).to(dtype) @ block
        return columns, 0.0 if off is None else _error(block @ off / total)

    return sweep, factors


def _sweep_array(
    block: Tensor, samples: Tensor, a: Tensor, off: Tensor | None
) -> tuple[Tensor, Tensor | float]:
    """The same by numpy, which shares the memory.

    Its OpenBLAS multiplies a matrix that lies in the cache by a vector in half the time that MKL,
    torch's library, takes on processors of another maker.
    """
    kernel = block.numpy()
    # Factors out of range show in their spread, once the iteration has ended.
    with np.errstate(all="ignore"):
        total = kernel @ a.numpy()
        columns = (samples.numpy() / total).astype(kernel.dtype) @ kernel
        error = 0.0 if off is None else _error(torch.from_numpy(kernel @ off.numpy() / total))
    return torch.from_numpy(columns), error


def _sweep_logarithms(
    log_a: Tensor, change: Tensor | None, dtype: torch.dtype
) -> tuple[Sweep, Tensor]:
    """For blocks of the kernel's logarithms."""
    shift, off = log_a.to(dtype), None if change is None else change.to(dtype)

    def sweep(block: Tensor, samples: Tensor) -> tuple[Tensor, Tensor | float]:
        shares = (block + shift).softmax(dim=1)
        return samples.to(dtype) @ shares, 0.0 if off is None else _error(shares @ off)

    return sweep, torch.ones_like(log_a)


def _error(off: Tensor) -> Tensor:
    """Sum of |b_old / b - 1| for b / b_old - 1 = `off`, (n,).

    A sample's 1/b is its sum over the clusters with their a, so that `off` follows from the change
    of a without the difference of two nearly equal b, which float32 would blur.
    """
    return (off / (1 + off)).abs().double().sum()


def _solve(
    kernel: Tensor, maker: Maker, log_a: Tensor, sums: tuple[Tensor, Tensor], stop: Stop
) -> Plan:
    """Scale clusters and samples in turn until the samples' factors stay as they are."""
    samples, clusters = sums
    error, change = float("inf"), None
    with _blocks(kernel, samples) as each:
        for iteration in range(1, stop.limit + 1):
            sweep, factors = maker(log_a, change, kernel.dtype)
            # Blocks are added in their order, so that the number of threads changes nothing.
            found, errors = zip(*each(sweep), strict=True)
            columns = factors * torch.stack(found).double().sum(dim=0)
            if change is not None:
                error = sum(map(float, errors))
            if error <= stop.tolerance or iteration == stop.limit:
                break
            # The samples have their sums, so that rounding alone keeps the whole from being 1.
            step = clusters.log() - (columns / columns.sum()).clamp_min(_TINY).log()
            change = torch.expm1(-step) if iteration % stop.every == 0 else None
            log_a = log_a + step
        labels = torch.cat(each(partial(_largest, maker, log_a)))
    return Plan(labels, log_a, columns, iteration, error, error <= stop.tolerance)


def _largest(maker: Maker, log_a: Tensor, block: Tensor, _: Tensor) -> Tensor:
    """The cluster with the largest share of each sample of a block."""
    if maker is _sweep_kernel:
        shares = block * (log_a - log_a.max()).exp().to(block.dtype)
    else:
        shares = block + log_a.to(block.dtype)
    if shares.device.type == "cpu":  # numpy's search takes half the time of torch's
        return torch.from_numpy(shares.numpy().argmax(axis=1))
    return shares.argmax(dim=1)


@contextmanager
def _blocks(kernel: Tensor, samples: Tensor) -> Iterator[Callable[..., list[Any]]]:
    """A function that applies another to each (block, its samples' weights), in order.

    On a CPU the blocks are shared out to as many threads as torch has, one thread each.
    """
    rows = _rows(kernel)
    pairs = list(zip(torch.split(kernel, rows), torch.split(samples, rows), strict=True))
    if kernel.device.type != "cpu":
        yield lambda function: [function(*pair) for pair in pairs]
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            threadpool_limits(1, "blas"),
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            if threads == 1:
                yield lambda function: [function(*pair) for pair in pairs]
                return
            yield lambda function: list(pool.map(lambda pair: function(*pair), pairs))
    finally:
        torch.set_num_threads(threads)


def _rows(kernel: Tensor) -> int:
    """Samples in a block."""
    return max(_BLOCK.get(kernel.device.type, _BLOCK["cuda"]) // kernel.shape[1], 1)


def _centre(logarithms: Tensor) -> Tensor:
    """Take each row's largest off it, in place.

    Returns:
        What was taken off, float64, (N,).
    """
    top = logarithms.amax(dim=1, keepdim=True)
    if not torch.isfinite(top).all():
        row = int((~torch.isfinite(top)).nonzero()[0, 0])
        raise ValueError(
            f"log_p of sample {row} holds NaN or +inf, or the sample has no probability at all"
        )
    logarithms.sub_(top)
    return top.flatten().double()


def _begin(kernel: Tensor, log_b: Tensor, clusters: Tensor) -> Tensor:
    """Log a, float64 (K,), for the samples' factors that the iteration starts from."""
    columns = log_b.exp().to(kernel.dtype) @ kernel
    return clusters.log() - columns.double().clamp_min(_TINY).log()


def _trial(kernel: Tensor, clusters: Tensor) -> Tensor:
    """What log a is for a part of the samples, float64 (K,), of the kernel's logarithms."""
    size = min(len(kernel), max(_SAMPLE[0], _SAMPLE[1] * len(clusters)))
    rows = torch.linspace(0, len(kernel) - 1, size, dtype=torch.float64).long()
    part = kernel[rows.to(kernel.device)]
    samples = torch.full((size,), 1 / size, dtype=torch.float64, device=kernel.device)
    rough = Stop(tolerance=0.01 * size, limit=500)
    log_a = clusters.log()
    return _solve(part, _sweep_logarithms, log_a, (samples, clusters), rough).log_a


def _marginal(given: Sequence[float] | Tensor | None, n: int, name: str, like: Tensor) -> Tensor:
    """Wanted sums, float64 (n,), equal ones where none are given."""
    if given is None:
        return torch.full((n,), 1 / n, dtype=torch.float64, device=like.device)
    sums = torch.as_tensor(given, dtype=torch.float64, device=like.device)
    if sums.shape != (n,) or not (sums > 0).all() or abs(float(sums.sum()) - 1) > 1e-6:
        raise ValueError(
            f"{name}: {n} numbers above 0 with the sum 1 are wanted; got shape "
            f"{tuple(sums.shape)}, smallest {float(sums.min()):g}, sum {float(sums.sum()):g}"
        )
    return sums / sums.sum()


def _refuse_unfit(log_p: Tensor, sharpness: float, start: Tensor | None) -> None:
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
    if start is not None and (start.shape != (k,) or not torch.isfinite(start).all()):
        raise ValueError(f"start has shape {tuple(start.shape)}: {k} finite numbers are wanted")
