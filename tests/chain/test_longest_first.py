"""Within a seed, what others wait for comes first, and then what takes longest."""

import pytest
from harness import make_plan, write_experiment

from bench.run.order import Order


def rows(*numbers):
    return [
        {"label": str(n), "method": "counted", "params": {"number": n, "notes": "x"}}
        for n in numbers
    ]


@pytest.mark.parametrize("known", [True, False])
def test_a_seed_then_what_is_waited_for_then_the_longest(known, tmp_path):
    after = {"label": "after", "method": "counted-after", "params": {"number": 3, "notes": "x"}}
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [*rows(2, 9, 4), after], n=2)
    plan = make_plan(toml)

    def number(key):
        cell = plan.cells[key]
        return dict(cell.params)["number"] + (1000 if cell.method == "counted-after" else 0)

    seconds = {key: float(number(key)) for key in plan.cells}
    order = Order(plan.cells, plan.cells.keys(), None, seconds if known else None)
    taken = []
    while order:
        (key,) = order.pop()
        taken.append((plan.cells[key].seed, number(key)))
        order.done(key)
    of_a_seed = [103, 1003, 9, 4, 2] if known else [103, 2, 9, 4, 1003]
    assert taken == [(seed, n) for seed in (0, 1) for n in of_a_seed]
