"""What the name and the parameters of a method must be, said when it is registered."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bench.errors import BenchError, unknown

_NAME = re.compile(r"\w[\w.+()=-]*(?: [\w.+()=-]+)*")
"""A method's name: its results' folder is called so, and `--methods` lists it between commas."""
_LONGEST_NAME = 100
"""Bytes of it; file systems take 255."""

_ABOVE_ZERO = (
    "batch_size", "classes_per_batch", "clip", "crops", "decay_every", "halve_every",
    "images_per_class", "inverse_penalty", "k", "learning_rate", "max_norm", "n_init",
    "neighbours", "refresh", "sharpness", "sigma", "std", "student_temperature", "temperature",
    "warmup_learning_rate", "width",
)  # fmt: skip
_SHARES = ("centre_momentum", "momentum", "teacher_momentum")
_BELOW_ONE = ("dropout", "ensemble")
_FROM_ZERO = (
    "alpha", "balance_weight", "batch", "binary_weight", "bottleneck", "colour", "consistency",
    "entropy_weight", "epochs", "finetune_iterations", "grey", "iterations", "jitter",
    "layer_iterations", "limit",
    "margin", "max_epochs", "max_iter", "memory", "patch", "rampup", "relabellings", "scale",
    "shift", "source_weight", "tolerance", "warmup", "warmup_epochs", "weight_decay",
    "weights_rate",
)  # fmt: skip
"""Names that mean the same in all methods, by the numbers that they can be."""


def refuse_out_of_range(name: str, value: Any, where: str) -> None:
    """Raise a BenchError where a parameter of one of the common names cannot be such a number."""
    if type(value) not in (int, float):
        return
    if not math.isfinite(value):
        raise BenchError(f"{where} = {value} is no finite number")
    if name in _SHARES and not 0 <= value <= 1:
        raise BenchError(f"{where} = {value} must be in 0..1")
    if name in _BELOW_ONE and not 0 <= value < 1:
        raise BenchError(f"{where} = {value} must be 0 or more and below 1")
    if name in _ABOVE_ZERO and value <= 0:
        raise BenchError(f"{where} = {value} must be above 0")
    if name in _FROM_ZERO and value < 0:
        raise BenchError(f"{where} = {value} must be 0 or more")


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


def refuse_signature(fit: Callable[..., Any], where: str) -> None:
    """Raise a BenchError where `fit` cannot be called with a task and a run."""
    try:
        taken = inspect.signature(fit)
    except (TypeError, ValueError):  # of a function that is not Python's own
        return
    try:
        taken.bind("self", "task", "run")
    except TypeError:
        raise BenchError(f"{where}: fit{taken} must take (self, task, run)") from None


def refuse_below(least: int, one: Any, *names: str) -> None:
    """Raise a ValueError that names the first of a method's parameters that is less than this."""
    for name in names:
        if getattr(one, name) < least:
            raise ValueError(f"{name} = {getattr(one, name)} must be at least {least}")


def refuse_overridden(one: Any, recipe: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse values that a recipe would override unseen.

    Args:
        one: A method, a dataclass.
        recipe: Data set -> parameter -> the recipe's value.

    Raises:
        ValueError: a parameter that the recipe decides was given another value than its default.
    """
    decided = {name for own in recipe.values() for name in own}
    given = [
        f.name
        for f in dataclasses.fields(one)
        if f.name in decided and getattr(one, f.name) != f.default
    ]
    if given:
        raise ValueError(f"the recipe decides {', '.join(given)}: give them with recipe = 'own'")


def of_data(recipe: Mapping[str, Mapping[str, Any]], task: str) -> dict[str, Any]:
    """What a recipe, as `refuse_overridden` takes it, has for the data set of a task's name."""
    return dict(recipe.get(task.split("/", maxsplit=1)[0], {}))


def _plain(value: Any) -> bool:
    """Whether a value can stand in JSON as what it is."""
    if isinstance(value, tuple):
        return all(map(_plain, value))
    return value is None or type(value) in (bool, int, float, str)
