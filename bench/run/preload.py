"""Imported once by the process that workers are forked from, so that each starts in milliseconds.

Importing it must never fail: a broken plugin is reported by the cell that uses it.
"""

import contextlib
import os
from pathlib import Path

import torch._dynamo  # noqa: F401 - the first optimiser of each worker would import it for 1.5 s

import bench.run.worker  # noqa: F401 - the point of this module
from bench import registry

PLUGINS = "BENCH_PLUGINS"
"""Environment variable: folders of plugins, parted like a path."""


def plugins() -> list[Path]:
    """The plugin folders that this process was told of."""
    return [Path(p) for p in os.environ.get(PLUGINS, "").split(os.pathsep) if p]


with contextlib.suppress(Exception):
    registry.load(plugins())
