"""The residual network for small images that DTC and SUPREME start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.nn.networks.base import Network
from bench.nn.networks.standardise import Standardise

Start = Literal["fan-out", "torch"]


class ResNet18(Network, name="resnet18"):
    """ResNet-18 with a 3x3 stem, no pooling after it, and shortcuts without parameters.

    He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2 and
    its shortcuts of option A, which here average over 2x2 positions where the map is halved, as in
    DTC (Han, Vedaldi, Zisserman, ICCV 2019). Features are the last map averaged over positions, so
    that images may have any size; DTC's are 32x32.

    Args:
        channels: The images' channels.
        outputs: K.
        widths: Channels of the four stages of two blocks; each after the first halves the map.
        start: Weights of the convolutions: "fan-out", normal, as He et al. draw them for ReLU, or
            "torch", uniform, torch's own, with which DTC's released code begins.
        mean: Subtracted from each channel, in 0..1; none: images stay as they are.
        std: What each channel is divided by after that.

    Raises:
        ValueError: not four widths, one that is smaller than the one before, another start, or not
            as many numbers as channels.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: Sequence[int] = (64, 128, 256, 512),
        *,
        start: Start = "fan-out",
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
    ) -> None:
        super().__init__()
        if len(widths) != 4 or sorted(widths) != list(widths) or widths[0] < 1:
            raise ValueError(
                f"network 'resnet18' with widths {list(widths)}: it has four stages, "
                "none with fewer channels than the one before"
            )
        if start not in get_args(Start):
            known = ", ".join(get_args(Start))
            raise ValueError(f"network 'resnet18' with start '{start}': it is one of {known}")
        self.standardise = Standardise(channels, mean, std)
        self.stem = nn.Sequential(_conv(channels, widths[0], 1), nn.BatchNorm2d(widths[0]))
        self.stages = nn.ModuleList()
        before = widths[0]
        for number, width in enumerate(widths):
            first = Block(before, width, stride=2 if number else 1)
            self.stages.append(nn.Sequential(first, Block(width, width)))
            before = width
        self.head = nn.Linear(before, outputs)
        for module in self.modules():
            if start == "fan-out" and isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """The stem's map and each stage's: "conv1", "layer1", ..., "layer4", all >= 0."""
        x = functional.relu(self.stem(self.standardise(x)))
        maps = {"conv1": x}
        for number, stage in enumerate(self.stages, start=1):
            x = maps[f"layer{number}"] = stage(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """(N, widths[-1]), all >= 0."""
        return self.blocks(x)["layer4"].mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs)."""
        out: Tensor = self.head(self.features(x))
        return out


class Block(nn.Module):
    """Two convolutions of 3x3 with batch-norm around which the input is passed.

    Args:
        before: Channels of the input.
        width: Channels of the output, at least `before`; the shortcut fills up with zeros.
        stride: 2 halves height and width, rounded up.
    """

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(before, width, stride), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = _conv(width, width, 1), nn.BatchNorm2d(width)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, h, w) -> (N, width, h', w'), all >= 0."""
        y: Tensor = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        if self.stride > 1:
            # Rounded up as the convolution does; a window over the edge averages what it covers.
            x = functional.avg_pool2d(x, self.stride, ceil_mode=True)
        missing = y.shape[1] - x.shape[1]
        if missing:
            x = torch.cat([x, x.new_zeros(len(x), missing, *x.shape[2:])], dim=1)
        return functional.relu(y + x)


def _conv(before: int, width: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
