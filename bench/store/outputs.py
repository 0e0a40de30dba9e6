"""A prediction as one safetensors file, so that every reader gets arrays and never a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialised

from bench import files
from bench.errors import BenchError
from bench.store.folders import ARRAYS, PREDICTION
from bench.store.record import Record
from bench.tasks import Prediction

_TENSORS = "tensors/"
WITHOUT_TENSORS = "packed without tensors: merge a pack with --tensors, or delete it to rerun"


def save(path: Path, prediction: Prediction) -> None:
    """Write a prediction: the same prediction gives the same bytes."""
    import torch
    from safetensors.torch import save_file

    arrays: dict[str, torch.Tensor] = {}
    if prediction.assignments is not None:
        arrays["assignments"] = torch.from_numpy(smallest(prediction.assignments))
    if prediction.scores is not None:
        arrays["scores"] = torch.from_numpy(np.ascontiguousarray(prediction.scores, np.float64))
    for name, classes in prediction.classes.items():
        arrays[f"classes/{name}"] = torch.from_numpy(smallest(classes))
    for name, values in prediction.class_scores.items():
        arrays[f"class_scores/{name}"] = torch.from_numpy(np.ascontiguousarray(values, np.float64))
    for name, tensor in prediction.tensors.items():
        arrays[f"{_TENSORS}{name}"] = tensor.detach().cpu().contiguous().clone()
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    half.touch()
    mode = half.stat().st_mode  # as the umask says; safetensors lets nobody else read
    save_file(arrays, half, metadata={"architecture": prediction.architecture})
    half.chmod(mode)
    half.replace(path)


def smallest(values: npt.ArrayLike) -> npt.NDArray[np.signedinteger]:
    """Integers in the smallest signed type that holds them."""
    array = np.ascontiguousarray(values, np.int64)
    for kind in (np.int8, np.int16, np.int32):
        if array.size == 0 or (np.abs(array).max() <= np.iinfo(kind).max):
            return array.astype(kind)
    return array


def without_tensors(path: Path) -> bytes | None:
    """A prediction's file less its tensors, always the same bytes; None where it has none.

    Raises:
        BenchError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            arrays = {n: file.get_tensor(n) for n in names if not n.startswith(_TENSORS)}
            metadata = file.metadata()
    except (SafetensorError, OSError) as error:
        raise BenchError(f"{path}: damaged or missing prediction: {error}") from error
    return None if len(arrays) == len(names) else serialised(arrays, metadata)


def verified(folder: Path, record: Record, *, tensors: bool = False) -> Path:
    """The file of a cell's prediction, whole or less its tensors, its SHA-256 the record's.

    Raises:
        BenchError: it is missing or another one, or tensors are asked for that a pack left out.
    """
    if tensors and record.arrays:
        raise BenchError(f"{folder}: {WITHOUT_TENSORS}")
    path = folder / (ARRAYS if record.arrays else PREDICTION)
    wanted = record.arrays or record.output
    if not wanted:
        raise BenchError(f"{folder}: no prediction is stored")
    if digest(path) != wanted:
        raise BenchError(
            f"{path}: damaged: its SHA-256 is not the record's; delete {folder} to compute it again"
        )
    return path


def of_cell(folder: Path, record: Record, *, tensors: bool = False) -> Prediction:
    """Read the prediction in a cell's folder, once its digest was found to be the record's.

    Raises:
        BenchError: as `verified`.
    """
    return load(verified(folder, record, tensors=tensors), tensors=tensors)


def load(path: Path, *, tensors: bool = False) -> Prediction:
    """Read a prediction back.

    Args:
        path: The file.
        tensors: Read networks and features too, which needs torch.

    Raises:
        BenchError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt" if tensors else "np") as file:
            names = list(file.keys())
            found = {n: np.asarray(file.get_tensor(n)) for n in names if not n.startswith(_TENSORS)}
            weights = {
                n.removeprefix(_TENSORS): file.get_tensor(n)
                for n in names
                if tensors and n.startswith(_TENSORS)
            }
            architecture = (file.metadata() or {}).get("architecture", "")
    except (SafetensorError, OSError) as error:
        raise BenchError(f"{path}: damaged or missing prediction: {error}") from error
    floats = {n: found.pop(n) for n in list(found) if n.startswith("class_scores/")}
    integers = {n: a.astype(np.int64) for n, a in found.items() if n != "scores"}
    return Prediction(
        assignments=integers.get("assignments"),
        scores=found.get("scores"),
        classes={
            n.removeprefix("classes/"): a for n, a in integers.items() if n.startswith("classes/")
        },
        class_scores={n.removeprefix("class_scores/"): a for n, a in floats.items()},
        tensors=weights,
        architecture=architecture,
    )


def digest(path: Path) -> str:
    """SHA-256 of a plain file, in hexadecimal.

    Raises:
        BenchError: the file cannot be read, or is none.
    """
    try:
        return files.digest(path)
    except OSError as error:
        raise BenchError(f"{path}: damaged or missing: {error.strerror}") from error
