"""Images of any size as a network of one size is given them."""

from __future__ import annotations

from typing import TypeGuard

from torch import Tensor, nn
from torch.nn import functional

from bench.nn.images.tensors import with_channels
from bench.nn.networks.from_timm import TimmNet
from bench.nn.networks.vit import ViT

CROP = 224 / 256
"""Side of the centre crop after resizing, as a fraction."""


def has_size(network: nn.Module) -> TypeGuard[TimmNet | ViT]:
    """Whether the network takes images of one size, which it names."""
    return isinstance(network, TimmNet | ViT)


def sized(x: Tensor, network: TimmNet | ViT, *, crop: bool = False, invert: bool = False) -> Tensor:
    """Images resized for a network, bicubic.

    Args:
        x: Float, (N, channels, height, width), in 0..1.
        network: Whose size and number of channels they get: a network gets as many channels as it
            has, grey images counting as three equal ones, colour becoming grey by its luma.
        crop: Resize to 256 / 224 of the network's size and take the middle.
        invert: Take the images' negatives.

    Returns:
        (N, 1 or 3, size, size), in 0..1 as pixels of a resized file would be.
    """
    size = network.size
    within = round(size / CROP) if crop else size
    x = 1.0 - x if invert else x
    x = functional.interpolate(x, (within, within), mode="bicubic", antialias=True)
    start = (within - size) // 2
    x = x[:, :, start : start + size, start : start + size].clamp(0.0, 1.0)
    return with_channels(x, network.channels) if isinstance(network, ViT) else x
