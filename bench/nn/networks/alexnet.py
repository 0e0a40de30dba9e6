"""AlexNet with batch-norm, on which self-supervised methods are compared, and a tiny one.

Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks",
NIPS 2012 ("big"), and Krizhevsky, "One weird trick for parallelizing convolutional neural
networks", arXiv:1404.5997, 2014 ("small"), as SeLa trains them (Asano, Rupprecht, Vedaldi, ICLR
2020, tables 4 and 9): without groups and local response normalisation, batch-norm after every
convolution.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from bench.nn.networks.base import Network

WIDTHS = {
    "big": (96, 256, 384, 384, 256),
    "small": (64, 192, 384, 256, 256),
    "tiny": (16, 32, 48, 32, 32),
}
"""Output channels of the five convolutions; "tiny" is ours."""
_HIDDEN = {"big": 4096, "small": 4096, "tiny": 256}
_GRID = {"big": 6, "small": 6, "tiny": 2}
"""Side of the last map that the fully-connected layers are given."""


class AlexNet(Network, name="alexnet"):
    """Five convolutions with batch-norm, two fully-connected layers with dropout, a linear layer.

    "big" and "small" are for 224 pixels. "tiny", for images of 8 to 32 pixels, has 3x3
    convolutions, the first of stride 2 and without a pooling, one fully-connected layer and no
    dropout.

    Args:
        channels: The images' channels.
        outputs: K, of all heads together.
        variant: Which.

    Raises:
        ValueError: no such variant.
    """

    def __init__(
        self, channels: int, outputs: int, *, variant: Literal["big", "small", "tiny"] = "big"
    ) -> None:
        super().__init__()
        if variant not in WIDTHS:
            raise ValueError(f"variant = {variant!r} is none of {', '.join(WIDTHS)}")
        tiny, (hidden, grid) = variant == "tiny", (_HIDDEN[variant], _GRID[variant])
        shapes = [(3, 2, 1), (3, 1, 1)] if tiny else [(11, 4, 2), (5, 1, 2)]
        shapes += [(3, 1, 1)] * 3
        self.pooled = (3,) if tiny else (2, 3)
        self.convs = nn.ModuleList()
        for width, (kernel, stride, padding) in zip(WIDTHS[variant], shapes, strict=True):
            conv = nn.Conv2d(channels, width, kernel, stride, padding)
            self.convs.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU()))
            channels = width
        self.pool = nn.MaxPool2d(2 if tiny else 3, 2, ceil_mode=tiny)
        self.grid = nn.AdaptiveMaxPool2d(grid)
        drop, inputs = 0.0 if tiny else 0.5, channels * grid**2
        layers = [nn.Dropout(drop), nn.Linear(inputs, hidden), nn.ReLU()]
        if not tiny:
            layers += [nn.Dropout(drop), nn.Linear(hidden, hidden), nn.ReLU()]
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(hidden, outputs)
        if not tiny:
            self.apply(_drawn_as_released)

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """The maps after each ReLU, before its pooling: "conv1" to "conv5" -> (N, width, h, w)."""
        maps: dict[str, Tensor] = {}
        for number, conv in enumerate(self.convs, start=1):
            if number in self.pooled:
                x = self.pool(x)
            x = maps[f"conv{number}"] = conv(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """The last fully-connected layer before the heads, (N, 4096), or (N, 256), all >= 0."""
        last = self.blocks(x)["conv5"]
        # Other sizes than 224 pixels are brought to the same grid.
        out: Tensor = self.hidden(self.grid(self.pool(last)).flatten(1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs)."""
        out: Tensor = self.head(self.features(x))
        return out


def _drawn_as_released(module: nn.Module) -> None:
    """Weights as SeLa's released AlexNet draws them; without it torch's own stay."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, 0.0, (2.0 / fan_out) ** 0.5)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.01)
        nn.init.zeros_(module.bias)
