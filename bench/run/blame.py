"""Whose fault an error in a worker is: the method's, the memory limit's, or the machine's."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError

from bench.errors import NonFiniteError
from bench.score import scores
from bench.store.record import Failure

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_WORDS = ("No space left on device", "Disk quota exceeded")
"""Of libraries that raise errors of their own."""
_ROOM = 2**16
"""Bytes; with less, a file system is full."""


class MachineError(Exception):
    """No cell can be computed here as things are: why, and what to do, in one sentence."""


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Around what the harness writes: an error of the file system there is no method's.

    Raises:
        MachineError: there was one.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        if isinstance(error, SafetensorError) and "os error" not in str(error):
            raise  # the method's: tensors that no file can hold
        why = f"results folder cannot be written ({error}); choose another with --results"
        raise MachineError(_full_words(error) or why) from error


def of_machine(error: BaseException, folder: Path) -> str:
    """What is wrong with the machine, in words; "" where the error is the method's.

    Args:
        error: With those that led to it.
        folder: Where the cell's files lie.
    """
    for one in _chain(error):
        if words := str(one) if isinstance(one, MachineError) else _full_words(one):
            return words
    for place in (folder, Path(tempfile.gettempdir())):
        if _full(place):  # and what was written to it gave an error that says nothing of that
            return (
                f"the disk of {place} is full: make room and start again, finished cells are kept"
            )
    return ""


def of_method(error: BaseException) -> tuple[Failure, str]:
    """The name of a failure, and one line on it."""
    first = (str(error) or type(error).__name__).strip().split("\n", 1)[0]
    if isinstance(error, NonFiniteError):
        return "non-finite", first
    if isinstance(error, scores.InvalidPrediction):
        return "invalid prediction", first
    memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    memory |= "can't allocate memory" in str(error)
    return "out of memory" if memory else "exception", f"{type(error).__name__}: {first}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it was raised from or while they were handled."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [one.__context__, one.__cause__]


def _full_words(error: BaseException) -> str:
    """That a disk is full, if an error says so."""
    full = isinstance(error, OSError) and error.errno in _FULL
    if full or any(words in str(error) for words in _FULL_WORDS):
        return f"a disk is full ({error}): make room and start again, finished cells are kept"
    return ""


def _full(folder: Path) -> bool:
    """Whether nothing more can be written to a folder's file system."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems count no files, and say 0 of 0.
    return status.f_bavail * status.f_frsize < _ROOM or (status.f_files > 0 == status.f_favail)
