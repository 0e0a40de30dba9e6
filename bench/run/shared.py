"""What several cells compute alike at every step, kept in a file that they share.

KCL and MCL, with K known and K = 100, see the same batches and crops with one seed, and so one
network labels the same pairs for all of them. The first cell writes these labels down, the others
read them. The file is no part of any result: what it holds follows from what a cell's key covers,
and whatever is missing, damaged or of other inputs is computed again.

A slot a step: the bits of a square matrix, and a digest over them, over what decides them and over
the very input of the step. A slot that is torn, by a killed process or by two that write at once,
fails its digest; two cells only ever write the same bytes there. So there are no locks.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_DIGEST = 16
_LARGEST = 64 * 2**20
"""Bytes of one file; later steps are computed."""
_TOTAL = 512 * 2**20
"""Bytes of all files, of which those unused for longest give way."""


class Shared:
    """A function of a step's input, a square bool matrix, computed once for all cells alike.

    Args:
        compute: From an input to a bool matrix, (n, n); called where no slot has it.
        side: The largest n.
        file: Where slots lie; None: nothing is shared.
        identity: All that decides the matrix beside the input, as text.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Tensor],
        side: int,
        file: Path | None = None,
        identity: str = "",
    ) -> None:
        self._compute, self._payload = compute, math.ceil(side**2 / 8)
        self._identity = identity.encode()
        self._file = -1 if file is None else _opened(file)

    def of(self, step: int, x: Tensor) -> Tensor:
        """The matrix of the input `x` at a step, counted from the first of the cell's training.

        Args:
            step: Names the slot; a wrong one costs time and nothing else.
            x: (n, …), n <= side.

        Returns:
            Bool, (n, n), on the device of `x`.
        """
        place = step * (self._payload + _DIGEST)
        if self._file < 0 or place + self._payload + _DIGEST > _LARGEST:
            return self._compute(x)
        about = hashlib.sha256(self._identity)
        about.update(x.detach().cpu().contiguous().numpy().data)
        found = self._read(place, about.digest(), len(x))
        if found is None:
            found = self._compute(x)
            self._write(place, about.digest(), found)
        return found.to(x.device)

    def _read(self, place: int, about: bytes, n: int) -> Tensor | None:
        """The matrix in a slot; None where it is not that of these inputs, whole."""
        try:
            slot = os.pread(self._file, self._payload + _DIGEST, place)
        except OSError:
            return None
        bits, digest = slot[: self._payload], slot[self._payload :]
        if len(slot) != self._payload + _DIGEST or digest != _digest(about, bits):
            return None
        flat = np.unpackbits(np.frombuffer(bits, np.uint8), count=n * n)
        return torch.from_numpy(flat.reshape(n, n)).bool()

    def _write(self, place: int, about: bytes, found: Tensor) -> None:
        """Fill a slot; where the disk is full it stays as it is."""
        bits = np.packbits(found.cpu().numpy()).tobytes().ljust(self._payload, b"\0")
        try:
            os.pwrite(self._file, bits + _digest(about, bits), place)
        except OSError:
            self._file = -1

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            os.close(self._file)


def _digest(about: bytes, bits: bytes) -> bytes:
    return hashlib.sha256(about + bits).digest()[:_DIGEST]


def _opened(file: Path) -> int:
    """A descriptor of the file, made where it is missing; -1 where it cannot be had."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_room(file)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.utime(file)
    except OSError:
        return -1
    return descriptor


def _make_room(file: Path) -> None:
    """Drop the files that were opened longest ago until the rest with a new one is in bounds."""
    others = [(p.stat().st_mtime_ns, p) for p in file.parent.glob("*.bits") if p != file]
    left = _TOTAL - _LARGEST
    for _, path in sorted(others, reverse=True):
        left -= path.stat().st_size
        if left < 0:
            path.unlink(missing_ok=True)
