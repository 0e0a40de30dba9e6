"""Sinkhorn and Knopp's scaling: the loop over samples and clusters, a block of samples at a time.

The samples' factors b follow from the clusters' a, so that a alone is iterated. From a to the next
a the kernel is read once: while a block of samples lies in the cache, its b follows from a, and its
part of the next a from that b.

The plain steps shrink by a constant share. The last few tell where they lead (Anderson, "Iterative
procedures for nonlinear integral equations", JACM 1965): a third of the sweeps reaches the same
plan. A point that is not clearly nearer is dropped for the plain step from the one before, and
plain steps never widen (Birkhoff's contraction).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

TINY = 1e-30
"""Smallest sum of a cluster: what the dtype cannot tell from nothing is raised step by step."""
_BLOCK = {"cpu": (2**18, 2**20), "cuda": (2**26, 2**26)}
"""Entries of the kernel in a block, at least and at most: on a CPU few enough for its caches, and
so many that threads do not spend their time handing over the interpreter's lock."""
_BLOCKS = 24
"""Blocks within these bounds: some for each thread."""


@dataclass(frozen=True)
class Assignment:
    """A balanced assignment."""

    labels: Tensor
    """int64, (N,): the cluster with the largest share of each sample, the first of equal ones."""
    log_a: Tensor
    """float64, (K,): logarithms of the clusters' factors, which a later plan may start from."""
    columns: Tensor
    """float64, (K,): what each cluster is given in all, sum 1; the samples' sums are exact."""
    iterations: int
    error: float
    """Sum over samples of |b_old / b_new - 1|: of the last plain step that was tested or, with a
    memory, a bound on that of the next one."""
    converged: bool
    """Whether that error was within the tolerance."""


@dataclass(frozen=True)
class Stop:
    """When the iteration ends; the defaults are those of the released ImageNet script."""

    tolerance: float = 0.1
    """Largest sum over samples of |b_old / b_new - 1|; 0.01 in the released CIFAR script."""
    memory: int = 5
    """Steps that a next one is extrapolated from; 0 is the published iteration, step by step."""
    every: int = 10
    """Iterations between two tests of that sum, at which the step is a plain one. With a memory it
    is also bounded at each, by what clusters have too much or too little, which is there anyway."""
    limit: int = 10_000
    """Iterations at most."""

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or min(self.every, self.limit) < 1 or self.memory < 0:
            raise ValueError(
                f"tolerance = {self.tolerance}, every = {self.every}, limit = {self.limit}, "
                f"memory = {self.memory}: the first must be above 0, the next two at least 1, "
                "the last at least 0"
            )


Sweep = Callable[[Tensor, Tensor], tuple[Tensor, "Tensor | float"]]
"""A block (n, K) and its samples' weights, float64 (n,) -> what the plan gives to each cluster, up
to the factors that its maker gives, (K,), and the block's part of the error."""
Maker = Callable[[Tensor, Tensor | None, torch.dtype], tuple[Sweep, Tensor]]
"""Log a, float64 (K,), a_old / a - 1 or None, and the kernel's type -> a sweep, and the factors."""


def sweep_kernel(log_a: Tensor, change: Tensor | None, dtype: torch.dtype) -> tuple[Sweep, Tensor]:
    """A sweep over blocks of the kernel itself, and its factors."""
    factors = (log_a - log_a.max()).exp()
    a = factors.to(dtype)
    off = None if change is None else (factors * change).to(dtype)
    if log_a.device.type == "cpu":
        return partial(_sweep_array, a=a.numpy(), off=None if off is None else off.numpy()), factors

    def sweep(block: Tensor, samples: Tensor) -> tuple[Tensor, Tensor | float]:
        total = block @ a
        columns = (samples / total).to(dtype) @ block
        return columns, 0.0 if off is None else _error(block @ off / total)

    return sweep, factors


def _sweep_array(
    block: Tensor, samples: Tensor, *, a: npt.NDArray[Any], off: npt.NDArray[Any] | None
) -> tuple[Tensor, Tensor | float]:
    """The same by numpy, which shares the memory.

    Its OpenBLAS multiplies a matrix that lies in the cache by a vector in half the time that MKL,
    torch's library, takes on processors of another maker.
    """
    kernel = block.numpy()
    # Factors out of range show in their spread, once the iteration has ended.
    with np.errstate(all="ignore"):
        total = kernel @ a
        columns = (samples.numpy() / total).astype(kernel.dtype) @ kernel
        error = 0.0 if off is None else _error(torch.from_numpy(kernel @ off / total))
    return torch.from_numpy(columns), error


def sweep_logarithms(
    log_a: Tensor, change: Tensor | None, dtype: torch.dtype
) -> tuple[Sweep, Tensor]:
    """A sweep over blocks of the kernel's logarithms, and its factors."""
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


def solve(
    kernel: Tensor, maker: Maker, log_a: Tensor, sums: tuple[Tensor, Tensor], stop: Stop
) -> Assignment:
    """Scale clusters and samples in turn until the samples' factors stay as they are.

    Args:
        kernel: (N, K), what `maker`'s sweeps take: the kernel itself or its logarithms.
        maker: `sweep_kernel` or `sweep_logarithms`.
        log_a: float64, (K,), to start from.
        sums: Wanted ones of samples, (N,), and clusters, (K,), float64, each with the sum 1.
        stop: When to stop.
    """
    samples, clusters = sums
    path, change = _Path(log_a, stop.memory), None
    error, kept = float("inf"), (log_a, clusters, float("inf"))
    with blocks(kernel, samples) as each:
        for iteration in range(1, stop.limit + 1):
            sweep, factors = maker(path.point, change, kernel.dtype)
            # Blocks are added in their order, so that the number of threads changes nothing.
            found, errors = zip(*each(sweep), strict=True)
            columns = factors * torch.stack(found).double().sum(dim=0)
            # The samples have their sums, so that rounding alone keeps the whole from being 1.
            given = columns / columns.sum()
            if change is not None:
                error = sum(map(float, errors))
            if stop.memory:
                bound = float((given - clusters).abs().sum() / samples.min())
                error = bound if change is None else min(error, bound)
            tested = iteration % stop.every == 0
            step = clusters.log() - given.clamp_min(TINY).log()
            if path.keeps(step) or error <= stop.tolerance:
                kept = (path.point, columns, error)
            if error <= stop.tolerance or path.lost:
                break
            taken = path.move(plain=tested)
            change = torch.expm1(-taken) if tested else None
        log_a, columns, error = kept
        labels = torch.cat(each(partial(_largest, maker, log_a)))
    return Assignment(labels, log_a, columns, iteration, error, error <= stop.tolerance)


class _Path:
    """The points of an iteration, the plain steps from them, and where to go next."""

    def __init__(self, start: Tensor, memory: int) -> None:
        self.point = start
        """Where it is, (K,)."""
        self.lost = False
        """Whether a plain step led to where there are no numbers: the kernel lacks entries."""
        self._memory = memory
        self._extrapolated = False
        self._points: list[Tensor] = []
        self._steps: list[Tensor] = []

    def keeps(self, step: Tensor) -> bool:
        """Whether the point whose plain step is `step`, (K,), is one to go on from.

        A plain one is; an extrapolated one must be a thousandth nearer than the one before, by the
        steps' width, and is forgotten with all that led to it where it is not.
        """
        if self._extrapolated and not _width(step) <= 0.999 * _width(self._steps[-1]):
            return False  # NaN is not nearer, either.
        self.lost = not bool(torch.isfinite(step).all())
        self._points = [*self._points, self.point][-self._memory - 1 :]
        self._steps = [*self._steps, step][-self._memory - 1 :]
        return True

    def move(self, *, plain: bool) -> Tensor:
        """Go on from the last point that was kept.

        Args:
            plain: Take its plain step.

        Returns:
            The plain step from there, (K,), whether or not it was taken.
        """
        point, step = self._points[-1], self._steps[-1]
        dropped, self._extrapolated = self.point is not point, False
        if dropped:
            self._points, self._steps = [point], [step]
        self.point = point + step
        if not plain and len(self._steps) > 1:
            moves, turns = (torch.stack(x).diff(dim=0).T for x in (self._points, self._steps))
            # The mixture of earlier turns that would leave no step at all, as near as there is one.
            mixture = np.linalg.lstsq(turns.cpu().numpy(), step.cpu().numpy(), rcond=None)[0]
            self.point -= (moves + turns) @ torch.from_numpy(mixture).to(point.device)
            self._extrapolated = True
        return step


def _width(step: Tensor) -> float:
    """Largest less smallest entry: a factor common to all clusters changes no plan."""
    return float(step.max() - step.min())


def _largest(maker: Maker, log_a: Tensor, block: Tensor, _: Tensor) -> Tensor:
    """The cluster with the largest share of each sample of a block."""
    if maker is sweep_kernel:
        shares = block * (log_a - log_a.max()).exp().to(block.dtype)
    else:
        shares = block + log_a.to(block.dtype)
    if shares.device.type == "cpu":  # numpy's search takes half the time of torch's
        return torch.from_numpy(shares.numpy().argmax(axis=1))
    return shares.argmax(dim=1)


@contextmanager
def blocks(kernel: Tensor, samples: Tensor) -> Iterator[Callable[..., list[Any]]]:
    """A function that applies another to each (block, its part of `samples`), in order.

    On a CPU as many threads as torch has take a run of neighbouring blocks each.
    """
    rows = _rows(kernel)
    pairs = list(zip(torch.split(kernel, rows), torch.split(samples, rows), strict=True))
    if kernel.device.type != "cpu":
        with _one_thread_each():
            yield lambda function: [function(*pair) for pair in pairs]
        return
    threads = min(torch.get_num_threads(), len(pairs))
    edges = [len(pairs) * i // threads for i in range(threads + 1)]
    runs = [pairs[first:end] for first, end in itertools.pairwise(edges)]

    def each(function: Callable[..., Any]) -> list[Any]:
        def along(run: list[tuple[Tensor, Tensor]]) -> list[Any]:
            return [function(*pair) for pair in run]

        others = pool.map(along, runs[1:])
        return along(runs[0]) + list(itertools.chain.from_iterable(others))

    with (
        _one_thread_each(),
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        yield each


@cache
def _libraries() -> ThreadpoolController:
    """Those with threads of their own; to look for them takes longer than a small plan."""
    return ThreadpoolController()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """The libraries' own threads are off for a while."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _libraries().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(threads)


def _rows(kernel: Tensor) -> int:
    """Samples in a block."""
    least, most = _BLOCK.get(kernel.device.type, _BLOCK["cuda"])
    return max(min(max(kernel.numel() // _BLOCKS, least), most) // kernel.shape[1], 1)
