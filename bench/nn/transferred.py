"""A trained similarity network with its views: what other cells label their pairs with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.nn import networks
from bench.nn.features import evaluating
from bench.nn.images import to_tensor
from bench.nn.similarity import SimilarityNet, similarity
from bench.nn.views import Views, described

_NAME = "similarity"
_IMAGES = 200
"""Images at a time, when pairs are scored."""
_PAIRS = 2000
"""Pairs scored at a time: 32 MiB of hidden layer at its published width."""


def describe(channels: int, widths: Sequence[int], views: Views) -> str:
    """The description of a similarity network and its views, the same text for the same options."""
    options = dataclasses.asdict(views)
    return networks.describe(_NAME, channels=channels, widths=list(widths), views=options)


def build(architecture: str, seed: int = 0) -> tuple[SimilarityNet, Views]:
    """A similarity network with fresh weights, and its views.

    Args:
        architecture: From `describe`.
        seed: What the weights are drawn from.

    Raises:
        ValueError: `architecture` describes something else.
    """
    options = json.loads(architecture)
    if options.pop("name", None) != _NAME:
        raise ValueError(f"{architecture} describes no similarity network")
    views = described(architecture)
    with networks.seeded(seed):
        network = SimilarityNet(options["channels"], options["widths"], views.size)
    return network, views


def load(architecture: str, tensors: Mapping[str, Tensor]) -> tuple[SimilarityNet, Views]:
    """A similarity network with the given weights, such as a needed cell's, and its views.

    Raises:
        ValueError: the description is at fault, or the weights do not fit it.
    """
    network, views = build(architecture)
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ValueError(f"weights do not fit {architecture}: {error}") from error
    return network, views


@torch.no_grad()
def label(network: SimilarityNet, x: Tensor) -> Tensor:
    """Which pairs of a batch are held similar: those of a probability above 1/2.

    Args:
        network: In training mode, batch-norm takes the statistics of this batch; in evaluation
            mode those that were tracked when it was trained.
        x: Views, float, (n, channels, size, size), n >= 2 in training mode.

    Returns:
        Bool, (n, n); not symmetric, as the network is not.
    """
    return similarity(network.head, network.trunk(x)) > 0.5


@torch.no_grad()
def score(
    network: SimilarityNet,
    views: Views,
    images: npt.NDArray[np.uint8],
    pairs: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """The probability that the two images of each listed pair are similar, in evaluation mode.

    Args:
        network: On any device; stays in the mode it is in.
        views: Of which the clean ones are taken.
        images: uint8, (N, height, width, channels).
        pairs: int64, (P, 2): i and j of `PairHead`, in 0..N-1.

    Returns:
        float64, (P,), in 0..1.
    """
    device, head, found = next(network.parameters()).device, network.head, []
    used, places = np.unique(pairs, return_inverse=True)
    with evaluating(network):
        codes = torch.cat(
            [
                network.trunk(views.clean(to_tensor(images[rows], device)))
                for rows in np.split(used, range(_IMAGES, len(used), _IMAGES))
            ]
        )
        index = torch.from_numpy(places.reshape(pairs.shape))
        for i, j in (block.unbind(dim=1) for block in torch.split(index, _PAIRS)):
            hidden = head.norm(head.hidden(torch.cat([codes[j], codes[i]], dim=1)))
            logits = head.output(hidden.relu())
            found.append(torch.sigmoid(logits[:, 1] - logits[:, 0]))
    return torch.cat(found).double().cpu().numpy()
