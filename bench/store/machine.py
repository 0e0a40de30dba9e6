"""What computes here, as records tell it: the processor and the libraries."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from pathlib import Path

DECISIVE = ("numpy", "scikit-learn", "scipy", "timm", "torch", "torchvision")
"""Libraries whose version may change a result."""
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "torchvision", "timm", "safetensors")
_KERNELS = (("avx512f", "AVX-512"), ("avx2", "AVX2"))
"""Flag of a processor -> what its instructions are called, the widest first."""


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


def decisive() -> dict[str, str]:
    """Those of `versions` that may change a result."""
    return {name: version for name, version in versions().items() if name in DECISIVE}


def own_version() -> str:
    """That of bench, as it was installed."""
    try:
        return metadata.version("bench-clustering")
    except metadata.PackageNotFoundError:
        return "not installed"


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
