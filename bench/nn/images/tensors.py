"""Images as tensors, and augmentation of a whole batch at once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from bench.errors import NotImages


def to_tensor(images: npt.NDArray[np.uint8], device: str | torch.device = "cpu") -> Tensor:
    """Pixels for a network.

    Args:
        images: uint8, (N, height, width, channels).
        device: Where the tensor goes; bytes travel, floats are made there.

    Returns:
        float32, (N, channels, height, width), values in 0..1, channels last in memory.

    Raises:
        NotImages: another dtype or number of dimensions.
    """
    if images.dtype != np.uint8 or images.ndim != 4:
        raise NotImages(
            f"images are {images.dtype} of shape {images.shape}, "
            "not uint8 of shape (N, height, width, channels)"
        )
    pixels = upload(torch.from_numpy(np.array(images)), device)
    return pixels.permute(0, 3, 1, 2).float().div_(255.0)


def with_channels(x: Tensor, channels: int) -> Tensor:
    """Images with as many channels as a network, or the images of another domain, have.

    Args:
        x: Float, (N, 1 or 3, height, width).
        channels: 1: the luma of ITU-R BT.601, .299 R + .587 G + .114 B; 3: grey three times.

    Raises:
        ValueError: neither is one of the two.
    """
    if x.shape[1] == channels:
        return x
    if {x.shape[1], channels} != {1, 3}:
        raise ValueError(f"images have {x.shape[1]} channels, wanted are {channels}: not 1 and 3")
    if channels == 3:
        return x.expand(-1, 3, -1, -1)
    luma = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype, device=x.device)
    return (x * luma[:, None, None]).sum(dim=1, keepdim=True)


def upload(x: Tensor, device: str | torch.device) -> Tensor:
    """A tensor of the CPU on a device; a GPU's work that was asked for before is not waited for."""
    if torch.device(device).type != "cuda" or x.device.type != "cpu":
        return x.to(device)
    return x.contiguous().pin_memory().to(device, non_blocking=True)


def translate(
    x: Tensor,
    max_shift: int,
    generator: torch.Generator,
    fill: Literal["zero", "reflect"] = "zero",
) -> Tensor:
    """Shift each image by its own whole number of pixels, uniform in -max_shift..max_shift.

    Args:
        x: (N, channels, height, width).
        max_shift: In pixels, for both axes; below the image's sides when `fill` reflects.
        generator: On the CPU, whatever the device of `x`, so that devices shift alike.
        fill: What enters at the border: zeros, or the image mirrored at its edge.

    Returns:
        The shape, dtype and device of `x`, channels last in memory.
    """
    if max_shift == 0:
        return x
    n, _, height, width = x.shape
    mode = "reflect" if fill == "reflect" else "constant"
    padded = functional.pad(x, (max_shift,) * 4, mode=mode)
    shifts = torch.randint(0, 2 * max_shift + 1, (2, n, 1), generator=generator)
    rows = upload(shifts[0] + torch.arange(height), x.device)
    columns = upload(shifts[1] + torch.arange(width), x.device)
    image = torch.arange(n, device=x.device)
    # Indices on both sides of the channel slice put the channels last: (N, height, width, C).
    moved = padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability 1/2.

    Args:
        x: (N, channels, height, width).
        generator: On the CPU.
    """
    mirrored = upload(torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5, x.device)
    return torch.where(mirrored, x.flip(3), x)
