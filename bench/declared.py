"""What the name and the parameters of a method must be, said when it is registered."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from bench.errors import BenchError, unknown

_NAME = re.compile(r"\w[\w.+()=-]*(?: [\w.+()=-]+)*")
"""A method's name: its results' folder is called so, and `--methods` lists it between commas."""
_LONGEST_NAME = 100
"""Bytes of it; file systems take 255."""


def refuse_name(name: object, where: str) -> None:
    """Raise a BenchError where no folder of results can be called after a method."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BenchError(
            f"{where}: a name begins with a letter or digit and goes on with such, single spaces "
            "and any of .+()=_-"
        )
    if len(name.encode()) > _LONGEST_NAME:
        raise BenchError(f"{where}: the name is longer than {_LONGEST_NAME} bytes")


def refuse_fields(cls: type[Any], named: Iterable[str], where: str) -> None:
    """Raise a BenchError where a parameter has no default, or one that no key can hold.

    Args:
        cls: A dataclass.
        named: Parameters that the declaration speaks of beside, which the class must have.
        where: What to call the method in errors.
    """
    fields = dataclasses.fields(cls)
    for f in fields:
        if f.default is dataclasses.MISSING:
            raise BenchError(f"{where}: parameter '{f.name}' needs a default, the paper's value")
        if not _plain(f.default):
            raise BenchError(
                f"{where}: parameter '{f.name}' = {f.default!r} is no number, text, truth value, "
                "None or tuple of these, which alone can stand in a key: write it as text"
            )
    for key in named:
        if key not in {f.name for f in fields}:
            raise unknown("parameter", key, (f.name for f in fields), where=where)


def _plain(value: Any) -> bool:
    """Whether a value can stand in JSON as what it is."""
    if isinstance(value, tuple):
        return all(map(_plain, value))
    return value is None or type(value) in (bool, int, float, str)
