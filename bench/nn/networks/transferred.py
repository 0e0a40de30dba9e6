"""A trained similarity network with its views: what other cells label their pairs with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.nn import networks
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views, described
from bench.nn.networks.base import Network
from bench.nn.networks.features import evaluating
from bench.nn.networks.similarity import Form, SimilarityNet, similarity
from bench.tasks import Need, TaskInfo

_NAME = "similarity"
_IMAGES = 200
"""Images at a time, when pairs are scored."""
_PAIRS = 2000
"""Pairs scored at a time: 32 MiB of hidden layer at its published width."""


def need(task: TaskInfo, seed: int | None, layers: Sequence[int] = ()) -> Need:
    """The cell of a task's similarity network, one for all tasks with the same auxiliary set.

    Args:
        task: Names the similarity task.
        seed: Seed of the network; None: one for each seed.
        layers: `layers` of the network; (): as it is by itself.

    Raises:
        ValueError: the task names none.
    """
    if "similarity" not in task.related:
        raise ValueError(f"{task.name} names no similarity task to take a network from")
    own = {"layers": layers} if layers else {}
    return Need(_NAME, own, task.related["similarity"], seed)


class _Trunk(nn.Module):
    """A network of `bench.nn.networks` up to its features."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.features(x)


def describe(
    channels: int,
    widths: Sequence[int],
    views: Views,
    trunk: str = "vggs",
    head: Form = "blocked",
    *,
    layers: Sequence[int] = (),
) -> str:
    """The description of a similarity network and its views, the same text for the same options.

    Args:
        channels: The images' channels.
        widths: Output channels of the blocks of VGGS, the only trunk that is made here.
        views: How images are prepared for it.
        trunk: "vggs", or another network for `bench.nn.networks.completed`; its features count.
        head: The form of `PairHead`.
        layers: Units of fully-connected layers between trunk and head.

    Raises:
        ValueError: nobody knows that network.
    """
    options: dict[str, object] = {"channels": channels, "widths": list(widths)}
    if trunk != "vggs":
        options = {"trunk": networks.completed(trunk, channels=channels, outputs=1)}
    if head != "blocked":  # older descriptions stay what they were
        options["head"] = head
    if layers:
        options["layers"] = list(layers)
    return networks.describe(_NAME, **options, views=dataclasses.asdict(views))


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
    views, head = described(architecture), options.get("head", "blocked")
    layers = options.get("layers", ())
    if "trunk" in options:
        return _with_trunk(options["trunk"], views.size, seed, head, layers), views
    with networks.seeded(seed):
        sizes = (options["channels"], options["widths"], views.size)
        return SimilarityNet.of_vggs(*sizes, head, layers), views


def _with_trunk(
    description: str, size: int, seed: int, head: Form, layers: Sequence[int]
) -> SimilarityNet:
    """A pair head on the features of another network, whose number is found with a black image."""
    trunk = _Trunk(networks.build(description, seed))
    with evaluating(trunk):
        features = trunk(torch.zeros(1, json.loads(description)["channels"], size, size))
    with networks.seeded(seed):
        return SimilarityNet(trunk, features.shape[1], head, layers)


def load(
    architecture: str, tensors: Mapping[str, Tensor], **other: Any
) -> tuple[SimilarityNet, Views]:
    """A similarity network with the given weights, such as a needed cell's, and its views.

    Args:
        architecture: What `describe` gave.
        tensors: Its state dict.
        other: Values of the views in place of those that it learned with; None leaves that.

    Raises:
        ValueError: the description is at fault, or the weights do not fit it.
    """
    network, views = build(architecture)
    views = dataclasses.replace(views, **{n: v for n, v in other.items() if v is not None})
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ValueError(f"weights do not fit {architecture}: {error}") from error
    return network, views


def trunk_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a similarity network's trunk, by the names that they have in that network.

    Raises:
        ValueError: its trunk is VGGS, or layers stand behind it: it is no network of its own.
    """
    prefix = "trunk.network."
    found = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    if not found:
        raise ValueError("weights = 'similarity' needs a similarity network on a 'timm' trunk")
    return found


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
        views: How images are prepared; the clean ones are taken.
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
            logits = head.listed(codes[i], codes[j])
            found.append(torch.sigmoid(logits[:, 1] - logits[:, 0]))
    return torch.cat(found).double().cpu().numpy()


@torch.no_grad()
def score_batches(
    network: SimilarityNet,
    views: Views,
    images: npt.NDArray[np.uint8],
    pairs: npt.NDArray[np.int64],
    *,
    batch: int,
    crops: torch.Generator,
) -> npt.NDArray[np.float64]:
    """The probability that two images are similar as `label` holds it while clusters are learned.

    Args:
        network: On any device; batch-norm takes the statistics of each batch, and tracks them.
        views: How images are prepared; a random crop of each is taken, another in each batch.
        images: uint8, (N, height, width, channels).
        pairs: int64, (P, 2), in 0..N-1: all ordered pairs of two different images of a batch, in
            any order, batch by batch.
        batch: Images of a batch, >= 2.
        crops: Draws the crops.

    Returns:
        float64, (P,), in 0..1.

    Raises:
        ValueError: the pairs are not those of such batches.
    """
    device, size, found = next(network.parameters()).device, batch * (batch - 1), []
    network.train()
    for start in range(0, len(pairs), size):
        block = pairs[start : start + size]
        used, places = np.unique(block, return_inverse=True)
        if len(block) != size or len(used) != batch:
            raise ValueError(
                f"pairs from {start} on are not those of a batch of {batch} images: {len(block)} "
                f"of {len(used)} images"
            )
        x = views.augmented(to_tensor(images[used], device), crops)
        p = similarity(network.head, network.trunk(x)).double().cpu().numpy()
        i, j = places.reshape(-1, 2).T
        found.append(p[i, j])
    return np.concatenate(found)
