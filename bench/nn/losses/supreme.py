"""Soft pairwise supervision: the losses of SUPREME.

SUPREME, section 3, equations 2 to 7. A pair's initial positive probability r~ and its confidence w
come from soft cluster assignments of pretrained features; what is trained is the probability r that
both fall into one cluster. Written out, each is a double loop over the pairs of a batch with a sum
over clusters inside; here each is one or two (n, K) x (K, n) products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

EPS = 1e-12
"""Added before logarithms of probabilities that may round to 0."""


@dataclass(frozen=True)
class Confidence:
    """How pairs are weighted, equation 4, and what of it the paper leaves open."""

    temperature: float = 0.25
    """tau; the paper's figure 5b tries 0.05 to 1."""
    entropy: Literal["printed", "joint"] = "printed"
    """"printed": the sum over equal clusters, as the formula has it; "joint": over all pairs of
    clusters, as its name has it, which is the sum of both samples' entropies."""
    maximum: Literal["log K^2", "(log K)^2"] = "log K^2"
    """H_max, printed log(K)^2: 2 log K, the largest joint entropy, or the square of log K."""
    normalise: Literal["row", "all"] = "row"
    """Weights sum to 1 over each sample's pairs, or over all n² (as printed)."""
    diagonal: Literal["counted", "left out"] = "counted"
    """Whether pairs of an image with itself take a share of that sum before they are set to 1."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature = {self.temperature} must be above 0")


def confidence(q: Tensor, how: Confidence) -> Tensor:
    """Weights of all ordered pairs, equation 4, before the diagonal is set.

    Args:
        q: Soft assignments, float, (n, K), K >= 2, rows sum to 1.
        how: The formula's readings.

    Returns:
        (n, n), at least 0; its rows, or all of it, sum to 1. The diagonal is 0 where it is left
        out.
    """
    k = q.shape[1]
    shares = q * (q + EPS).log() if q.dtype == torch.float32 else torch.xlogy(q, q)
    if how.entropy == "printed":
        half = shares @ q.T
        entropy = -(half + half.T)
    else:
        each = -shares.sum(dim=1)
        entropy = each[:, None] + each
    highest = 2.0 * math.log(k) if how.maximum == "log K^2" else math.log(k) ** 2
    scores = (highest - entropy) / (highest * how.temperature)
    if how.diagonal == "left out" and len(q) > 1:
        scores = scores.masked_fill(torch.eye(len(q), dtype=torch.bool, device=q.device), -math.inf)
    if how.normalise == "row":
        return scores.softmax(dim=1)
    return scores.flatten().softmax(dim=0).view_as(scores)


def supervision(
    q: Tensor, how: Confidence, parts: Literal["both", "transferred", "self"] = "both"
) -> Tensor:
    """What each pair's -log r is weighted by: w r~ of equation 5, (n, n).

    Args:
        q: Soft assignments, float, (n, K).
        how: The readings of the confidence.
        parts: "both": r~ = w = 1 for an image and its own perturbed copy; "self": those pairs
            alone; "transferred": without them, the diagonal being as any other pair.
    """
    if parts == "self":
        return torch.eye(len(q), dtype=q.dtype, device=q.device)
    weights = confidence(q, how) * (q @ q.T)
    if parts == "both":
        weights.fill_diagonal_(1.0)
    return weights


def clustering_loss(p: Tensor, perturbed: Tensor, weights: Tensor) -> Tensor:
    """L_clu, equation 5: the sum over pairs of -w r~ log r, r_ij = p_i . p'_j.

    Args:
        p: Cluster probabilities of the images, float, (n, K).
        perturbed: Those of their perturbed copies, (n, K); both get a gradient.
        weights: From `supervision`, (n, n).
    """
    return -(weights * (p @ perturbed.T + EPS).log()).sum()


def balance_loss(p: Tensor) -> Tensor:
    """L_balance, equation 6: log K minus the entropy of the batch's mean assignment, >= 0."""
    sizes = p.mean(dim=0)
    return math.log(p.shape[1]) + (sizes * (sizes + EPS).log()).sum()


def binary_loss(logits: Tensor) -> Tensor:
    """L_attr, equation 7: the mean binary entropy of sigmoid(logits), (n, D), in 0..log 2."""
    on = torch.sigmoid(logits)
    log_on, log_off = (
        torch.nn.functional.logsigmoid(logits),
        torch.nn.functional.logsigmoid(-logits),
    )
    return -(on * log_on + (1.0 - on) * log_off).mean()
