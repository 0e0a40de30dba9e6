"""What any network gives to methods and probes."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

KNOWN: dict[str, type[Network]] = {}
"""Name in a description -> the network; each enters itself where it is defined."""


class Network(nn.Module):
    """What methods and probes may ask of any network; images are float32 in 0..1, NCHW."""

    def __init_subclass__(cls, *, name: str = "", **others: Any) -> None:
        """Enter a network under the name that descriptions have.

        Raises:
            ValueError: a class that is called otherwise has that name.
        """
        super().__init_subclass__(**others)
        if name and name in KNOWN and KNOWN[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"network '{name}' is already {KNOWN[name].__qualname__}")
        if name:
            KNOWN[name] = cls

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Name of a block -> its output, (N, C, h, w) or (N, D), first block first."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """The representation that is clustered: (N, D)."""
        raise NotImplementedError
