"""Random colours of a whole batch: torchvision's ColorJitter and RandomGrayscale, image by image.

They are the augmentation of SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020, appendix A.1) and of the
instance methods before it. Grey images have no saturation and hue; the other two apply to them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_GREY = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in an image's lightness, as torchvision has them."""


def jitter(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast, saturation and hue of each image, in an order of its own.

    The first three are multiplied by a factor in 1 - strength..1 + strength; hue is turned by up
    to `strength` of the colour circle.

    Args:
        x: Float, (N, 3 or 1, height, width), in 0..1.
        strength: 0..0.5; 0 gives `x` back.
        generator: On the CPU, whatever the device of `x`, so that devices draw alike.

    Returns:
        The shape, dtype and device of `x`, in 0..1.

    Raises:
        ValueError: `strength` is out of its range.
    """
    if not 0 <= strength <= 0.5:
        raise ValueError(f"strength = {strength} must lie in 0..0.5: hue turns by half a circle")
    if strength == 0:
        return x
    changes: list[Callable[[Tensor, Tensor], Tensor]] = [brightness, contrast]
    changes += [saturation, hue] if x.shape[1] == 3 else []
    draws = strength * (2.0 * torch.rand(len(x), 4, generator=generator) - 1.0)
    order = torch.rand(len(x), len(changes), generator=generator).argsort(dim=1)
    x, draws = x.clone(), draws.to(x.device, x.dtype)
    for turn in order.T:
        for number, change in enumerate(changes):
            rows = (turn == number).nonzero().flatten().to(x.device)
            amount = draws[rows, number, None, None, None]
            x[rows] = change(x[rows], amount if number == 3 else 1.0 + amount)
    return x


def greyed(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Take the colour from each image with a probability; its three channels become equal.

    Args:
        x: Float, (N, 3 or 1, height, width).
        share: The probability, 0..1.
        generator: On the CPU.
    """
    if share == 0 or x.shape[1] != 3:
        return x
    chosen = torch.rand(len(x), 1, 1, 1, generator=generator).to(x.device) < share
    return torch.where(chosen, lightness(x).expand_as(x), x)


def lightness(x: Tensor) -> Tensor:
    """(N, 3 or 1, h, w) -> (N, 1, h, w)."""
    if x.shape[1] == 1:
        return x
    weights = torch.tensor(_GREY, dtype=x.dtype, device=x.device)
    return (x * weights[:, None, None]).sum(dim=1, keepdim=True)


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Towards black, or away from it; `factor` is (N, 1, 1, 1) here and below."""
    return (x * factor).clamp(0.0, 1.0)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Towards the image's mean lightness, or away from it."""
    mean = lightness(x).mean(dim=(1, 2, 3), keepdim=True)
    return (factor * x + (1.0 - factor) * mean).clamp(0.0, 1.0)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Towards each pixel's lightness, or away from it."""
    return (factor * x + (1.0 - factor) * lightness(x)).clamp(0.0, 1.0)


def hue(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the colours by a part of the circle, value and saturation of the HSV model kept."""
    value, chroma = x.amax(dim=1), x.amax(dim=1) - x.amin(dim=1)
    red, green, blue = x.unbind(dim=1)
    scale = torch.where(chroma > 0, chroma, 1.0)
    sixth = torch.where(
        value == red,
        (green - blue) / scale,
        torch.where(value == green, 2.0 + (blue - red) / scale, 4.0 + (red - green) / scale),
    )
    sixth = sixth + 6.0 * turn[:, 0]
    channels = []
    for offset in (5.0, 3.0, 1.0):
        k = (sixth + offset) % 6.0
        channels.append(value - chroma * torch.minimum(k, 4.0 - k).clamp(0.0, 1.0))
    return torch.stack(channels, dim=1).clamp(0.0, 1.0)
