"""Typed dataclasses from parsed TOML, with errors that name file, key and nearest match."""

from __future__ import annotations

import contextlib
import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from bench.errors import BenchError, unknown

T = TypeVar("T")
_WORDS: dict[type, str] = {
    int: "whole number",
    float: "number",
    bool: "truth value (true, false)",
    str: "text",
    Sequence: "list",
}

_MOST_BITS = 1024
"""Of a whole number: of larger ones there is no float, and Python prints not all of them."""


def parsed(text: str) -> dict[str, Any]:
    """What a text in TOML holds.

    Raises:
        ValueError: it is none, goes too deep, or holds a number that is too large; says where.
    """
    endless = ValueError("it holds a whole number of more than 300 digits")
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise ValueError("its lists or tables lie too deep in one another") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # by Python itself where it has thousands of digits
        raise endless from None
    within: list[Any] = [content]
    while within:
        value = within.pop()
        if isinstance(value, dict | list):
            within += value.values() if isinstance(value, dict) else value
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise endless
    return content


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
        values[key] = checked(hints[key], value, f"{where}: {key}")
    for key, f in known.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and key not in values:
            raise BenchError(f"{where}: key '{key}' is missing")
    return cls(**values)


def checked(hint: Any, value: Any, where: str) -> Any:
    """A value from TOML as a field's annotation wants it.

    Lists become tuples and whole numbers floats where the field is of that type; a dataclass that
    is one already stays.

    Raises:
        BenchError: the value is of another type, or none of a `Literal`'s.
    """
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        for one in inside:
            with contextlib.suppress(BenchError):
                return checked(one, value, where)
        raise BenchError(f"{where} = {value!r} is no {hint}")
    if origin is Literal:
        if value not in inside:
            raise BenchError(f"{where} = {value!r} is none of {', '.join(map(repr, inside))}")
        return value
    if dataclasses.is_dataclass(hint) and isinstance(value, hint):  # type: ignore[arg-type]
        return value
    if origin in (tuple, dict) or dataclasses.is_dataclass(hint):
        return _container(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    # In Python a bool is an int; in a TOML file that is a slip.
    wanted = origin or hint
    if hint is Any or (isinstance(value, wanted) and (wanted is bool or type(value) is not bool)):
        return value
    raise BenchError(f"{where} = {value!r} is no {_WORDS.get(wanted, wanted.__name__)}")


def _container(hint: Any, value: Any, where: str) -> Any:
    """A tuple, dict or dataclass with each of its values checked."""
    inside = get_args(hint)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            tables = get_origin(inside[0]) is dict or dataclasses.is_dataclass(inside[0])
            one = isinstance(value, dict) and tables
            written = f" of tables: write [[{where.rpartition(' ')[2]}]]" if one else ""
            raise BenchError(f"{where} must be a list{written}")
        return tuple(checked(inside[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if not isinstance(value, dict):
        raise BenchError(f"{where} must be a table of key = value")
    if get_origin(hint) is dict:
        return {k: checked(inside[1], v, f"{where}.{k}") for k, v in value.items()}
    return typed(hint, value, where)
