"""A similarity network together with its views: what one cell trains and others label pairs with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from bench.nn import networks
from bench.nn.similarity import PairHead, SimilarityNet
from bench.nn.views import Views

_NAME = "similarity"
_PAIRS = 2000
"""Pairs scored at a time: 32 MiB of hidden layer at its published width."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw fresh weights from a seed; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


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
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in options["views"].items()}
    views = Views(**fields)
    with seeded(seed):
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
def pair_scores(head: PairHead, features: Tensor, pairs: Tensor) -> Tensor:
    """The probability that the two images of each listed pair are similar.

    Where `bench.nn.similarity.similarity` takes a grid, this takes single pairs of a large set.

    Args:
        head: In evaluation mode.
        features: Float, (N, D).
        pairs: int64, (P, 2): rows of `features`, i and j of `PairHead`.

    Returns:
        Float, (P,), in 0..1.

    Raises:
        ValueError: the head is in training mode, whose statistics are those of a grid.
    """
    if head.training:
        raise ValueError("single pairs have no grid's statistics: call eval() on the head first")
    scores = []
    for i, j in (block.unbind(dim=1) for block in pairs.split(_PAIRS)):
        hidden = head.norm(head.hidden(torch.cat([features[j], features[i]], dim=1)))
        logits = head.output(hidden.relu())
        scores.append(torch.sigmoid(logits[:, 1] - logits[:, 0]))
    return torch.cat(scores)
