"""Typed dataclasses from parsed TOML, with errors that name file, key and nearest match."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from bench.errors import BenchError, unknown

T = TypeVar("T")


def typed(cls: type[T], content: Mapping[str, Any], where: str) -> T:
    """A dataclass from parsed TOML, nested ones included.

    Args:
        cls: A dataclass whose fields are of plain types, tuples, dicts and dataclasses.
        content: The parsed table.
        where: File and place, for the error.

    Raises:
        BenchError: an unknown key (with the nearest one), a missing one, or a wrong type.
    """
    hints = get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            raise unknown("key", key, known, where=where)
        values[key] = _value(hints[key], value, f"{where}: {key}")
    for key, f in known.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and key not in values:
            raise BenchError(f"{where}: key '{key}' is missing")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    """One value of a dataclass's field, checked against its annotation."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise BenchError(f"{where} must be a list")
        return tuple(_value(inside[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise BenchError(f"{where} must be a table of key = value")
        return {k: _value(inside[1], v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise BenchError(f"{where} must be a table of key = value")
        return typed(hint, value, where)  # type: ignore[arg-type]
    wanted: tuple[type, ...] = inside if origin is UnionType else (hint,)
    if hint is Any or (isinstance(value, wanted) and not isinstance(value, bool)):
        return value
    if float in wanted and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise BenchError(f"{where} = {value!r} is no {getattr(hint, '__name__', hint)}")
