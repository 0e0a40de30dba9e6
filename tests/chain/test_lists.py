"""`bench list`: what a terminal shows, and what it looks at."""

import re
import sys

import pytest
from harness import bench

from bench.datasets import presence


@pytest.mark.parametrize("width", [40, 80, 133])
@pytest.mark.parametrize("kind", ["methods", "tasks", "datasets", "experiments"])
def test_a_narrow_terminal_folds_a_list_and_loses_nothing(kind, width, capsys, monkeypatch):
    assert bench("list", kind) == 0
    piped = capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    assert bench("list", kind) == 0
    shown = capsys.readouterr().out
    table = shown.split("\n\n`")[0]
    if max(map(len, piped.splitlines())) > width:
        assert max(map(len, table.splitlines())) <= width
        assert sorted(re.sub(r"[\s\u2500]", "", shown)) == sorted(re.sub(r"\s|--+", "", piped))
    monkeypatch.setenv("COLUMNS", "500")
    assert bench("list", kind) == 0
    assert capsys.readouterr().out == piped  # wide enough: a row is a line


def test_a_list_looks_at_each_data_set_once(monkeypatch, capsys):
    seen = []
    real = presence.look
    monkeypatch.setattr("bench.datasets.look", lambda *a: seen.append(a[0]) or real(*a))
    monkeypatch.setattr(presence, "look", lambda *a: pytest.fail("looked at again"))
    assert bench("list", "tasks") == 0
    assert len(seen) == len(set(seen)) > 10
