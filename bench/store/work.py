"""How much work the parameters of a cell ask for, to tell the cost of one from that of another.

Work is images times passes times operations on an image, less all that cells of a method have in
common: a ratio of two means something for one method, the number alone does not. No method states
it; the names that methods share for their budgets do (`_PASSES`, `_STEPS`, `_REPEATS`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping
from functools import cache
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.datasets import get_task
from bench.datasets.dataset import get
from bench.datasets.parts import Part, select
from bench.datasets.prepare import kept

if TYPE_CHECKING:
    from torch import Tensor, nn

_PASSES = ("epochs", "max_epochs", "warmup_epochs")
"""Parameters that count passes over the images."""
_STEPS = ("iterations", "finetune_iterations", "layer_iterations")
"""Parameters that count batches."""
_REPEATS = ("n_init", "max_iter")
"""Parameters that count passes where none of the above is there."""
_NETWORK = {"network", "widths", "kernel"}
"""Parameters that tell how much is computed for an image."""
_ROLES = {"similarity": "auxiliary", "adapt": "source", "probe": "train", "finetune": "train"}
"""Kind of task -> the part that its methods train on, where it is not the target."""

_FEATURES = 1000
"""About as many has an image for heads on a frozen network."""
_SCALES = (1, 2, 4, 8)
"""By which an image is enlarged until a network takes it."""


class Size(NamedTuple):
    """What a task's images add to the work."""

    images: int
    shape: tuple[int, int, int]
    """Height, width, channels."""
    certain: bool
    """Of prepared data; else they are those that the declarations tell of, at most."""


@cache
def size(task: str, preset: str, root: Path) -> Size:
    """The images that a task's methods train on, known without reading any.

    Raises:
        BenchError: there is no such task, or its prepared data are damaged.
    """
    spec = get_task(task)
    role = _ROLES.get(spec.kind, "target")
    classes = spec.n_clusters if role == "target" else 0
    images, shape, certain = _of_part(spec.parts()[role], classes, root)
    return Size(min(images, spec.limit(role, preset) or images), shape, certain)


def _of_part(part: Part, classes: int, root: Path) -> Size:
    """The images of a part that has so many classes, 0 where nobody says it."""
    prepared, declared = kept(part.dataset, root), get(part.dataset)
    if prepared is None or any(split not in prepared.counts for split in part.splits()):
        images = _declared(part, classes) * part.versions
        return Size(max(round(images), 1), declared.shape, certain=False)
    index, _, _ = select(part, prepared)
    return Size(index.size * part.versions, declared.shape, certain=True)


def _declared(part: Part, classes: int) -> float:
    """About as many images as a part has, without its data."""
    declared = get(part.dataset)
    images = sum(declared.counts[split] for split in part.splits())
    if part.where and classes and declared.per_class:
        return classes * declared.per_class
    labels = part.where.get("label", ())
    return images * len(labels) / len(declared.labels) if labels and declared.labels else images


def of(params: Mapping[str, Any], data: Size, needed: Collection[Mapping[str, Any]] = ()) -> float:
    """The work of a cell, > 0.

    Args:
        params: All of its method's parameters.
        data: Of its task.
        needed: The parameters of the cells whose output it reads: a method that trains and names no
            network goes on with one of theirs.
    """
    trained = needed if trains(params) else []
    told = next((own for own in (params, *trained) if not _NETWORK.isdisjoint(own)), params)
    return _images(params, data.images) * _operations(params, told, data.shape)


def trains(params: Mapping[str, Any]) -> bool:
    """Whether a cell of these parameters trains a network, by passes or by batches."""
    return not {*_PASSES, *_STEPS}.isdisjoint(params)


def _images(params: Mapping[str, Any], n: int) -> float:
    """Images that training sees, each as often as it does."""
    passes = float(sum(params.get(name) or 0 for name in _PASSES))
    batch = params.get("batch_size") or params.get("source_batch") or 1
    steps = [params[name] for name in _STEPS if params.get(name)]
    if steps:
        # Layer by layer, as often as there are layers.
        layers = len(params.get("widths", ())) if "layer_iterations" in params else 1
        seen = float(batch * (sum(steps) + (layers - 1) * params.get("layer_iterations", 0)))
        return min(seen, passes * n) if passes else seen
    if isinstance(params.get("images"), int) and params["images"]:
        return float(params["images"])
    return n * (passes or float(math.prod(params.get(name) or 1 for name in _REPEATS)))


def _operations(
    params: Mapping[str, Any], told: Mapping[str, Any], shape: tuple[int, int, int]
) -> float:
    """Operations on one image: of the network that is told, else as many as it has values.

    Networks without a name are dense (`widths`) or convolve with one kernel. Heads with layers of
    their own, on the features of a frozen network, are all that is trained.

    Args:
        params: A method's own parameters.
        told: Those that tell of the network, the method's or of a cell that it needs.
        shape: An image's.
    """
    if {"transform", "heads", "hidden", "bottleneck"} <= params.keys():  # heads on a frozen network
        return float(params["heads"] * params["hidden"] * (_FEATURES + params["bottleneck"]))
    height, width, channels = shape
    if side := params.get("size") or told.get("size") or 0:
        height = width = side
    if isinstance(told.get("network"), str):
        options = tuple(sorted(({"channels": channels, "outputs": 1} | _options(told)).items()))
        return _products(told["network"], options, (channels, height, width))
    values = height * width * channels
    if "widths" in told:
        return float(sum(a * b for a, b in pairwise((values, *told["widths"]))))
    return float(values * (told.get("kernel") or 1) ** 2)


def _options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a method that some networks have too."""
    names = ("widths", "hidden")
    return {name: params[name] for name in names if isinstance(params.get(name), int | tuple)}


@cache
def _products(network: str, options: tuple[tuple[str, Any], ...], image: tuple[int, ...]) -> float:
    """Products of weights with activations, in a network's convolutions and linear layers.

    Of the smallest larger image where the network refuses this one, channels first: a method may
    take its size from a cell that it needs. Pixels times channels where it refuses them all.
    """
    from bench.nn import networks  # with torch: seconds, and cells that are done ask for none of it
    from bench.store import code

    channels, height, width = image
    for scale in _SCALES:
        with contextlib.suppress(Exception):  # whatever a network raises, its cell will report
            cls = networks.get(code.named(network))
            told = {**dict(options), "size": scale * height}
            own = {k: v for k, v in told.items() if k in signature(cls.__init__).parameters}
            built = networks.build(networks.completed(network, **own)).eval()
            return _counted(built, (channels, scale * height, scale * width))
    return float(math.prod(image))


def _counted(network: nn.Module, image: tuple[int, ...]) -> float:
    """Products of weights with activations when one image passes a network, made for this alone."""
    import torch
    from torch import nn

    found: list[float] = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        found.append(output.numel() * weight.numel() / weight.shape[0])

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, *image))
    return sum(found)
