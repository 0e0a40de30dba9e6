"""The loss of TSP and SCAN: neighbours share a cluster, and the clusters stay balanced.

Zhou and Zhang, "Deep clustering with features from self-supervised pretraining", 2022, equation 5;
Van Gansbeke et al., "SCAN: learning to classify images without labels", ECCV 2020, equation 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

_FLOOR = 1e-8
"""Least share of a cluster under a logarithm, as in SCAN's code."""


def tsp_loss(p: Tensor, q: Tensor, entropy_weight: float) -> Tensor:
    """Equation 5 with one neighbour drawn for each image: a scalar.

    Args:
        p: Cluster probabilities of n images, (n, K).
        q: Cluster probabilities of their neighbours, (n, K).
        entropy_weight: lambda.
    """
    mean = floored(p.mean(dim=0))
    return -log_agreement(p, q).mean() + entropy_weight * negative_entropy(mean)


def log_agreement(p: Tensor, q: Tensor) -> Tensor:
    """The logarithm of each pair's inner product over clusters.

    Args:
        p: Cluster probabilities, clusters in the second dimension.
        q: Those of neighbours, of a shape that broadcasts with `p`.

    Returns:
        The common shape without its second dimension.
    """
    return (p * q).sum(dim=1).clamp_min(torch.finfo(p.dtype).tiny).log()


def floored(mean: Tensor) -> Tensor:
    """Shares of clusters, none of them so small that its logarithm runs away."""
    return mean.clamp_min(_FLOOR)


def negative_entropy(mean: Tensor) -> Tensor:
    """The sum of s log s over the last dimension, the clusters' shares."""
    return (mean * mean.log()).sum(dim=-1)
