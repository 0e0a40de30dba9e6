"""Random views of photographs: SeLa's augmentation, and that of what is compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.nn.images.colour import greyed, jitter
from bench.nn.images.tensors import flip, to_tensor
from bench.nn.images.views import Views

PLAIN: dict[str, Any] = {
    "size": 0,
    "mean": 0.5,
    "std": 0.5,
    "mirror": False,
    "colour": 0.0,
    "grey": 0.0,
}
"""Parameters for small grey images: crops of their own size, neither flips nor colours."""


@dataclass(frozen=True)
class Augmentation:
    """Flips, random colours and a random crop, normalised (SeLa, ICLR 2020, appendix A.1).

    Methods inherit these parameters in place of nesting them: a cell's key holds them by their
    own names.
    """

    crop_scale: tuple[float, float] = (0.2, 1.0)
    """Area of the random crops as a fraction of the image's."""
    size: int = 224
    """Height and width that crops are resized to; 0: the images' own."""
    mean: float = 0.473
    """Mean of CIFAR-10's pixels; the released script subtracts it channel by channel."""
    std: float = 0.201
    """Deviation of CIFAR-10's pixels."""
    mirror: bool = True
    """Random flips from left to right."""
    colour: float = 0.4
    """Strength of `bench.nn.images.colour.jitter`."""
    grey: float = 0.2
    """Share of the images that lose their colour."""

    def crops(self, images: npt.NDArray[np.uint8]) -> Views:
        """The last step, for images of (N, height, width, channels): a crop, normalised."""
        size = self.size or min(images.shape[1:3])
        return Views(size, False, self.mean, self.std, self.crop_scale)

    def view(
        self,
        images: npt.NDArray[np.uint8],
        crops: Views,
        device: str,
        generator: torch.Generator,
    ) -> Tensor:
        """A random view of each image.

        Args:
            images: uint8, (n, height, width, channels).
            crops: From `crops`.
            device: Where the views are made.
            generator: On the CPU.

        Returns:
            float32, (n, channels, size, size).
        """
        x = to_tensor(images, device)
        x = flip(x, generator) if self.mirror else x
        x = greyed(jitter(x, self.colour, generator), self.grey, generator)
        return crops.augmented(x, generator)
