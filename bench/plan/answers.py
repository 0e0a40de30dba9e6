"""What a method and a device answer when a plan asks: their needs, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from bench.datasets import TaskSpec
from bench.errors import BenchError, Lack
from bench.files import aside
from bench.method_info import MethodInfo
from bench.tasks import Method, Need


def answer(built: Method, question: str, method: str, *arguments: Any) -> Any:
    """What a method answers; whatever it raises becomes one sentence."""
    try:
        with aside():
            return getattr(built, question)(*arguments)
    except Exception as error:
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        on = f" on {arguments[0].name}" if arguments else f": {question}()"
        raise BenchError(f"method '{method}'{on}: {said}") from error


def needs(built: Method, method: str, task: TaskSpec) -> Mapping[str, Need]:
    """What a method needs on a task."""
    found = answer(built, "needs", method, task.info())
    if not isinstance(found, Mapping) or not all(isinstance(n, Need) for n in found.values()):
        raise BenchError(
            f"method '{method}': needs() returns {found!r}, no mapping of role to Need"
        )
    return found


def refuses(info: MethodInfo, dtype: str) -> tuple[Lack, ...]:
    """Why a method does not compute in a type, () when it does."""
    if dtype in info.dtypes:
        return ()
    accepted = " or ".join(info.dtypes)
    return (Lack(f"method '{info.name}' computes in {accepted} alone, not in {dtype}"),)


@cache
def device_lacks(device: str) -> tuple[Lack, ...]:
    """Why cells cannot run on a device, () when they can."""
    if device == "cpu":
        return ()
    import torch

    # Asked of the driver, not of the runtime: a process that has touched CUDA cannot be forked.
    if torch.cuda.device_count():
        return ()
    return (Lack("no CUDA device here: choose the device cpu"),)
