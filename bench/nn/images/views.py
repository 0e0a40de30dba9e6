"""How images become the inputs of a network: cropped, resized, inverted, normalised."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.nn.images.tensors import upload

_ATTEMPTS = 10
"""Boxes drawn for an image before the whole of it is taken, as torchvision does."""


@dataclass(frozen=True)
class Views:
    """One preparation of images, with random crops in training and without them afterwards.

    The defaults are those of the released code of "Learning to cluster in order to transfer
    across domains and tasks" for Omniglot.
    """

    size: int = 32
    """Height and width in pixels that a network is given."""
    invert: bool = True
    """Dark ink on bright paper becomes bright ink on dark paper."""
    mean: float = 0.086
    """Subtracted, for pixels in 0..1 after inversion."""
    std: float = 0.235
    """Divided by."""
    crop_scale: tuple[float, float] = (0.85, 1.0)
    """Smallest and largest area of a random crop, as a fraction of the image's."""
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Smallest and largest width / height of a random crop."""

    def __post_init__(self) -> None:
        if self.size < 1 or not self.std > 0:
            raise ValueError(f"size = {self.size} and std = {self.std} must be at least 1 and > 0")
        low, high = self.crop_scale
        if not 0 < low <= high <= 1 or not 0 < self.crop_ratio[0] <= self.crop_ratio[1]:
            raise ValueError(
                f"crop_scale = {self.crop_scale} must rise within 0..1 and "
                f"crop_ratio = {self.crop_ratio} above 0"
            )

    def clean(self, x: Tensor) -> Tensor:
        """Whole images; (N, channels, height, width) in 0..1 -> (N, channels, size, size)."""
        n, _, height, width = x.shape
        whole = torch.tensor([0, 0, height, width]).expand(n, 4)
        return self._normalised(resized_crop(x, whole, self.size))

    def augmented(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A random crop of each image; shapes as for `clean`.

        Args:
            x: Float, (N, channels, height, width), in 0..1.
            generator: On the CPU, whatever the device of `x`, so that devices crop alike.
        """
        boxes = random_boxes(len(x), x.shape[2:], self.crop_scale, self.crop_ratio, generator)
        return self._normalised(resized_crop(x, boxes, self.size))

    def _normalised(self, x: Tensor) -> Tensor:
        return ((1.0 - x if self.invert else x) - self.mean) / self.std


def described(architecture: str) -> Views:
    """The views that a network's description carries under "views", as `dataclasses.asdict` has it.

    Raises:
        ValueError: it carries none.
    """
    options = json.loads(architecture)
    if "views" not in options:
        raise ValueError(f"{architecture} does not say how images are prepared for the network")
    given = options["views"].items()
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given}
    return Views(**fields)


def random_boxes(
    n: int,
    shape: tuple[int, ...],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: torch.Generator,
) -> Tensor:
    """Boxes of torchvision's RandomResizedCrop for a whole batch.

    Area is uniform in `scale`, width / height log-uniform in `ratio`; of ten such boxes an image
    takes the first that it can hold, at a uniform place, and all of itself where none fits.

    Args:
        n: Number of images.
        shape: Their height and width in pixels.
        scale: Smallest and largest area as a fraction of the image's.
        ratio: Smallest and largest width / height.
        generator: On the CPU.

    Returns:
        int64, (n, 4), on the CPU: top, left, height, width.
    """
    size = torch.tensor(shape)
    draws = torch.rand(4, n, _ATTEMPTS, generator=generator, dtype=torch.float64)
    area = (scale[0] + (scale[1] - scale[0]) * draws[0]) * size.prod()
    low, high = math.log(ratio[0]), math.log(ratio[1])
    root = torch.exp((low + (high - low) * draws[1]) / 2.0)
    sides = torch.stack([area.sqrt() / root, area.sqrt() * root], dim=2).round().long()
    fits = ((sides >= 1) & (sides <= size)).all(dim=2)
    first = fits.long().argmax(dim=1)
    each = torch.arange(n)
    chosen = torch.where(fits.any(dim=1, keepdim=True), sides[each, first], size)
    corner = (draws[2:, :, 0].T * (size - chosen + 1)).long()
    return torch.cat([corner, chosen], dim=1)


def resized_crop(x: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut a box out of each image and resize it, bilinear with antialiasing.

    Interpolation is linear in the pixels and separable, so that a batch whose boxes all differ
    takes two matrix products.

    Args:
        x: Float, (N, channels, height, width).
        boxes: (N, 4): top, left, height, width in pixels, within the image; fractions count, and
            sides are at least one pixel.
        size: Height and width of the result.

    Returns:
        (N, channels, size, size), dtype and device of `x`.
    """
    boxes = upload(boxes, x.device)
    rows = _weights(boxes[:, 0], boxes[:, 2], x.shape[2], size).to(x.dtype)
    columns = _weights(boxes[:, 1], boxes[:, 3], x.shape[3], size).to(x.dtype)
    return rows[:, None] @ x @ columns[:, None].transpose(2, 3)


def _weights(start: Tensor, length: Tensor, pixels: int, size: int) -> Tensor:
    """What each of the `size` new pixels takes of the old ones, (N, size, pixels), rows sum to 1.

    A triangle as wide as a new pixel, or as an old one if those are larger, cut off at the box.
    """
    start, length = start[:, None, None].float(), length[:, None, None].float()
    step = length / size
    new = start + (torch.arange(size, device=start.device)[:, None] + 0.5) * step
    old = torch.arange(pixels, device=start.device) + 0.5
    weights = (1.0 - (old - new).abs() / step.clamp_min(1.0)).clamp_min(0.0)
    weights = weights * ((old > start) & (old < start + length))
    return weights / weights.sum(dim=2, keepdim=True)
