"""Runs cells: isolated worker processes, their inputs, and the graph that orders them.

`bench.run` is the function of that name, too: called, this package is `bench.api.calls.run`.
"""

import importlib
import sys
import types
from typing import Any


class _Callable(types.ModuleType):
    """A package that can be called."""

    def __call__(self, *experiments: Any, **flags: Any) -> Any:
        """As `bench.api.calls.run`."""
        return importlib.import_module("bench.api.calls").run(*experiments, **flags)


sys.modules[__name__].__class__ = _Callable
