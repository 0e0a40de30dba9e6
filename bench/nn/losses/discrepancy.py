"""Joint maximum mean discrepancy: how far two domains' features and predictions lie apart together.

Long, Zhu, Wang, Jordan, "Deep transfer learning with joint adaptation networks", ICML 2017. A pair
of images is as alike as the product of its kernels over layers, so that features and classes are
matched jointly, not each by themselves. The form is that of thuml's Transfer-Learning-Library.
"""

from __future__ import annotations

import torch
from torch import Tensor

WIDTHS = (-3, -2, -1, 0, 1)
"""Powers of two, times the mean squared distance: the variances of the kernels on features."""
PREDICTIONS_WIDTH = 0.92
"""Standard deviation of the kernel on class probabilities."""


def joint_discrepancy(source: Tensor, target: Tensor, p_source: Tensor, p_target: Tensor) -> Tensor:
    """The unbiased JMMD of two batches, plus 1/(n-1) + 1/(m-1), the constant of the library.

    Args:
        source: Features, float, (n, D), n >= 2.
        target: Features, float, (m, D), m >= 2.
        p_source: Class probabilities, float, (n, classes).
        p_target: The same of the target, (m, classes).

    Returns:
        A scalar; without the constant 0 in the mean where the two distributions are one.

    Raises:
        ValueError: a domain with less than two rows, or rows that do not belong together.
    """
    n, m = len(source), len(target)
    if min(n, m) < 2 or (len(p_source), len(p_target)) != (n, m):
        raise ValueError(
            f"features have {n} and {m} rows, probabilities {len(p_source)} and {len(p_target)}: "
            "each domain needs two at least, and as many of either"
        )
    k = _of_features(torch.cat([source, target])) * _of_predictions(torch.cat([p_source, p_target]))
    within = k - torch.diag(torch.diagonal(k))  # no image is compared with itself
    of_source = within[:n, :n].sum() / (n * (n - 1))
    of_target = within[n:, n:].sum() / (m * (m - 1))
    apart = k[:n, n:].mean()
    return of_source + of_target - 2.0 * apart + 1.0 / (n - 1) + 1.0 / (m - 1)


def _of_features(x: Tensor) -> Tensor:
    """The sum of Gaussian kernels whose widths follow the distances of this batch, (N, N)."""
    squared = _squared_distances(x)
    mean = squared.detach().mean().clamp_min(torch.finfo(x.dtype).tiny)  # all may be equal
    kernels = [torch.exp(-squared / (2.0 * 2.0**power * mean)) for power in WIDTHS]
    return torch.stack(kernels).sum(dim=0)


def _of_predictions(p: Tensor) -> Tensor:
    """A Gaussian kernel of fixed width, (N, N)."""
    return torch.exp(-_squared_distances(p) / (2.0 * PREDICTIONS_WIDTH**2))


def _squared_distances(x: Tensor) -> Tensor:
    """Of all pairs of rows, (N, N), by differences: the diagonal is 0 to the last bit."""
    return (x[:, None] - x[None]).square().sum(dim=2)
