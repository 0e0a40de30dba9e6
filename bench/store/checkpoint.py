"""Nested state as one safetensors file: tensors, arrays, numbers and strings, never a pickle.

A checksum over all of it, and over whose state it is, lies in the file: what is damaged, or another
cell's, is not gone on from. A file from before there was one counts as damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.errors import BenchError
from bench.files import opened


def save(path: Path, state: Mapping[str, Any], *, of: str = "") -> None:
    """Write a state atomically: the file is the old one or the new one, never half of one.

    Args:
        path: The file.
        state: What to keep.
        of: Whose state it is, a cell's key say; only who says the same can load it.

    Raises:
        TypeError: a value is no tensor, array, number, string, bool, None, or nesting of these.
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = json.dumps(_flatten(state, tensors))
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    save_file(tensors, half, metadata={"state": plain, "sum": _sum(of, plain, tensors)})
    half.replace(path)


def load(path: Path, *, of: str = "") -> dict[str, Any]:
    """Read a state back: lists and tuples come as lists, keys that were numbers as numbers.

    Args:
        path: The file.
        of: Whose state it must be.

    Raises:
        BenchError: the file is damaged, somebody else's, or without a checksum.
    """
    try:
        opened(path).close()  # a pipe would block for ever
        with safe_open(path, framework="pt") as file:
            known = file.metadata()
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        if known["sum"] != _sum(of, known["state"], tensors):
            raise ValueError("its checksum is not that of this cell and its content")
        state: dict[str, Any] = _restore(json.loads(known["state"]), tensors)
    except KeyError as error:
        raise BenchError(f"{path}: damaged checkpoint (it has no {error})") from error
    except OSError as error:
        why = error.strerror or error
        raise BenchError(f"{path}: damaged checkpoint ({why})") from error
    except (SafetensorError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise BenchError(f"{path}: damaged checkpoint ({error})") from error
    return state


def discard(path: Path) -> None:
    """Take away whatever lies in a checkpoint's place, so that another can be written there."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _sum(of: str, plain: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of a state and of whose it is, in hexadecimal."""
    found = hashlib.sha256(json.dumps([of, plain]).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        found.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


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
