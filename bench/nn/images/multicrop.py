"""Multi-crop: global and local random crops of each image of a batch.

Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments", NeurIPS
2020, as DINO takes it (ICCV 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.nn.images.tensors import flip
from bench.nn.images.views import random_boxes, resized_crop

_RATIO = (3 / 4, 4 / 3)
"""Width / height of crops, as torchvision has it."""
_FINE = 4
"""Boxes of crops are drawn in parts of a pixel, since whole ones are coarse for small images."""
_JITTERED = 0.8
"""Share of the crops."""


@dataclass(frozen=True)
class MultiCrop:
    """Two global crops of each image, and some local ones."""

    size: int
    """Pixels a side of a global crop."""
    local_size: int
    """Pixels a side of a local crop."""
    local_crops: int
    """Local crops of an image; 0 for none."""
    global_scale: tuple[float, float]
    """Area of a global crop as a fraction of the image's."""
    local_scale: tuple[float, float]
    jitter: float = 0.0
    """See `jittered`."""
    mirror: bool = False
    """Whether half of the crops are flipped."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Crops of a batch: all global ones, then all local ones, each view after the other.

        Args:
            x: Float, (n, channels, height, width), in 0..1.
            generator: On the CPU, whatever the device of `x`, so that devices crop alike.

        Returns:
            (2 n, channels, size, size), and (local_crops · n, channels, local_size, local_size)
            unless there are none.
        """
        found = [self._crops(x, 2, self.global_scale, self.size, generator)]
        if self.local_crops:
            count = self.local_crops
            found.append(self._crops(x, count, self.local_scale, self.local_size, generator))
        return found

    def _crops(
        self,
        x: Tensor,
        count: int,
        scale: tuple[float, float],
        size: int,
        generator: torch.Generator,
    ) -> Tensor:
        images = x.repeat(count, 1, 1, 1)
        shape = tuple(_FINE * side for side in x.shape[2:])
        boxes = random_boxes(len(images), shape, scale, _RATIO, generator) / _FINE
        cut = jittered(resized_crop(images, boxes, size), self.jitter, generator)
        return flip(cut, generator) if self.mirror else cut


def jittered(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Brightness, then contrast, of each image times a random factor, in four of five images.

    Args:
        x: Float, (N, channels, height, width), in 0..1.
        strength: Factors are uniform in 1 - strength..1 + strength; 0 changes nothing.
        generator: On the CPU.

    Returns:
        As `x`, within 0..1.
    """
    if strength == 0:
        return x
    draws = torch.rand(3, len(x), 1, 1, 1, generator=generator).to(x)
    brightness, contrast = (
        torch.where(draws[0] < _JITTERED, 1 + strength * (2 * draw - 1), 1.0) for draw in draws[1:]
    )
    x = (brightness * x).clamp(0.0, 1.0)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (contrast * (x - mean) + mean).clamp(0.0, 1.0)
