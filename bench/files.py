"""Files that are written whole or not at all, and read only where they are plain."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from bench.errors import BenchError


def safe(name: str) -> str:
    """A name of a file with nothing in it that some system does not take, nor too long for it."""
    found = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-")
    if len(found) <= _LONGEST:
        return found
    return f"{found[: _LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


_LONGEST = 160
"""Characters; file systems take 255 with all that is set before and after."""


def aside() -> contextlib.redirect_stdout[TextIO]:
    """What code of somebody's prints meanwhile goes to standard error, not into our output."""
    return contextlib.redirect_stdout(sys.stderr)


def printable(text: str, *, lines: bool = False) -> str:
    """A text that is safe on a terminal: what would move its cursor or hide is shown as a number.

    Args:
        text: Of whatever source.
        lines: Leave line breaks and tabs as they are.
    """

    def shown(match: re.Match[str]) -> str:
        code = ord(match[0])
        if lines and match[0] in "\n\t":
            return match[0]
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

    return _UNPRINTABLE.sub(shown, text)


_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Controls of a terminal and of the direction of writing, and halves of characters."""


def opened(path: Path) -> io.BufferedReader:
    """A plain file to read; a link is not followed, and nothing that is no file can block.

    Raises:
        OSError: it is not there, cannot be read, or is a link, a folder, a pipe, …
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "a link, no plain file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no plain file", str(path))
    return open(descriptor, "rb")  # noqa: PTH123 - of a descriptor, for the caller to close


def content(path: Path, most: int) -> bytes:
    """The bytes of a plain file.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        OSError: as `opened`, or it is longer.
    """
    with opened(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, f"more than {most} bytes", str(path))
    return found


def digest(path: Path) -> str:
    """SHA-256 of a plain file, in hexadecimal.

    Raises:
        OSError: as `opened`.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace(path: Path, content: bytes) -> Path:
    """Write a file beside its place and rename it into it, so that no half file is ever seen.

    Raises:
        BenchError: the folder cannot be made or written.
    """
    with replacing(path) as file:
        file.write(content)
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[io.BufferedWriter]:
    """A file to write bit by bit, which gets to its place when the block ends well.

    Raises:
        BenchError: the folder cannot be made or written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        try:
            with beside.open("xb") as file:  # "x": a link that lies there is not followed
                yield file
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror or error}") from error
