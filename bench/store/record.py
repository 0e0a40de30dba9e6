"""The record of a cell: what ran, on what, how it ended and what it scored."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError

VERSION = 1
State = Literal["done", "failed", "missing", "stale", "blocked", "unavailable"]
Failure = Literal[
    "",
    "exception",
    "non-finite",
    "invalid prediction",
    "timeout",
    "out of memory",
    "worker died",
]
DECISIVE = ("numpy", "scikit-learn", "timm", "torch", "torchvision")
"""Libraries whose version may change a result."""
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "torchvision", "timm", "safetensors")


@dataclass(frozen=True)
class Record:
    """One finished cell; `record.json` in its folder. Only `bench rescore` changes it."""

    key: str
    """The cell's key: the hash of `cell`."""
    cell: dict[str, Any]
    """The cell's identity: task, setting, method, params, preset, seed, device, …"""
    state: Literal["done", "failed"]
    failure: Failure = ""
    """Which way it failed."""
    message: str = ""
    """One line on the failure."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Name -> value; fractions, except counts such as NDC."""
    partial_data: str = ""
    """What is lacking of the data set, when only a known part of it was here."""
    code: str = ""
    """Fingerprint of the method's code (`bench.store.code`)."""
    scoring: str = ""
    """Fingerprint of what made the metrics; "" in records from before there was one."""
    needs: dict[str, str] = field(default_factory=dict)
    """Role -> hash of the output that was read from the needed cell."""
    output: str = ""
    """SHA-256 of prediction.safetensors."""
    arrays: str = ""
    """SHA-256 of arrays.safetensors, all that is here of the prediction where a pack left its
    tensors out; "" where the prediction is whole."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Largest resident size of the worker, bytes."""
    peak_device_memory: int = 0
    """Largest size allocated on the GPU, bytes; 0 on a CPU."""
    group: int = 1
    """Cells that one process computed together, seeds of the same: times and memory are those of
    them all."""
    resumed: bool = False
    """Started from a checkpoint: the times are those of the last start alone."""
    started: str = ""
    """UTC, ISO 8601."""
    hardware: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    dirty: bool = False
    """Tracked files differed from the commit."""
    version: int = VERSION
    """Of this layout."""

    def write(self, folder: Path) -> None:
        """Write `record.json` into a folder."""
        (folder / "record.json").write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The content of `record.json`."""
        return json.dumps(vars(self), indent=1, sort_keys=True) + "\n"


_FIELDS = {
    name: (int, float) if isinstance(value, float) else type(value)
    for name, value in vars(Record("", {}, "done")).items()
}
"""Name -> the type of its value in JSON."""


def parse(content: Any, where: str) -> Record:
    """A record from parsed JSON.

    Raises:
        BenchError: it is of another layout or lacks what every record has.
    """
    if not isinstance(content, dict) or not {"key", "cell", "state"} <= content.keys():
        raise BenchError(f"{where}: damaged record: not a record's JSON")
    values = {k: v for k, v in content.items() if k in _FIELDS}
    for name, value in values.items():
        if not isinstance(value, _FIELDS[name]):
            raise BenchError(f"{where}: damaged record: {name} is a {type(value).__name__}")
    for name, value in values.get("metrics", {}).items():
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise BenchError(f"{where}: damaged record: {name} = {value!r} is no result")
    if content.get("version", 0) > VERSION or content["state"] not in ("done", "failed"):
        raise BenchError(f"{where}: record of a newer layout; update bench")
    # The same in nearly all of very many records: held once.
    values["versions"] = _shared(tuple(sorted(values.get("versions", {}).items())))
    return Record(**values)


@cache
def _shared(items: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(items)


def read(folder: Path) -> Record:
    """The record in a folder.

    Raises:
        BenchError: there is none, or it is damaged; names the file.
    """
    path = folder / "record.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: damaged record: {error}") from error
    return parse(content, str(path))


@cache
def versions() -> dict[str, str]:
    """Python's version and that of each library a result may depend on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def lacks_bfloat16() -> bool:
    """Whether the processor has no instructions for products of bfloat16, as far as it says."""
    flags = _flags()
    return bool(flags) and not {"avx512_bf16", "amx_bf16"} & flags


@cache
def hardware(dtype: str = "float32") -> str:
    """The processor's name, its widest instructions, and whether bfloat16 takes a detour."""
    words = [_processor()]
    # Many clouds hide the model: two processors of one name may give other bits.
    widest = next((name for flag, name in _KERNELS if flag in _flags()), "")
    words += [widest] if widest else []
    words += ["no instructions for bfloat16"] if dtype == "bfloat16" and lacks_bfloat16() else []
    return ", ".join(words)


_KERNELS = (("avx512f", "AVX-512"), ("avx2", "AVX2"))


@cache
def _flags() -> frozenset[str]:
    """What the processor can, by the kernel's names; none where nobody says."""
    for line in _processor_lines():
        if line.startswith("flags"):
            return frozenset(line.split(":", 1)[1].split())
    return frozenset()


def _processor() -> str:
    """The processor's name, as the operating system gives it."""
    for line in _processor_lines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _processor_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
