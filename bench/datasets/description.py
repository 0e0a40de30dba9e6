"""A hash of how images are read: what a declaration says, and the code that is not the project's.

Of the project's own classes and functions the names count, of a plug-in's the text of their module
and of what it imports, as `bench.module_text` reads it. Code without a file, such as a notebook's,
counts by its names alone.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench import module_text

_HELD: Mapping[type, tuple[str, ...]] = {
    functools.partial: ("func", "args", "keywords"),
    types.MethodType: ("__func__", "__self__"),
    re.Pattern: ("pattern", "flags"),
}
"""What an object holds that has no `__dict__` to tell it."""


def of_values(values: Mapping[str, Any]) -> str:
    """Thirty-two hexadecimal digits, the same in every process.

    Args:
        values: Name -> plain data, containers, objects, classes and functions, nested in any way.
    """
    modules: set[str] = set()
    said = json.dumps(_plain(values, modules, ()))
    own = module_text.reached(filter(module_text.helps, sorted(modules)), ("bench_",))
    return hashlib.sha256(f"{said} {module_text.digest(own)}".encode()).hexdigest()[:32]


def _plain(value: Any, modules: set[str], above: tuple[int, ...]) -> Any:
    """The same as lists and texts; the modules of classes and functions are added to `modules`."""
    if value is None or isinstance(value, bool | int | float | str | bytes | Path | np.generic):
        return repr(value)
    if id(value) in above:
        return "itself"
    inner = functools.partial(_plain, modules=modules, above=(*above, id(value)))
    if isinstance(value, list | tuple | Mapping):
        inside = value.items() if isinstance(value, Mapping) else value
        return [inner(one) for one in inside]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(inner(one)) for one in value)
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return _named(value, inner, modules)
    return [_named(type(value), inner, modules), *map(inner, _parts(value, modules))]


def _named(value: Any, inner: Any, modules: set[str]) -> Any:
    """The name of a class or function; of a function also the values that it was made with."""
    module = str(value.__module__)
    modules.add(module)
    name = f"{module}.{value.__qualname__}"
    if not isinstance(value, types.FunctionType):
        return name
    cells = [_content(cell) for cell in value.__closure__ or ()]
    made_with = (value.__defaults__, value.__kwdefaults__, cells)
    return [name, *map(inner, made_with)] if any(made_with) else name


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _parts(value: object, modules: set[str]) -> list[Any]:
    """What an object holds."""
    if isinstance(value, np.ndarray):
        held = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), value.shape, held]
    if isinstance(value, types.ModuleType):
        modules.add(value.__name__)
        return [value.__name__]
    for kind, names in _HELD.items():
        if isinstance(value, kind):
            return [getattr(value, name) for name in names]
    if dataclasses.is_dataclass(value):  # which may keep what it has read in others
        return [{f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}]
    return [dict(getattr(value, "__dict__", {}))]
