"""Runs methods of deep and transfer clustering and sets each number beside the published one.

From Python: `bench.run`, `bench.results`, `bench.load`, `bench.estimator`
(docs/python.md). Nothing heavy is imported before one of them is used.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api.calls import results, run
    from bench.api.estimators import estimator
    from bench.api.finished import FinishedCell, load

__all__ = ["INSTALLED", "ROOT", "SHIPPED", "FinishedCell", "estimator", "load", "results", "run"]

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_shipped"
INSTALLED = _IN_WHEEL.is_dir()
"""Whether this is a wheel's copy: a clone, and what is installed editable from it, has no such
folder (`setup.py`)."""
ROOT = Path.cwd() if INSTALLED else _PACKAGE.parent
"""Where `results/` and `data/` lie unless flags say otherwise: in the clone; of a wheel's copy, in
the current folder."""
SHIPPED = _IN_WHEEL if INSTALLED else ROOT
"""`methods/`, `baselines/`, `results/published/` and `results/reference/` lie here."""


_OFFERED = {
    "FinishedCell": "bench.api.finished",
    "estimator": "bench.api.estimators",
    "load": "bench.api.finished",
    "results": "bench.api.calls",
}
"""Name -> its module; estimators alone wait for torch."""


def __getattr__(name: str) -> Any:
    """What Python is offered, imported with its first use."""
    if name == "run":  # a package, which can be called
        return importlib.import_module("bench.run")
    if name in _OFFERED:
        return getattr(importlib.import_module(_OFFERED[name]), name)
    raise AttributeError(f"module 'bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    """What is offered, imported or not: completion shows it before its first use."""
    return sorted(__all__)
