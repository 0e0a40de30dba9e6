"""Arrays of an .npz file as columns and images: without loss, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.tasks import Images, Ints

Array = npt.NDArray[Any]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file's arrays; whatever is wrong with it becomes one sentence."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            yield arrays
    except BenchError:
        raise
    # NumPy and zipfile raise OSError, EOFError, TypeError, ValueError, BadZipFile, zlib.error,
    # NotImplementedError, RuntimeError, SyntaxError, KeyError, MemoryError, …
    except Exception as error:
        if "pickle" in str(error):
            raise BenchError(
                f"{path}: damaged or an array of Python objects in it, which are never opened: "
                "save numbers or text"
            ) from error
        raise BenchError(f"{path}: damaged or no .npz file ({error}): fetch it again") from error


def member(arrays: Any, key: str, path: Path) -> Array:
    """One array; raises BenchError where there is none of this name."""
    if key not in arrays:
        known = ", ".join(arrays) or "none at all"
        raise BenchError(f"{path}: has no array '{key}', only {known}")
    return np.asarray(arrays[key])


def images_of(array: Array, shape: tuple[int, int, int], path: Path) -> Images:
    """uint8, (N, *shape).

    Args:
        array: (N, height, width) or (N, height, width, channels), whole numbers in 0..255.
        shape: Height, width, channels that the data set declares.
        path: Of the file, for the error.

    Raises:
        BenchError: another shape, or values that eight bits do not hold.
    """
    found = array[..., None] if array.ndim == 3 else array
    if found.ndim != 4 or found.shape[1:] != shape:
        raise BenchError(
            f"{path}: images are {array.dtype} {array.shape}, expected uint8 (N, "
            f"{', '.join(map(str, shape))})"
        )
    if found.dtype == np.uint8:
        return found
    if found.dtype.kind not in "iu":
        raise BenchError(
            f"{path}: images are {found.dtype}, expected uint8 in 0..255: convert them"
        )
    if found.size and (found.min() < 0 or found.max() > 255):
        raise BenchError(
            f"{path}: images are {found.dtype} in {found.min()}..{found.max()}, expected uint8 in "
            "0..255: convert them"
        )
    return found.astype(np.uint8)


def numbers_of(array: Array, names: Sequence[str], n: int, key: str, path: Path) -> Ints:
    """A column: int64, (n,).

    Args:
        array: (n,) or (n, 1): whole numbers of any type, or, where `names` are known, these names.
        names: Of the values 0, 1, …; empty where the values are plain numbers.
        n: The number of images.
        key: The array's name, for the error.
        path: Of the file, for the error.

    Raises:
        BenchError: another shape, a value that is no whole number, or none of the names.
    """
    flat = array.reshape(-1) if array.shape[1:] == (1,) else array
    if flat.ndim != 1:
        raise BenchError(
            f"{path}: '{key}' is {array.dtype} {array.shape}, expected one whole number an image, "
            "(N,)"
        )
    if len(flat) != n:
        raise BenchError(f"{path}: {n} images but {len(flat)} values of {key}")
    if flat.dtype.kind in "US":
        return _by_name(text_of(flat), names, key, path)
    if flat.dtype.kind not in "iufb":
        raise BenchError(f"{path}: '{key}' is {flat.dtype}, expected whole numbers")
    largest = np.iinfo(np.int64).max
    with np.errstate(invalid="ignore"):
        whole = (flat == np.floor(flat)) & (abs(flat.astype(np.float64)) < largest)
    if not whole.all():
        first = int(np.argmin(whole))
        raise BenchError(
            f"{path}: '{key}' holds {flat[first]} (image {first}), expected whole numbers"
        )
    return flat.astype(np.int64)


def _by_name(values: list[str], names: Sequence[str], key: str, path: Path) -> Ints:
    number = {name: i for i, name in enumerate(names)}
    if strange := [value for value in values if value not in number]:
        raise BenchError(f"{path}: '{key}' holds '{strange[0]}', expected " + ", ".join(names[:8]))
    return np.array([number[value] for value in values], dtype=np.int64)


def text_of(array: Array) -> list[str]:
    """Strings of an array of text or bytes."""
    if array.dtype.kind == "S":
        return [value.decode("utf-8", "replace") for value in array.tolist()]
    return [str(value) for value in array.tolist()]


def names_of(array: Array, key: str, path: Path) -> tuple[str, ...]:
    """Names of the values 0, 1, …, each another; raises BenchError otherwise."""
    names = tuple(text_of(array.reshape(-1)))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BenchError(f"{path}: '{key}' names '{twice}' twice")
    return names
