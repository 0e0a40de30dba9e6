"""What a frozen representation is worth: neighbours' votes and a linear classifier on top.

The protocol of SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020) and its released code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn import functional

from bench.nn import training


def pca(train: Tensor, test: Tensor, dims: int) -> tuple[Tensor, Tensor]:
    """Both sets on the first principal components of the training set, not whitened.

    Args:
        train: (N, D) with N and D >= dims.
        test: (M, D).
        dims: Components to keep; SeLa keeps 128 of 4,096.

    Returns:
        (N, dims) and (M, dims), float32, centred on the training set's mean.
    """
    # The covariance's eigenvectors: exact, where scikit-learn's own choice may be randomised.
    model = PCA(dims, svd_solver="covariance_eigh").fit(train.double().numpy())
    first, second = (model.transform(part.double().numpy()) for part in (train, test))
    return torch.from_numpy(first).float(), torch.from_numpy(second).float()


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
) -> Tensor:
    """Classes ranked by `knn_votes`, int64, (M, min(top, n_classes)), ties by class number."""
    shares = knn_votes(train, train_labels, test, k=k, sigma=sigma, n_classes=n_classes)
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
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    *,
    n_classes: int,
    generator: torch.Generator,
    epochs: int = 36,
    learning_rate: float = 0.01,
    milestones: Sequence[int] = (5, 15, 25),
    batch: int = 192,
    top: int = 5,
    progress: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Train a linear classifier on fixed features and rank the classes of test images.

    Features are standardised with the training set's mean and deviation, as the non-affine
    batch-norm of SeLa's probe does. SGD with momentum 0.9 and weight decay 1e-5; the learning
    rate falls to a fifth at each milestone, as the paper prints (its code: a tenth).

    Args:
        train: (N, D).
        train_labels: int64, (N,), in 0..n_classes-1.
        test: (M, D).
        n_classes: Number of classes.
        generator: Orders the batches; weights start from 0, the loss being convex.
        epochs: Passes over the training set.
        learning_rate: At the start.
        milestones: Epochs at which it falls.
        batch: Images in a batch.
        top: Ranks to keep.
        progress: Called with the number of epochs done.

    Returns:
        int64, (M, min(top, n_classes)), likeliest class first.
    """
    mean, deviation = train.mean(dim=0), train.std(dim=0, correction=0)
    scale = torch.where(deviation > 0, 1.0 / (deviation + 1e-5), 0.0)
    weight = torch.zeros(train.shape[1], n_classes, requires_grad=True)
    bias = torch.zeros(n_classes, requires_grad=True)
    optimiser = torch.optim.SGD([weight, bias], lr=learning_rate, momentum=0.9, weight_decay=1e-5)
    for epoch in range(epochs):
        rate = training.step_decay(learning_rate, epoch, milestones, factor=0.2)
        training.set_learning_rate(optimiser, rate)
        for rows in training.batches(len(train), batch, generator):
            logits = (train[rows] - mean) * scale @ weight + bias
            training.step(optimiser, functional.cross_entropy(logits, train_labels[rows]))
        progress(epoch + 1)
    with torch.no_grad():
        logits = torch.cat(
            [(part - mean) * scale @ weight + bias for part in torch.split(test, 1000)]
        )
    return _ranked(logits, top)


def _ranked(scores: Tensor, top: int) -> Tensor:
    """Column numbers by falling score, the lower number first among equals."""
    return scores.sort(dim=1, descending=True, stable=True).indices[:, :top]
