"""LeNet with batch-norm, the network of the studies of noisy pairs on MNIST."""

from __future__ import annotations

from torch import Tensor, nn

from bench.nn.networks.base import Network


class LeNet(Network, name="lenet"):
    """Two blocks of conv, batch-norm, ReLU, 2x2 max-pooling, then FC, batch-norm, ReLU, FC.

    Hsu, Lv, Kira, "Deep image category discovery using a transferred similarity function", 2016,
    section 4.2, with the sizes of the authors' released code.

    Args:
        channels: The images' channels.
        outputs: K.
        size: Height and width of the images, in pixels.
        kernel: Width of the convolutions, which take no border.
        widths: Channels of the blocks.
        hidden: Units of the layer before the last.

    Raises:
        ValueError: `size` leaves nothing after both blocks.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        size: int = 28,
        kernel: int = 5,
        widths: tuple[int, int] = (20, 50),
        hidden: int = 500,
    ) -> None:
        super().__init__()
        side, self.convs = size, nn.ModuleList()
        for width in widths:
            side = (side - kernel + 1) // 2
            conv, norm = nn.Conv2d(channels, width, kernel), nn.BatchNorm2d(width)
            # Pooling commutes with ReLU, and a quarter of the values is left to rectify.
            self.convs.append(nn.Sequential(conv, norm, nn.MaxPool2d(2), nn.ReLU()))
            channels = width
        if side < 1:
            raise ValueError(f"size = {size} is too small for two {kernel}x{kernel} convolutions")
        inputs = channels * side**2
        self.hidden = nn.Sequential(nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
        self.head = nn.Linear(hidden, outputs)

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Each block's map after its pooling, "conv1", "conv2", and "hidden"."""
        found: dict[str, Tensor] = {}
        for number, conv in enumerate(self.convs, start=1):
            x = found[f"conv{number}"] = conv(x)
        return found | {"hidden": self.hidden(x.flatten(1))}

    def features(self, x: Tensor) -> Tensor:
        """The hidden layer, (N, hidden), all >= 0."""
        return self.blocks(x)["hidden"]

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs)."""
        out: Tensor = self.head(self.features(x))
        return out
