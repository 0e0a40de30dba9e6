"""Exact nearest neighbours of all points among themselves, and how likely each of them is drawn.

All pairs are compared by one float32 product a block, which rounds; the few best of each row are
then compared in float64. A bound on the rounding says whether anything that was passed over could
be nearer; only then is the whole row done in float64. So the result is that of float64 throughout
at little more than the price of the product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor

_SPARE = 8
"""Candidates beyond k that the float64 comparison looks at."""
_GROUP = 16
"""Columns whose minimum stands for them in the first round of selection."""
_BLOCK_BYTES = 64 * 2**20
_BLOCK_ROWS = 512
"""Rows of the scores that are held at once: as many as fit, but more are no faster."""
_COLUMNS = 2048
"""Columns of one product; they and their scores stay in the processor's cache."""
_ROWS = 16
"""Rows whose candidates are compared in float64 at a time, in the cache as well."""


class Neighbours(NamedTuple):
    """The nearest others of each point, nearest first, the lower index first where alike."""

    indices: Tensor
    """int64, (N, k)."""
    distances: Tensor
    """float64, (N, k), Euclidean, ascending in a row."""


def nearest(features: Tensor, k: int) -> Neighbours:
    """The k nearest others of each point by Euclidean distance; a point is not its own neighbour.

    Memory beyond features and result: a float32 and a float64 copy of the features, and 100 MiB.

    Args:
        features: (N, D), float32 or float64, finite.
        k: 1..N-1.

    Raises:
        ValueError: fewer than k + 1 points, or features that are no finite matrix.
    """
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(f"features: {tuple(features.shape)} {features.dtype}, not floats (N, D)")
    n = len(features)
    if not 1 <= k < n:
        raise ValueError(f"k = {k} neighbours among {n} points: must lie in 1..{n - 1}")
    if not torch.isfinite(features).all():
        raise ValueError("features hold NaN or infinite values")
    points, half, slack, scale = _prepared(features)
    spare = min(k + _SPARE, n - 1)
    indices = torch.empty((n, k), dtype=torch.int64, device=features.device)
    distances = torch.empty((n, k), dtype=torch.float64, device=features.device)
    every = torch.arange(n, device=features.device)
    for rows in torch.split(every, min(max(_BLOCK_BYTES // 4 // n, 1), _BLOCK_ROWS)):
        columns, scores = _candidates(points, rows, spare)
        columns, order = columns.sort(dim=1)  # so that the stable sort below keeps it in ties
        squares, order = _squares(features, rows, columns).sort(dim=1, stable=True)
        indices[rows] = columns.gather(1, order)[:, :k]
        distances[rows] = squares[:, :k].sqrt()
        # What was passed over has at least the last candidate's score, up to rounding.
        least = 2 * scale**2 * (scores.amax(dim=1) + half[rows] - slack[rows])
        if spare < n - 1:
            for row in rows[~(squares[:, k - 1] < least)].tolist():
                indices[row], distances[row] = _whole_row(features, row, k)
    return Neighbours(indices, distances)


def probabilities(distances: Tensor, k: int) -> Tensor:
    """P(j | i) over the k nearest neighbours (TSP, equation 4), rows that sum to 1.

    exp(-d^2 / (2 sigma_i^2)), normalised, sigma_i being half the distance of the third neighbour.
    Where that is 0, three or more others equal the point: its limit, uniform over such, is taken.

    Args:
        distances: (N, K), K >= max(k, 3), of the nearest neighbours, ascending in a row.
        k: How many of them can be drawn, >= 1.

    Returns:
        (N, k), in the type of the distances.

    Raises:
        ValueError: there is no third neighbour, or not k of them.
    """
    if not 1 <= k <= distances.shape[1] or distances.shape[1] < 3:
        raise ValueError(
            f"{distances.shape[1]} neighbours: k = {k} needs as many, and sigma the third of them"
        )
    near, sigma = distances[:, :k], distances[:, 2:3] / 2
    weight = torch.where(sigma > 0, (-(near / sigma).square() / 2).exp(), (near == 0).double())
    # The third neighbour has exp(-2) and the nearer ones no less: the sum is never 0.
    return (weight / weight.sum(dim=1, keepdim=True)).to(distances.dtype)


def graph(
    indices: npt.NDArray[np.int64], weights: npt.NDArray[np.floating], columns: int
) -> csr_array:
    """The sparse matrix of a few neighbours of each point.

    Args:
        indices: (N, k): the neighbours' columns.
        weights: (N, k): their entries.
        columns: M, of which there are.

    Returns:
        (N, M), one entry for each neighbour of a row; not symmetric.
    """
    starts = np.arange(0, indices.size + 1, indices.shape[1])
    return csr_array((weights.ravel(), indices.ravel(), starts), shape=(len(indices), columns))


def _prepared(features: Tensor) -> tuple[Tensor, Tensor, Tensor, float]:
    """What products of rows are made from.

    Returns:
        The points [-x_j, |x_j|^2 / 2] in float32, (N', D + 1), rows of [0, infinity] behind them
        making N' a multiple of the group; |x_j|^2 / 2, float64, (N,); a bound, float64, (N,), on
        how far a row's scores |x_j|^2 / 2 - x_i x_j in float32 are from the truth; and the number
        that the features were divided by, so that no square leaves float32's range.
    """
    n, width = features.shape
    # Distances do not change when the mean is taken away, and float32 then rounds the spread alone.
    centred = features - features.mean(dim=0, dtype=torch.float64)
    scale = float(centred.abs().max()) or 1.0
    centred /= -scale
    half = centred.square().sum(dim=1) / 2
    points = torch.zeros((n + -n % _GROUP, width + 1), device=features.device)
    points[:n, :width], points[:n, width], points[n:, width] = centred, half, torch.inf
    # A rounding for each product and addition, and some for the points and halves themselves.
    unit = (width + 8) * torch.finfo(torch.float32).eps
    return points, half, unit * (2 * (half * half.max()).sqrt() + half.max()), scale


def _candidates(points: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` columns of the lowest |x_j|^2 / 2 - x_i x_j for each row, in no order.

    Returns:
        Columns, int64, (rows, count), and their scores, float32.
    """
    n, own = len(points), -points[rows]
    own[:, -1] = 1.0
    scores = points.new_empty((len(rows), n))
    minima = points.new_empty((len(rows), n // _GROUP))
    for start in range(0, n, _COLUMNS):
        stop = min(start + _COLUMNS, n)
        part = scores[:, start:stop]
        torch.mm(own, points[start:stop].T, out=part)
        mine = (rows >= start) & (rows < stop)
        part[mine.nonzero()[:, 0], rows[mine] - start] = torch.inf
        # A group is every so many-th column of the part, which is quicker than neighbouring ones.
        groups = minima[:, start // _GROUP : stop // _GROUP]
        torch.amin(part.view(len(rows), _GROUP, -1), dim=1, out=groups)
    # The lowest scores lie in the groups of the lowest minima.
    chosen = minima.topk(min(count, n // _GROUP), dim=1, largest=False, sorted=False).indices
    columns = _columns(chosen, n).flatten(1)
    near, places = scores.gather(1, columns).topk(count, dim=1, largest=False, sorted=False)
    return columns.gather(1, places), near


def _columns(groups: Tensor, n: int) -> Tensor:
    """The columns of some groups, (rows, groups, columns of a group)."""
    part, place = groups // (_COLUMNS // _GROUP), groups % (_COLUMNS // _GROUP)
    stride = (n - part * _COLUMNS).clamp(max=_COLUMNS) // _GROUP
    steps = torch.arange(_GROUP, device=groups.device)
    return (part * _COLUMNS + place)[..., None] + steps * stride[..., None]


def _squares(features: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances of rows to their columns, float64, (rows, columns)."""
    found = torch.empty(columns.shape, dtype=torch.float64, device=features.device)
    for some in torch.split(torch.arange(len(rows), device=features.device), _ROWS):
        own = features[rows[some]].double()[:, None]
        found[some] = (features[columns[some]] - own).square_().sum(dim=2)
    return found


def _whole_row(features: Tensor, row: int, k: int) -> tuple[Tensor, Tensor]:
    """Neighbours of one point among all others in float64."""
    own = features[row].double()
    parts = torch.split(features, _COLUMNS)
    squares = torch.cat([(x - own).square_().sum(dim=1) for x in parts])
    squares[row] = torch.inf
    found, order = squares.sort(stable=True)
    return order[:k], found[:k].sqrt()
