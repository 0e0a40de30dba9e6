"""The VGG that DTC and SUPREME start from on CIFAR-100."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from bench.nn.networks.convnet import ConvNet
from bench.nn.networks.standardise import Standardise


class VGG(ConvNet, name="vgg"):
    """Five convolutions and a linear layer, "5+1".

    After Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
    recognition", ICLR 2015, as DTC (Han, Vedaldi, Zisserman, ICCV 2019) has it for CIFAR-100.
    Its blocks are those of `ConvNet`, the last of them pooled as well: an image of 32x32 ends in
    one position, those of a larger one are averaged.

    Args:
        channels: The images' channels.
        outputs: K.
        widths: Output channels of the blocks, each of which halves height and width.
        mean: Subtracted from each channel, in 0..1; none: images stay as they are.
        std: What each channel is divided by after that.

    Raises:
        ValueError: not as many numbers as channels.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        *,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
    ) -> None:
        super().__init__(channels, outputs, widths)
        self.standardise = Standardise(channels, mean, std)
        self.head = nn.Linear(widths[-1], outputs)

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Each block's map before its pooling: "conv1", "conv2", ... -> (N, width, h, w).

        Raises:
            ValueError: the images are smaller than can be halved in every block.
        """
        count, (height, width) = len(self.convs), x.shape[2:]
        if min(height, width) < 2**count:
            raise ValueError(
                f"network 'vgg' with {count} widths takes images of {2**count}x{2**count} or "
                f"more, not {height}x{width}: give it fewer widths"
            )
        return super().blocks(self.standardise(x))

    def features(self, x: Tensor) -> Tensor:
        """(N, widths[-1]), all >= 0."""
        *_, last = self.blocks(x).values()
        return functional.max_pool2d(last, 2).mean(dim=(2, 3))
