"""Imported once by the process that workers are forked from, so that each starts in milliseconds.

Importing it must never fail: a broken plugin is reported by the cell that uses it.
"""

import atexit
import contextlib
import gc
import importlib
import os
import sys
import warnings

from bench import registry
from bench.run import (
    processes,
    server,
    worker,  # noqa: F401 - and torch with it, which sets every worker up
)

_WITH_OPTIMISERS = ("bench.nn.training", "bench.nn.clustering.heads", "bench.nn.probes")
"""Whatever trains a network or a head imports one of these."""

_wanted = os.environ.pop(server.METHODS, "")
with contextlib.suppress(Exception):
    registry.use(registry.plugins_of_environment())
    for _name in _wanted.split(",") if _wanted else registry.load():
        registry.get(_name)
if any(name in sys.modules for name in _WITH_OPTIMISERS):
    # The first optimiser of each worker would import it for 1.5 s.
    importlib.import_module("torch._dynamo")

# What is here now outlives every worker: a collection in one would only copy the pages it visits.
gc.collect()
gc.freeze()

# What a cell started and left behind comes here, where the pool looks for it.
processes.adopt_orphans()
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")


def _end() -> None:
    """The harness is gone: so is all that it started, workers that hang in native code too.

    This process has nothing to tidy, and some native libraries grumble on the terminal when they
    do.
    """
    processes.end_below(os.getpid())
    os._exit(0)


atexit.register(_end)
