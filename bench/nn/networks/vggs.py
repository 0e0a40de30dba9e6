"""The network of the Omniglot experiments: the trunk VGGS, and what clusters stand on it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.nn.networks.base import Network


def vggs(channels: int = 1, widths: Sequence[int] = (64, 128, 256, 256)) -> nn.Sequential:
    """The trunk VGGS: blocks of conv 3x3, batch-norm, 2x2 max-pooling, ReLU, then flattened.

    The released code pools after ReLU; the two commute, and this order rectifies a quarter of the
    values. Its parameters have the same names but for the prefix "features.". Weights are laid out
    channels-last, the faster form, which the maps of the convolutions then take over.

    Args:
        channels: Of the images, float (n, channels, height, width).
        widths: Output channels of the blocks; each halves height and width.

    Returns:
        A network to (n, D), D = widths[-1] * height * width / 4^len(widths): 1024 for 32x32.
    """
    layers: list[nn.Module] = []
    for width in widths:
        conv = nn.Conv2d(channels, width, 3, padding=1)
        layers += [conv, nn.BatchNorm2d(width), nn.MaxPool2d(2), nn.ReLU()]
        channels = width
    trunk = nn.Sequential(*layers, nn.Flatten())
    return trunk.to(memory_format=torch.channels_last)


class VGGS(Network, name="vggs"):
    """Blocks of conv, batch-norm, pooling and ReLU, then FC, batch-norm, ReLU, FC.

    Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
    section 5.1, with the sizes of the authors' released code.

    Args:
        channels: The images' channels.
        outputs: K.
        widths: Output channels of the blocks, each of which halves height and width.
        size: Height and width of the images, in pixels.
        hidden: Units of the layer before the last.

    Raises:
        ValueError: more blocks than `size` can be halved.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        widths: Sequence[int] = (64, 128, 256, 256),
        size: int = 32,
        hidden: int = 512,
    ) -> None:
        super().__init__()
        if size < 2 ** len(widths):
            raise ValueError(f"{len(widths)} widths halve {size} pixels to none: give fewer")
        self.trunk = vggs(channels, widths)
        inputs = widths[-1] * (size >> len(widths)) ** 2
        self.hidden = nn.Sequential(nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
        self.head = nn.Linear(hidden, outputs)

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Each block's map after its pooling, "conv1", ..., and "hidden"."""
        found: dict[str, Tensor] = {}
        for layer in self.trunk:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found[f"conv{len(found) + 1}"] = x
        return found | {"hidden": self.hidden(x)}

    def features(self, x: Tensor) -> Tensor:
        """The hidden layer, (N, hidden), all >= 0."""
        out: Tensor = self.hidden(self.trunk(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs)."""
        out: Tensor = self.head(self.features(x))
        return out
