"""Squared distances under a kernel that LogDet updates change pair by pair.

A Mahalanobis matrix A and the kernel K = X A X^T of the same points are two forms of one thing:
d(i, j) = v^T A v = e^T K e with v = x_i - x_j and e = e_i - e_j. An update adds b (A v)(A v)^T, or
b (K e)(K e)^T ("Information-theoretic metric learning", Davis et al., ICML 2007, algorithm 1 and
section 4). Whichever matrix is the smaller by far is held; K needs no rotation of the points.

Updates are blocked. The Gram matrix of a block's differences, G = V A V^T, takes each rank-one
update in place of the large matrix: column c of G is what the update needs of it. At the end of a
block all of its updates enter the large matrix by one product, U diag(b) U^T, U being found by a
triangular solve. The result is that of one update after another, up to rounding, in a tenth of
the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.linalg import blas, eigh, svd

from bench.tasks import Floats, Ints

_SMALL = 4
"""The kernel is held unless the points have less than 1 / _SMALL of N dimensions."""
_ROUNDING = 1e-12
"""Of the points' variance: a smaller squared distance has no digit that means anything."""


class Gram:
    """The differences of a block of pairs under the present kernel, and what changes it."""

    def __init__(self, values: Floats, rounding: float) -> None:
        """Take a Gram matrix, (C, C), which is changed in place."""
        self.rounding = rounding
        """Squared distances up to this are 0 but for rounding: nothing can be made of them."""
        self.values = np.asfortranarray(values)
        """v_c^T A v_d; its diagonal is the squared distances."""
        self.steps: list[tuple[int, float, Floats]] = []
        """Of each update: its pair, b, and the column of that pair before it."""

    def change(self, c: int, b: float) -> None:
        """A + b (A v_c)(A v_c)^T, in the Gram matrix at once and in the kernel after the block."""
        column = self.values[:, c].copy()
        self.steps.append((c, b, column))
        blas.dger(b, column, column, a=self.values, overwrite_a=1, overwrite_x=0, overwrite_y=0)


class Distances:
    """Squared distances of N points, under a kernel that begins as that of their coordinates."""

    def __init__(self, points: Floats) -> None:
        """Start from Euclidean distances.

        Args:
            points: float64, (N, D), finite; not changed.
        """
        n, width = points.shape
        self._points: Floats | None = None
        moved = points - points.mean(axis=0)
        self._rounding = _ROUNDING * float(np.square(moved).sum()) / n
        if width < n / _SMALL:
            self._points, self._matrix = points, np.eye(width, order="F")
        else:
            # Far from the origin, squares would drown the distances.
            self._matrix = np.asfortranarray(moved @ moved.T)

    @contextmanager
    def among(self, pairs: Ints) -> Iterator[Gram]:
        """The differences of these pairs, int64 (C, 2); changes take effect when it closes."""
        first, second = pairs.T
        if self._points is None:
            ahead = self._matrix.T[first] - self._matrix.T[second]
            gram = Gram(ahead[:, first] - ahead[:, second], self._rounding)
        else:
            differences = self._points[first] - self._points[second]
            ahead = differences @ self._matrix
            gram = Gram(ahead @ differences.T, self._rounding)
        yield gram
        self._take(gram, ahead)

    def _take(self, gram: Gram, ahead: Floats) -> None:
        """All of a block's updates in one; `ahead` is V A of the matrix before them, (C, D)."""
        if not gram.steps:
            return
        pairs = np.array([c for c, _, _ in gram.steps])
        factors = np.array([b for _, b, _ in gram.steps])
        columns = np.stack([column for _, _, column in gram.steps])
        # u_s = (A v_s before the block) + sum over earlier m of b_m (u_m^T v_s of then) u_m.
        earlier = np.triu(-factors[:, None] * columns[:, pairs], 1)
        vectors = blas.dtrsm(1.0, earlier, ahead[pairs].T, side=1, lower=0, diag=1, overwrite_b=1)
        self._matrix = blas.dgemm(
            1.0, vectors * factors, vectors, beta=1.0, c=self._matrix, trans_b=1, overwrite_c=1
        )

    def coordinates(self, *, ordered: bool = False) -> Floats:
        """Points whose Euclidean distances are the present ones, (N, rank).

        Args:
            ordered: Columns are orthogonal and of mean 0, the largest first; else they may be
                turned and moved.

        Raises:
            ValueError: the kernel holds NaN or infinite values.
        """
        if not np.isfinite(self._matrix).all():
            raise ValueError("the learned kernel holds NaN or infinite values")
        found = factor((self._matrix + self._matrix.T) / 2)
        if self._points is not None:
            found = self._points @ found
            if ordered:
                turned, sizes, _ = svd(found - found.mean(axis=0), full_matrices=False)
                found = turned * sizes
        return found


def centred(kernel: Floats) -> Floats:
    """The kernel of the same distances whose points have mean 0, (N, N)."""
    rows = kernel - kernel.mean(axis=0)
    found: Floats = rows - rows.mean(axis=1, keepdims=True)
    return found


def refuse_energy(energy: float) -> None:
    """Raise a ValueError for what `factor` cannot take as a share."""
    if not 0 < energy <= 1:
        raise ValueError(f"energy = {energy} must be above 0 and at most 1")


def factor(kernel: Floats, energy: float = 1.0) -> Floats:
    """F with F F^T = kernel up to rounding, the largest directions first.

    Args:
        kernel: Symmetric, positive semidefinite, (N, N), finite.
        energy: The share of the eigenvalues' sum that is kept at least, above 0 and at most 1.

    Returns:
        float64, (N, rank), rank >= 1; signs are chosen so that each column's largest entry is
        positive.
    """
    values, vectors = eigh(kernel)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > len(values) * np.finfo(np.float64).eps * max(values[0], 0.0)
    rank = max(int(kept.sum()), 1)
    shares = np.cumsum(np.maximum(values[:rank], 0.0))
    if energy < 1.0:
        rank = min(rank, int(np.searchsorted(shares, energy * shares[-1])) + 1)
    vectors = vectors[:, :rank]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    lengths = np.sqrt(np.maximum(values[:rank], 0.0))
    found: Floats = vectors * np.where(largest < 0, -1.0, 1.0) * lengths
    return found
