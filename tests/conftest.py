"""Fixtures of the tests of the harness."""

import compileall
import os
import sys
from pathlib import Path

# Before torch and numpy are loaded: with more threads sums come in another order, and the tests of
# equal bytes would hold on some machines alone. As workers do.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import pytest
import torch

from bench import ROOT

torch.set_num_threads(1)

# A plugin that a test rewrites within a second must not be read from a compiled copy.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.dont_write_bytecode = True


def pytest_configure(config):
    """Compile the project once: the many processes that tests start write no compiled copy."""
    if not hasattr(config, "workerinput"):  # xdist's own processes come later
        for folder in ("bench", "methods", "baselines"):
            compileall.compile_dir(ROOT / folder, quiet=1)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory):
    """Prepared data of all test processes lie together, outside the clone."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["BENCH_CACHE"] = str(shared / "prepared")


@pytest.fixture(scope="module")
def domain_golden():
    """Inputs and outputs of domain adaptation in golden/domain.npz: name -> tensor."""
    with np.load(Path(__file__).parent / "golden" / "domain.npz", allow_pickle=False) as file:
        return {k: torch.from_numpy(np.asarray(file[k])) for k in file.files}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A whole results folder with what lies beside it (`faults.sound`), and its cache in use."""
    from faults.sound import make

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", "")  # `make` sets another, which goes with the module
        yield make(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="session")
def forkserver():
    """The process that workers are forked from, started before any test's own plugins exist."""
    from bench import registry
    from bench.run import server

    os.environ.pop(registry.PLUGINS, None)
    server.context()
