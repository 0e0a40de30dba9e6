"""A small convolutional network for images of 8 to 32 pixels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from bench.nn.networks.base import Network


class ConvNet(Network, name="convnet"):
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
