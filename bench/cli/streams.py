"""Standard output that outlives its reader and takes every character."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO


class Lasting(io.FileIO):
    """A descriptor that goes on as /dev/null once it cannot be written."""

    lost: OSError | None = None
    """Why, unless its reader has gone, as `head` does: that is no fault."""

    def write(self, content: bytes) -> int | None:  # type: ignore[override]
        """Write, or pretend to."""
        try:
            return super().write(content)
        except OSError as error:
            if error.errno != errno.EPIPE:
                self.lost = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(bytes(content))


def make_lasting() -> list[Lasting]:
    """Let a closed pipe, a full disk or an ascii terminal end no command that only prints there.

    Returns:
        The descriptors of standard output and error; none of those that are replaced already, or
        by a test.
    """
    found = []
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:  # closed by the shell: `>&-`
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", errors="backslashreplace"))
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError):
                stream.flush()
                raw = Lasting(stream.fileno(), "w", closefd=False)
                found.append(raw)
                setattr(sys, name, _text(raw, stream))
    return found


def _text(raw: Lasting, like: io.TextIOWrapper) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=like.encoding,
        errors="backslashreplace",
        line_buffering=like.line_buffering,
        write_through=like.write_through,
    )


def said(found: list[Lasting]) -> bool:
    """Whether all that was printed arrived, or its reader wanted no more; else says so."""
    for name in ("stdout", "stderr"):
        with contextlib.suppress(OSError, ValueError):
            getattr(sys, name).flush()
    lost = [raw.lost for raw in found if raw.lost]
    for error in lost:
        print(f"bench: output was lost: {error.strerror}", file=sys.stderr)
    return not lost
