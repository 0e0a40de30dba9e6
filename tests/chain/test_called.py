"""What cells are called: no two alike, and no more words than that takes."""

import dataclasses
from typing import Any

import pytest
from harness import make_plan, write_experiment

from bench.plan.called import called, called_by


def words(tmp_path, method, *params):
    """What cells of a method with these parameters are called, in their order."""
    rows = [{"label": str(i), "method": method, "params": own} for i, own in enumerate(params)]
    cells = make_plan(write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)).cells
    by_identity = called_by({key: cell.identity() for key, cell in cells.items()})
    assert by_identity == called(cells)
    return [*called(cells).values()]


def test_a_cell_alone_is_called_by_method_task_and_seed(tmp_path):
    assert words(tmp_path, "centroids", {}) == ["centroids tiny/cluster seed 0"]


def test_of_two_each_says_its_value(tmp_path):
    two = words(tmp_path, "centroids", {"iterations": 3}, {"iterations": 4})
    short = "centroids tiny/cluster seed 0"
    assert two == [f"{short} (iterations=3)", f"{short} (iterations=4)"]


def test_what_most_have_is_not_said(tmp_path):
    params: list[dict[str, Any]] = [{"way": "dies"}, {"way": "exits"}, {"way": "dies", "seed": 1}]
    short = "fault tiny/cluster seed 0"
    assert words(tmp_path, "fault", *params) == [short, f"{short} (way=exits)", f"{short} (seed=1)"]


@pytest.mark.parametrize("shared", [1, 2])
def test_cells_that_differ_in_what_they_need_say_their_keys(shared, tmp_path):
    (cell,) = make_plan(
        write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    ).cells.values()
    others = [dataclasses.replace(cell, needs=(("network", f"{i:016x}"),)) for i in range(shared)]
    named = called({one.key: one for one in (cell, *others)})
    assert list(named.values()) == [f"{cell} [{key[:8]}]" for key in named]
