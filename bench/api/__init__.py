"""The benchmark from Python: runs, results, finished cells, and methods as estimators.

`import bench` has all of it and imports nothing heavy before one of them is used.
"""

from bench.api.calls import results, run
from bench.api.estimators import estimator
from bench.api.finished import FinishedCell, load

__all__ = ["FinishedCell", "estimator", "load", "results", "run"]
