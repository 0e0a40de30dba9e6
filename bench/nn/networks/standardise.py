"""Images brought to the mean and spread of a data set's channels, by the network itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """What each channel is less and divided by, or nothing; no weights, and none are stored.

    A network that does this takes pixels in 0..1 as any other does, so that views, borders and all
    that use its weights later need not know of it.

    Args:
        channels: The images' channels.
        mean: A number in 0..1 for each channel, or none.
        std: As many, > 0.

    Raises:
        ValueError: not one number of each for each channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.given = bool(mean or std)
        if self.given and not (len(mean) == len(std) == channels and min(std) > 0):
            raise ValueError(
                f"mean {list(mean)} and std {list(std)}: give each one number for each of "
                f"{channels} channels, std above 0, or neither"
            )
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        return (x - self.mean) / self.std if self.given else x
