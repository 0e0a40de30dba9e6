"""The lines that `benchmarks.mutations` changes."""

import pytest

from bench import ROOT
from benchmarks.mutations import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_line_that_is_changed_stands_there_once(mutation):
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
    assert mutation.new != mutation.old
