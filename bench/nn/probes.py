"""What a frozen representation is worth: neighbours' votes and a linear classifier on top.

The protocol of SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020) and its released code. Features may be
a tensor or made when they are asked for: never more than a block of them is held here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from bench.nn import training

_BLOCK = 1000
"""Images whose features are asked for at a time."""


class Features(Protocol):
    """Float32 features of N images, (N, D): a tensor, or what makes them of the images."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, rows: Tensor, /) -> Tensor:
        """Those of some images, (len(rows), D), for int64 indices on the CPU."""


def pca(train: Features, test: Features, dims: int) -> tuple[Tensor, Tensor]:
    """Both sets on the first principal components of the training set, not whitened.

    The eigenvectors of the covariance, which is gathered in float64: exact, as scikit-learn's
    solver "covariance_eigh" is, and with its signs: a component's entry of the largest magnitude
    is positive. Memory beyond the result: about five matrices of (D, D) and a block of features.

    Args:
        train: (N, D) with N and D >= dims.
        test: (M, D).
        dims: Components to keep; SeLa keeps 128 of 4,096.

    Returns:
        (N, dims) and (M, dims), float32, centred on the training set's mean.
    """
    mean, scatter = _moments(train, lambda x, y: x.T @ y)
    components = torch.linalg.eigh(scatter).eigenvectors[:, -dims:].flip(1)
    largest = components.gather(0, components.abs().argmax(dim=0, keepdim=True))
    components *= largest.sign()

    def projected(features: Features) -> Tensor:
        parts = [((x - mean) @ components).float() for x in _blocks(features)]
        return torch.cat(parts)

    return projected(train), projected(test)


def _blocks(features: Features) -> Iterator[Tensor]:
    """The features of all images in order, float64, a block at a time."""
    for rows in torch.split(torch.arange(len(features)), _BLOCK):
        yield features[rows].double()


def _moments(
    features: Features, product: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """The mean, (D,), and the sum of products of deviations from it, float64, in one pass.

    Blocks are joined by the formula of Chan, Golub and LeVeque ("Algorithms for computing the
    sample variance", The American Statistician, 1983), which does not take large sums from another.

    Args:
        features: (N, D).
        product: A product of two (n, D), summed over the rows.
    """
    blocks = _blocks(features)
    first = next(blocks)
    count, mean = len(first), first.mean(dim=0)
    scatter = product(first - mean, first - mean)
    for block in blocks:
        total, own = count + len(block), block.mean(dim=0)
        apart = (own - mean)[None]
        scatter += product(block - own, block - own)
        scatter += product(apart, apart) * (count * len(block) / total)
        mean += apart[0] * (len(block) / total)
        count = total
    return mean, scatter


def knn_votes(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    *,
    k: int,
    sigma: float,
    n_classes: int,
    block: int = 1000,
) -> Tensor:
    """Share of the votes for each class among the k nearest training images.

    Similarity is the cosine; a neighbour votes exp(cosine / sigma) for its class. SeLa prints
    k = 50 and sigma = 0.1.

    Args:
        train: Features, (N, D).
        train_labels: int64, (N,), in 0..n_classes-1.
        test: Features, (M, D).
        k: Neighbours, 1..N.
        sigma: Temperature, > 0.
        n_classes: Number of classes.
        block: Test images at a time; memory is block · N similarities.

    Returns:
        float32, (M, n_classes), rows sum to 1.

    Raises:
        ValueError: k or sigma is out of range.
    """
    if not 1 <= k <= len(train):
        raise ValueError(f"k = {k} neighbours of {len(train)} images: must lie in 1..{len(train)}")
    if sigma <= 0:
        raise ValueError(f"sigma = {sigma}: the temperature of a vote must be positive")
    reference = functional.normalize(train)
    shares = []
    for part in torch.split(test, block):
        similarity, nearest = (functional.normalize(part) @ reference.T).topk(k, dim=1)
        # The softmax divides by the sum of all votes, which no ranking notices and which keeps
        # exp(1 / sigma) from overflowing.
        vote = torch.softmax(similarity / sigma, dim=1)
        share = torch.zeros(len(part), n_classes, dtype=vote.dtype)
        shares.append(share.scatter_add_(1, train_labels[nearest], vote))
    return torch.cat(shares)


def weighted_knn(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    *,
    k: int,
    sigma: float,
    n_classes: int,
    top: int = 5,
    block: int = 1000,
) -> Tensor:
    """Classes ranked by `knn_votes`, int64, (M, min(top, n_classes)), ties by class number."""
    shares = knn_votes(
        train, train_labels, test, k=k, sigma=sigma, n_classes=n_classes, block=block
    )
    return _ranked(shares, top)


def pool(maps: Tensor, limit: int) -> Tensor:
    """A block's output as features: max-pooled until a row has at most `limit` numbers.

    Args:
        maps: (N, C, h, w), pooled to the largest square grid that fits; or (N, D), left alone.
        limit: About 9,600 in the linear probes of SeLa and its predecessors.

    Returns:
        (N, C·s·s) or (N, D).
    """
    if maps.ndim == 2:
        return maps
    side = max(1, min(int((limit / maps.shape[1]) ** 0.5), *maps.shape[2:]))
    return functional.adaptive_max_pool2d(maps, side).flatten(1)


def linear_probe(
    train: Features,
    train_labels: Tensor,
    test: Features,
    *,
    n_classes: int,
    generator: torch.Generator,
    views: Features | None = None,
    epochs: int = 36,
    learning_rate: float = 0.01,
    milestones: Sequence[int] = (5, 15, 25),
    batch: int = 192,
    top: int = 5,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Train a linear classifier on fixed features and rank the classes of test images.

    Features are standardised with the training set's mean and deviation, as the non-affine
    batch-norm of SeLa's probe does. SGD with momentum 0.9 and weight decay 1e-5; the learning
    rate falls to a fifth at each milestone, as the paper prints (its code: a tenth).

    Args:
        train: (N, D), asked for batch by batch in every epoch.
        train_labels: int64, (N,), in 0..n_classes-1.
        test: (M, D).
        n_classes: Number of classes.
        generator: Orders the batches; weights start from 0, the loss being convex.
        views: What it learns from in place of `train`, whose moments count all the same: (N, D),
            others whenever they are asked for.
        epochs: Passes over the training set.
        learning_rate: At the start.
        milestones: Epochs at which it falls.
        batch: Images in a batch.
        top: Ranks to keep.
        device: Where the classifier is trained; features travel there a batch at a time.

    Returns:
        int64, (M, min(top, n_classes)), likeliest class first.
    """
    mean, deviation = (moment.to(device) for moment in _standard(train))
    scale = torch.where(deviation > 0, 1.0 / (deviation + 1e-5), 0.0)
    weight = torch.zeros(len(mean), n_classes, device=device, requires_grad=True)
    bias = torch.zeros(n_classes, device=device, requires_grad=True)

    def scores(features: Tensor) -> Tensor:
        return (features.to(device) - mean) * scale @ weight + bias

    optimiser = torch.optim.SGD([weight, bias], lr=learning_rate, momentum=0.9, weight_decay=1e-5)
    seen = train if views is None else views
    for epoch in range(epochs):
        rate = training.step_decay(learning_rate, epoch, milestones, factor=0.2)
        training.set_learning_rate(optimiser, rate)
        for rows in training.batches(len(train), batch, generator):
            loss = functional.cross_entropy(scores(seen[rows]), train_labels[rows].to(device))
            training.step(optimiser, loss)
    with torch.no_grad():
        parts = torch.split(torch.arange(len(test)), _BLOCK)
        logits = torch.cat([scores(test[part]).cpu() for part in parts])
    return _ranked(logits, top)


def _standard(features: Features) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each feature, float32, (D,)."""
    mean, squares = _moments(features, lambda x, y: (x * y).sum(dim=0))
    return mean.float(), (squares / len(features)).sqrt().float()


def _ranked(scores: Tensor, top: int) -> Tensor:
    """Column numbers by falling score, the lower number first among equals."""
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :top]
