"""`bench status` beside a run that goes on: which cells are computed, and by whom."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from harness import bench, make_plan, places, write_experiment

from bench.store import locks
from bench.store.folders import Store

ROWS: list[dict[str, Any]] = [{"method": "centroids"}]


@pytest.fixture
def begun(tmp_path):
    """An experiment of three cells, its results folder, and its cells."""
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", ROWS, n=3)
    store = Store(tmp_path / "r")
    store.check_writable()
    return toml, store, list(make_plan(toml).cells.values())


def told(capsys, toml, store):
    """The row of the table, the lines below it, and what programs are told is running."""
    assert bench("status", toml, *places(store.root)) == 0
    head, _, row, *lines = capsys.readouterr().out.splitlines()
    assert bench("status", toml, *places(store.root), "--json") == 0
    running = json.loads(capsys.readouterr().out)["running"]
    return dict(zip(head.split(), row.split(), strict=True)), lines, running


def test_cells_that_are_computed_now_are_running_and_not_missing(begun, capsys):
    toml, store, cells = begun
    with store.lock(cells[0]).acquire(), store.lock(cells[1]).acquire():
        row, lines, running = told(capsys, toml, store)
    who = f"process {os.getpid()} on {os.uname().nodename}"
    assert (row["cells"], row["missing"], row["running"]) == ("3", "1", "2")
    assert f"running: {who}: 2 cells" in lines
    assert running == {cells[0].key: who, cells[1].key: who}
    row, lines, running = told(capsys, toml, store)  # it has ended
    assert (row["missing"], "running" in row, running) == ("3", False, {})
    assert not any("running" in line for line in lines)


@pytest.mark.parametrize(
    ("host", "age", "counts"),
    [("node3 boot", 10, True), ("node3 boot", 400, False), (locks.machine(), 10, False)],
)
def test_a_mark_counts_while_its_holder_lives(begun, capsys, host, age, counts):
    """Of another machine while its lease is renewed, of this one while its process is there."""
    toml, store, cells = begun
    (store.root / "locks").mkdir(exist_ok=True)
    mark = store.root / "locks" / f"{cells[0].key}.held"
    mark.write_text(f"{host}\n{2**22 + 5}\n1234\n")
    os.utime(mark, (time.time() - age,) * 2)
    _, lines, running = told(capsys, toml, store)
    assert bool(running) == counts
    assert (f"running: process {2**22 + 5} on node3: 1 cell" in lines) == counts


def test_what_is_no_mark_is_passed_over(begun, capsys):
    toml, store, cells = begun
    folder = store.root / "locks"
    folder.mkdir(exist_ok=True)
    os.mkfifo(folder / f"{cells[0].key}.held")
    Path(folder / f"{cells[1].key}.held").symlink_to("/dev/zero")
    (folder / f"{cells[2].key}.held").write_text("torn")
    assert told(capsys, toml, store)[2] == {}
