"""Nested state as one safetensors file: tensors, arrays, numbers and strings, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.errors import BenchError


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state atomically: the file is the old one or the new one, never half of one.

    Raises:
        TypeError: a value is no tensor, array, number, string, bool, None, or nesting of these.
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = _flatten(state, tensors)
    half = path.with_suffix(".half")
    save_file(tensors, half, metadata={"state": json.dumps(plain)})
    half.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a state back: lists and tuples come as lists, keys that were numbers as numbers.

    Raises:
        BenchError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plain = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{path}: damaged checkpoint ({error}); delete it") from error
    state: dict[str, Any] = _restore(plain, tensors)
    return state


def _flatten(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The JSON skeleton of a value; its tensors go to `tensors` under running numbers."""
    if isinstance(value, torch.Tensor | np.ndarray):
        name = f"t{len(tensors)}"
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        tensor = value if isinstance(value, torch.Tensor) else torch.tensor(value)
        # A clone: safetensors refuses two tensors that share memory, and views.
        tensors[name] = tensor.detach().clone().contiguous()
        return {kind: name}
    if isinstance(value, Mapping):
        return {"map": [[key, _flatten(v, tensors)] for key, v in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_flatten(v, tensors) for v in value]}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return {"is": value}
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _restore(plain: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The inverse of `_flatten`."""
    ((kind, value),) = plain.items()
    if kind == "map":
        return {key: _restore(v, tensors) for key, v in value}
    if kind == "list":
        return [_restore(v, tensors) for v in value]
    if kind == "array":
        return tensors[value].numpy()
    return tensors[value] if kind == "tensor" else value
