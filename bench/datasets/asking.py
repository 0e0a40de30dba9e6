"""Calls of code that may be a plug-in's, whose errors become sentences."""

from __future__ import annotations

import contextlib
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from bench import module_text
from bench.errors import BenchError

_PACKAGE = Path(__file__).parents[1]
_STANDARD = Path(sysconfig.get_path("stdlib"))


@contextlib.contextmanager
def asking(dataset: str, whom: object, what: str = "") -> Iterator[None]:
    """Around code of a data set's source: whatever it raises becomes one sentence.

    Args:
        dataset: Its name.
        whom: A source, or a function.
        what: Which function of a source.

    Raises:
        BenchError: as it was raised, or one that names data set, function, file and line.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        asked = ".".join(filter(None, (called(whom), what)))
        frames = traceback.extract_tb(error.__traceback__)
        # The author's last line, rather than one of a library that it calls.
        at = next((f for f in reversed(frames) if _of_author(Path(f.filename))), frames[-1])
        said = f"{type(error).__name__}: {error}".strip(": ").replace("\n", " ")
        raise BenchError(
            f"dataset '{dataset}': {asked} failed at {at.filename}:{at.lineno} ({said})"
        ) from error


def called(whom: object) -> str:
    """The name of a function, or of an object's class."""
    return str(getattr(whom, "__qualname__", type(whom).__qualname__))


def _of_author(file: Path) -> bool:
    """Whether a file is neither the project's nor of a library."""
    ours = file.is_relative_to(_PACKAGE) or file.is_relative_to(_STANDARD)
    return file.is_file() and not ours and not module_text.installed(file)
