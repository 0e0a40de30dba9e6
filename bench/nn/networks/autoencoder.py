"""The fully connected autoencoder of DEC."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from bench.nn.networks.base import Network


class AutoEncoder(Network, name="autoencoder"):
    """The fully connected autoencoder of DEC (Xie et al. 2016, section 4.3).

    d - widths[0] - ... - widths[-1] and back, ReLU everywhere but after the code and the
    reconstruction. Weights start from N(0, 0.01²), biases from 0.
    """

    def __init__(self, inputs: int, widths: Sequence[int], scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        sizes = [inputs, *widths]
        self.encoders = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        self.decoders = nn.ModuleList(map(nn.Linear, sizes[1:], sizes[:-1]))
        for layer in (*self.encoders, *self.decoders):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def scaled(self, x: Tensor) -> Tensor:
        """What is encoded and reconstructed: (N, inputs), pixels times `scale`."""
        return x.flatten(1) * self.scale

    def encode(self, depth: int, h: Tensor) -> Tensor:
        """One encoding layer: (N, sizes[depth]) -> (N, sizes[depth + 1])."""
        out: Tensor = self.encoders[depth](h)
        return out if depth == len(self.encoders) - 1 else out.relu()

    def decode(self, depth: int, h: Tensor) -> Tensor:
        """One decoding layer: (N, sizes[depth + 1]) -> (N, sizes[depth])."""
        out: Tensor = self.decoders[depth](h)
        return out if depth == 0 else out.relu()

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Each encoding layer, the code last: "layer1", "layer2", ... -> (N, width)."""
        h, out = self.scaled(x), {}
        for depth in range(len(self.encoders)):
            h = out[f"layer{depth + 1}"] = self.encode(depth, h)
        return out

    def features(self, x: Tensor) -> Tensor:
        """The code, (N, widths[-1])."""
        *_, code = self.blocks(x).values()
        return code

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction of `scaled(x)`, (N, inputs)."""
        h = self.features(x)
        for depth in reversed(range(len(self.decoders))):
            h = self.decode(depth, h)
        return h
