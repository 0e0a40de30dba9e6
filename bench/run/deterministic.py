"""The same cell, the same bytes on a GPU too, which has to be told to add in one order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.backends import cuda, cudnn
from torch.utils import deterministic as memory

_SWITCHES: tuple[tuple[Callable[[], Any], Callable[[Any], None], Any], ...] = (
    # Not `use_deterministic_algorithms`, which imports the compiler for two seconds.
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, "warn"),
    # The gradients of quicker forms of attention come in any order.
    (cuda.flash_sdp_enabled, cuda.enable_flash_sdp, False),
    (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp, False),
    (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp, False),
)
"""How a setting is read and changed, and what it is to be."""
_VALUES: tuple[tuple[Any, str, Any], ...] = (
    # Else all memory that is taken is written first, by more kernels than a small network has.
    (memory, "fill_uninitialized_memory", False),
    (cudnn, "benchmark", False),
    (cudnn, "allow_tf32", False),
)
"""Where a setting is kept, its name, and what it is to be."""


def begin() -> None:
    """Make this process's work on a GPU the same each time."""
    for _, change, value in _SWITCHES:
        change(value)
    for place, name, value in _VALUES:
        setattr(place, name, value)


@contextlib.contextmanager
def meanwhile() -> Iterator[None]:
    """`begin`, and this process's own settings afterwards."""
    switches = [read() for read, _, _ in _SWITCHES]
    values = [getattr(place, name) for place, name, _ in _VALUES]
    begin()
    try:
        yield
    finally:
        for (_, change, _), value in zip(_SWITCHES, switches, strict=True):
            change(value)
        for (place, name, _), value in zip(_VALUES, values, strict=True):
            setattr(place, name, value)
