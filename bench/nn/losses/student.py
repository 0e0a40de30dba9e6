"""Soft assignment by Student's t, its sharpened target and their divergence.

DEC: Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016,
equations 1 to 3. DTC and SUPREME use the same assignment.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


def squared_distances(z: Tensor, centres: Tensor) -> Tensor:
    """Squared Euclidean distances, (N, K), of points (N, D) to centres (K, D).

    Both are moved by the mean centre first: |z|² - 2zc + |c|² loses digits far from the origin.
    """
    origin = centres.detach().mean(dim=0)
    z, centres = z - origin, centres - origin
    squares = z.square().sum(dim=1, keepdim=True) + centres.square().sum(dim=1)
    return (squares - 2.0 * z @ centres.T).clamp_min(0.0)


def soft_assignment(z: Tensor, centres: Tensor, alpha: float = 1.0) -> Tensor:
    """Probability of each cluster, by the kernel of Student's t (DEC, equation 1).

    q_ik is proportional to (1 + |z_i - c_k|² / alpha)^(-(alpha + 1) / 2).

    Args:
        z: Points, (N, D).
        centres: (K, D).
        alpha: Degrees of freedom, >= 0. At 0, which SUPREME names and where the formula is
            undefined, its limit: q_ik proportional to 1 / |z_i - c_k|.

    Returns:
        (N, K), rows sum to 1.

    Raises:
        ValueError: alpha is negative.
    """
    if alpha < 0:
        raise ValueError(f"alpha = {alpha} is negative: Student's t needs alpha >= 0")
    squared = squared_distances(z, centres)
    if alpha > 0:
        log_kernel = -(alpha + 1.0) / 2.0 * torch.log1p(squared / alpha)
    else:
        # A point on a centre belongs to it; the clamp keeps its logarithm and gradient finite.
        log_kernel = -0.5 * squared.clamp_min(torch.finfo(z.dtype).eps ** 2).log()
    return torch.softmax(log_kernel, dim=1)


class SoftClusters(nn.Module):
    """`soft_assignment` to centres that are trained along with the network."""

    def __init__(self, centres: Tensor, alpha: float = 1.0) -> None:
        super().__init__()
        self.centres = nn.Parameter(centres.detach().clone())
        self.alpha = alpha

    def forward(self, z: Tensor) -> Tensor:
        """(N, D) -> (N, K), rows sum to 1."""
        return soft_assignment(z, self.centres, self.alpha)


def target_distribution(q: Tensor) -> Tensor:
    """The sharpened target p (DEC, equation 3), a constant: gradients stop here.

    p_ik is proportional to q_ik² / f_k with f_k the sum of q_ik over i. Hand in the assignments
    of the whole data set: f of a mini-batch gives another method.

    Args:
        q: (N, K), rows sum to 1.

    Returns:
        (N, K), rows sum to 1.
    """
    q = q.detach()
    weight = q.square() / q.sum(dim=0)
    return weight / weight.sum(dim=1, keepdim=True)


def kl_divergence(
    p: Tensor, q: Tensor, mean_over: Literal["samples", "elements"] = "samples"
) -> Tensor:
    """KL(p || q), in nats, a scalar (DEC, equation 2).

    Args:
        p: Target, (N, K), rows sum to 1; zeros are allowed.
        q: Assignment, (N, K), rows sum to 1; what float32 cannot tell from 0 counts as its least
            positive number.
        mean_over: "samples" divides by N (DEC); "elements" by N·K, as DTC's released code does.
    """
    total = (torch.xlogy(p, p) - p * q.clamp_min(torch.finfo(q.dtype).tiny).log()).sum()
    return total / (len(p) if mean_over == "samples" else p.numel())
