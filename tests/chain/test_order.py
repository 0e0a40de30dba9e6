"""The order of a run: a graph that shrinks as cells are done or lost."""

from types import SimpleNamespace

from bench.run.order import Order


def cell(seed=0, *needs):
    return SimpleNamespace(seed=seed, needs=tuple((key, key) for key in needs))


CELLS = {
    "alone": cell(),
    "late": cell(1),
    "network": cell(),
    "probe": cell(0, "network"),
    "both": cell(0, "probe", "old"),
    "old": cell(),
}
WANTED = CELLS.keys() - {"old"}


def taken(order):
    found = []
    while order:
        found += order.pop()
    return found


def test_what_others_wait_for_comes_first_and_seeds_in_turn():
    order = Order(CELLS, WANTED)
    assert taken(order) == ["network", "alone", "late"]
    order.done("alone")
    assert not order
    order.done("network")
    assert taken(order) == ["probe"]
    order.done("probe")  # what is not wanted is there already
    assert taken(order) == ["both"]


def test_what_is_lost_takes_all_along_that_needs_it_and_once():
    order = Order(CELLS, WANTED)
    assert list(order.lost("network")) == ["probe", "both"]
    assert list(order.lost("network")) == []
    order.done("probe")
    assert taken(order) == ["network", "alone", "late"]


def test_cells_of_a_group_are_taken_together_and_put_back_alone():
    order = Order(CELLS, WANTED, dict.fromkeys(("late", "network"), ("network", "late")))
    assert order.pop() == ["network", "late"]
    order.put_back("late")
    assert taken(order) == ["alone", "late"]
    order.put_back("network")
    assert order.pop() == ["network"]
    assert not order
