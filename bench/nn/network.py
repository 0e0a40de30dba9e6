"""What any network gives to methods and probes."""

from __future__ import annotations

from torch import Tensor, nn


class Network(nn.Module):
    """What methods and probes may ask of any network; images are float32 in 0..1, NCHW."""

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Name of a block -> its output, (N, C, h, w) or (N, D), first block first."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """The representation that is clustered: (N, D)."""
        raise NotImplementedError
