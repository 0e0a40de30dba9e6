"""Fixtures of the tests of the harness."""

import os
import sys

import pytest

# A plugin that a test rewrites within a second must not be read from a compiled copy.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = True


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Prepared data of all test processes lie together, outside the clone."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["BENCH_CACHE"] = str(shared / "prepared")


@pytest.fixture(scope="session")
def forkserver():
    """The process that workers are forked from, started before any test's own plugins exist."""
    from bench import registry
    from bench.run import pool

    os.environ.pop(registry.PLUGINS, None)
    pool._context()
