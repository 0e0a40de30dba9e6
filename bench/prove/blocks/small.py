"""Makes the blocks small that large inputs are worked on in, so that small ones have many of them.

A loop over blocks that is run once may be wrong and right: with these constants the tiny tasks take
some turns of each, and the last one is not full.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import bench.nn
from bench import registry

SMALL = {
    "_BLOCK": 48,
    "_BLOCK_BYTES": 4 * 150 * 40,
    "_BLOCK_ROWS": 40,
    "_ROWS": 7,
    "_COLUMNS": 64,
    "_IMAGES": 33,
    "_PAIRS": 70,
    "_BATCH": 35,
    "_TEST_BATCH": 35,
    "_SILHOUETTE": 60,
}
"""Name of a constant -> its value here, whichever module has it."""
_KERNEL = (300, 400)
"""Entries of a block of a transport's kernel, at least and at most."""
_PARTS = ("bench.nn.", "bench.score.", "bench.probe", "bench.finetune", "bench_")
"""Modules whose constants change: those that a method's result comes from, now and formerly."""


def _shrink() -> int:
    """Set them in all modules that methods import; returns how many."""
    for found in pkgutil.walk_packages(bench.nn.__path__, "bench.nn."):
        importlib.import_module(found.name)
    registry.load()  # of ours, a plan alone imports no more than it needs
    count = 0
    for name, module in list(sys.modules.items()):
        if name.startswith(_PARTS) and not name.startswith("bench.score.label"):
            for constant, value in vars(module).copy().items():
                if constant in SMALL and isinstance(value, int | dict):
                    small: Any = SMALL[constant]
                    if isinstance(value, dict):
                        small = dict.fromkeys(value, _KERNEL)
                    setattr(module, constant, small)
                    count += 1
    return count


SHRUNK = _shrink()
assert SHRUNK >= 8, f"{SHRUNK} constants of blocks found: name the new ones in SMALL"
