"""The mutations that `benchmarks.mutations` tries, which takes minutes: their lines still stand."""

import pytest

from bench import ROOT, registry
from benchmarks.mutations import MUTATIONS, PROTOCOL, SCORING


@pytest.mark.parametrize("one", MUTATIONS, ids=lambda one: one.name)
def test_a_mutations_line_stands_once_and_its_methods_are_known(one):
    assert (ROOT / one.file).read_text().count(one.old) == 1
    assert one.new != one.old
    known = {*registry.load(), "protocol", PROTOCOL, SCORING}
    assert {*one.replayed, *one.noticed} <= known
