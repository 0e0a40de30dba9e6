"""Networks by description, so that stored weights can be used without the code that trained them.

A description is one line of JSON: `{"name": "convnet", "channels": 1, "outputs": 5}`. To add a
network, subclass `Network` and put it into `BUILDERS`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Network(nn.Module):
    """What methods and probes may ask of any network; images are float32 in 0..1, NCHW."""

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Name of a block -> its output, (N, C, h, w) or (N, D), first block first."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """The representation that is clustered: (N, D)."""
        raise NotImplementedError


class ConvNet(Network):
    """A small VGG for 8 to 32 pixels: blocks of conv 3x3, batch-norm, ReLU, 2x2 max-pooling.

    Features are the last block's map max-pooled to 2x2 positions; a linear layer follows. An
    average over all positions, as deeper networks take it, clusters far worse on digits, whose
    strokes differ in where they are.
    """

    def __init__(self, channels: int, outputs: int, widths: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        for width in widths:
            conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            self.convs.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU()))
            channels = width
        self.head = nn.Linear(4 * channels, outputs)

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Each block's map before its pooling: "conv1", "conv2", ... -> (N, width, h, w)."""
        maps: dict[str, Tensor] = {}
        for number, conv in enumerate(self.convs, start=1):
            if number > 1:
                x = functional.max_pool2d(x, 2)
            x = maps[f"conv{number}"] = conv(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """(N, 4 * widths[-1]), all >= 0."""
        *_, last = self.blocks(x).values()
        return functional.adaptive_max_pool2d(last, 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs)."""
        out: Tensor = self.head(self.features(x))
        return out


class AutoEncoder(Network):
    """The fully connected autoencoder of DEC (Xie et al. 2016, section 4.3).

    d - widths[0] - ... - widths[-1] and back, ReLU everywhere but after the code and the
    reconstruction. Weights start from N(0, 0.01²), biases from 0.
    """

    def __init__(self, inputs: int, widths: Sequence[int], scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        sizes = [inputs, *widths]
        self.encoders = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        self.decoders = nn.ModuleList(map(nn.Linear, sizes[1:], sizes[:-1]))
        for layer in (*self.encoders, *self.decoders):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def scaled(self, x: Tensor) -> Tensor:
        """What is encoded and reconstructed: (N, inputs), pixels times `scale`."""
        return x.flatten(1) * self.scale

    def encode(self, depth: int, h: Tensor) -> Tensor:
        """One encoding layer: (N, sizes[depth]) -> (N, sizes[depth + 1])."""
        out: Tensor = self.encoders[depth](h)
        return out if depth == len(self.encoders) - 1 else out.relu()

    def decode(self, depth: int, h: Tensor) -> Tensor:
        """One decoding layer: (N, sizes[depth + 1]) -> (N, sizes[depth])."""
        out: Tensor = self.decoders[depth](h)
        return out if depth == 0 else out.relu()

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Each encoding layer, the code last: "layer1", "layer2", ... -> (N, width)."""
        h, out = self.scaled(x), {}
        for depth in range(len(self.encoders)):
            h = out[f"layer{depth + 1}"] = self.encode(depth, h)
        return out

    def features(self, x: Tensor) -> Tensor:
        """The code, (N, widths[-1])."""
        *_, code = self.blocks(x).values()
        return code

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of `scaled(x)`, (N, inputs)."""
        h = self.features(x)
        for depth in reversed(range(len(self.decoders))):
            h = self.decode(depth, h)
        return h


BUILDERS: dict[str, type[Network]] = {"autoencoder": AutoEncoder, "convnet": ConvNet}


def describe(name: str, **options: Any) -> str:
    """The description of a network, the same text for the same options."""
    return json.dumps({"name": name, **options}, sort_keys=True)


def build(architecture: str, seed: int = 0) -> Network:
    """A network with fresh weights.

    Args:
        architecture: From `describe`.
        seed: What the weights are drawn from; torch's global generator is left as it was.

    Raises:
        ValueError: no description, an unknown network or options that do not fit it.
    """
    try:
        options = json.loads(architecture)
        name = options.pop("name")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(
            f'architecture {architecture!r} is not JSON such as {{"name": "convnet", ...}}'
        ) from error
    if name not in BUILDERS:
        near = difflib.get_close_matches(str(name), BUILDERS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(BUILDERS))}"
        raise ValueError(f"unknown network '{name}': {hint}")
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would reseed the GPUs as well.
        torch.default_generator.manual_seed(seed)
        try:
            return BUILDERS[name](**options)
        except TypeError as error:
            raise ValueError(f"network '{name}' with options {options}: {error}") from error


def load(architecture: str, tensors: Mapping[str, Tensor]) -> Network:
    """A network with the given weights, such as a needed cell's.

    Raises:
        ValueError: the description is at fault, or the weights do not fit it.
    """
    network = build(architecture)
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ValueError(f"weights do not fit {architecture}: {error}") from error
    return network
