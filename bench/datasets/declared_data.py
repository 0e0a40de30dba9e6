"""What the declaration of a data set must hold, and what its source must give back.

Said when it is registered or read, where it would otherwise be an exception in a later place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench import declared
from bench.errors import BenchError

_EXAMPLE = '{"train": 600, "test": 100}, 0 where a number is not known, {"all": 0} without splits'


def refuse_unfit(dataset: Any) -> None:
    """Raise a BenchError that names data set and field, where a field is not what it must be.

    Args:
        dataset: What was given as a `bench.datasets.Dataset`, of fields of any type.
    """
    where = f"dataset {getattr(dataset, 'name', dataset)!r:.120}"
    declared.refuse_name(getattr(dataset, "name", None), where)
    for field, (fits, wanted) in _FIELDS.items():
        value = getattr(dataset, field)
        if not fits(value):
            raise BenchError(f"{where}: {field} = {value!r:.120} must be {wanted}")
    for source in dataset.sources:
        for function in ("splits", "read"):
            if isinstance(source, type) or not callable(getattr(source, function, None)):
                hint = ", call it" if isinstance(source, type) else f", it has no {function}()"
                raise BenchError(f"{where}: sources hold {source!r:.120}, which is no source{hint}")


def refuse_other(raw: Any, wanted: type, giver: str) -> None:
    """Raise a BenchError where a source, or `complete`, gave back something else.

    Args:
        raw: What came back.
        wanted: `bench.datasets.Raw`.
        giver: What to call who gave it.
    """
    if not isinstance(raw, wanted):
        raise BenchError(f"{giver} gave {type(raw).__name__}, expected {wanted.__name__}")
    given: Any = raw
    if not isinstance(given.images, np.ndarray) or given.images.ndim != 4:
        raise BenchError(f"{giver}: images must be an array, (N, height, width, channels)")
    for column, values in given.columns.items():
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "iu":
            raise BenchError(f"{giver}: column '{column}' must be an array of whole numbers")


def refuse_splits(raw: Any, column: str, splits: tuple[str, ...], where: str) -> None:
    """Raise a BenchError where images lack their split, or number splits in another order."""
    if column not in raw.columns:
        raise BenchError(f"{where}: no column '{column}' says of which split an image is")
    if tuple(raw.names.get(column, splits)) != splits:
        raise BenchError(
            f"{where}: column '{column}' names {', '.join(raw.names[column])}, expected "
            f"{', '.join(splits)}, in the order of counts"
        )


def _texts(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and all(isinstance(one, str) for one in value)
        and len(set(value)) == len(value)
    )


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(_whole(n, 1) for n in value)


def _counts(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(split, str) and _whole(n, 0) for split, n in value.items())
    )


def _by_text(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(one, str) for pair in value.items() for one in pair
    )


def _function(value: Any) -> bool:
    return value is None or callable(value)


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "shape": (_shape, "(height, width, channels), whole numbers above 0: (28, 28, 1)"),
    "counts": (_counts, f"split -> number of images: {_EXAMPLE}"),
    "labels": (_texts, "a tuple of the classes' names, each once; () where the source names them"),
    "sources": (
        lambda value: isinstance(value, list | tuple) and len(value) > 0,
        "a tuple of at least one source; that of one has a comma: (Folder(),)",
    ),
    "fetch": (_function, "a function of the data root, or None"),
    "complete": (_function, "a function from Raw to Raw, or None"),
    "split_column": (lambda value: isinstance(value, str) and value != "", "a column's name"),
    "pins": (_by_text, "split -> fingerprint"),
    "partials": (_by_text, "fingerprint -> description"),
    **dict.fromkeys(
        ("summary", "licence", "citation", "how_to_get", "on_request"),
        (lambda value: isinstance(value, str), "text"),
    ),
}
