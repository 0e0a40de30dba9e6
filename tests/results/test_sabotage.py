"""The faults of `benchmarks.sabotage` still fit the files that they break."""

import subprocess
import sys

import pytest

from bench import ROOT, registry
from benchmarks.sabotage import SABOTAGES


@pytest.mark.parametrize("one", SABOTAGES, ids=[one.method for one in SABOTAGES])
def test_a_fault_fits_its_file(one):
    text = (ROOT / one.file).read_text(encoding="utf-8")
    broken = one.applied(text)
    assert broken != text
    # Names that are not there, and what is no Python.
    words = ["-m", "ruff", "check", "--isolated", "--select", "E9,F821", "-"]
    subprocess.run([sys.executable, *words], input=broken, text=True, check=True)
    assert one.method in registry.load()


def test_a_file_that_has_changed_is_named():
    with pytest.raises(SystemExit, match=r"pseudo_labels\.py has changed"):
        next(one for one in SABOTAGES if one.method == "sela").applied("")
