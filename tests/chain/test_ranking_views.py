"""Figures that compare whole methods: from records to ranks and costs, and how they are drawn."""

from dataclasses import replace
from typing import Any

import pytest
from figures import refused, write
from harness import make_plan
from scored import scored

from bench.render import figures, legend
from bench.report.table_views import views
from bench.report.view_types import lacks
from bench.store.record import Record
from bench.store.states import Results

RANKS = """
[[figure]]
kind = "ranks"
name = "r"
caption = "C."
metric = "ACC"
tasks = ["tiny/cluster", "tiny/flat"]
curve = [
  { label = "one", method = "centroids", params = { iterations = 1 } },
  { label = "two", method = "centroids", params = { iterations = 2 } },
  { label = "three", method = "centroids", params = { iterations = 3 } },
]
"""
VALUES = {"one": 0.5, "two": 0.9, "three": 0.7}


def drawn(tmp_path, text, score, change=lambda results: results):
    (_, (view,)) = views(change(scored(make_plan(write(tmp_path, text)), score)))
    return view


def by_name(slot, seed):
    return VALUES[slot.entry.label] + 0.01 * seed


def test_ranks_are_over_tasks_by_the_mean_over_seeds(tmp_path):
    view = drawn(tmp_path, RANKS, by_name)
    assert [(one.label, one.rank) for one in view.methods] == [("two", 1), ("three", 2), ("one", 3)]
    assert all((one.n, one.planned) == ((2, 2), 2) for one in view.methods)
    assert (view.tasks, view.asked, view.left_out) == (2, 2, ())
    assert view.p == pytest.approx(1 / 6)  # that two tasks rank three methods alike
    said = legend.figure_caption(view)
    assert "Mean rank over 2 tasks" in said
    assert "p = 0.167" in said
    labels = [tick.get_text() for tick in figures.draw(view).axes[0].get_yticklabels()]
    assert labels == ["two (n=2)", "three (n=2)", "one (n=2)"]


def test_a_task_that_a_method_failed_on_counts_for_none_of_them(tmp_path):
    def score(slot, seed):
        fails = slot.entry.label == "two" and slot.column == "flat"
        return "failed" if fails else by_name(slot, seed)

    view = drawn(tmp_path, RANKS, score)
    assert (view.tasks, view.asked, view.difference) == (1, 2, None)
    assert "Mean rank over 1 of 2 tasks" in legend.figure_caption(view)


def test_nothing_measured_is_listed_and_not_drawn(tmp_path):
    for kind in ("ranks", "cost"):
        text = RANKS.replace('"ranks"', f'"{kind}"')
        view = drawn(tmp_path, text, lambda *_: "missing")
        assert lacks(view)
        assert view.left_out == ("one", "two", "three")


def test_one_method_alone_has_no_rank(tmp_path):
    def score(slot, seed):
        return 0.9 if slot.entry.label == "one" else "missing"

    view = drawn(tmp_path, RANKS, score)
    assert view.methods == ()
    assert lacks(view)


def timed(results: Results) -> Results:
    """Four seconds of a CPU and 2 GB a cell; of "three", whose time is not whole, another."""
    resumed = {k for s in results.plan.slots if s.entry.label == "three" for k in s.keys}
    took: dict[str, Any] = {
        "cell": {"device": "cpu"},
        "cpu_seconds": 8.0,
        "group": 2,
        "peak_memory": 2_000_000_000,
    }
    records = {
        key: replace(record, **took, resumed=key in resumed)
        for key, record in results.records.items()
    }
    return replace(results, records=records)


def test_costs_are_of_a_cell_and_of_whole_times_alone(tmp_path):
    view = drawn(tmp_path, RANKS.replace('"ranks"', '"cost"'), by_name, timed)
    one, two = view.methods
    assert (one.label, two.label, view.left_out) == ("one", "two", ("three",))
    assert (two.seconds, two.with_needs, two.gigabytes) == (4.0, 4.0, 2.0)
    assert (two.mean, two.std) == (pytest.approx(90.5), pytest.approx(0.5**0.5))
    assert view.y_label == "ACC (%)"
    time: Any
    time, memory = figures.draw(view).axes
    assert [list(line.get_xdata()) for line in time.lines] == [[4.0], [4.0]]
    assert memory.get_xlim()[0] == 0.0
    assert "Left out, not measured on every task" in legend.figure_caption(view)


def test_the_time_of_a_probe_is_not_the_methods(tmp_path):
    def probes_take_long(results):
        took: dict[str, Any] = {"cell": {"device": "cpu"}, "peak_memory": 10**9, "cpu_seconds": 8.0}
        probes: dict[str, Any] = took | {"cpu_seconds": 999.0, "metrics": {}}
        records = {
            key: replace(one, **probes if results.plan.cells[key].method == "probe" else took)
            for key, one in results.records.items()
        }
        return replace(results, records=records)

    text = """
[[figure]]
kind = "cost"
name = "c"
caption = "C."
metric = "NMI"
tasks = ["tiny/represent"]
curve = [{ label = "one", method = "sela" }]
"""
    (one,) = drawn(tmp_path, text, lambda slot, seed: 0.5, probes_take_long).methods
    assert (one.seconds, one.gigabytes) == (8.0, 1.0)


@pytest.mark.parametrize(("known", "seconds"), [(True, 8.0), (False, None)])
def test_time_goes_on_to_what_is_computed_before(tmp_path, known, seconds):
    def with_needed(results):
        needed = {key: Record(key, {}, "done") for key in results.plan.cells if known}
        return timed(replace(results, records={**needed, **results.records}))

    text = RANKS.replace('"ranks"', '"cost"').replace('", params = { iterations = 1 }', '"')
    text = text.replace('"one", method = "centroids"', '"one", method = "carrier"')
    view = drawn(tmp_path, text, by_name, with_needed)
    assert [one.with_needs for one in view.methods] == [seconds, 4.0]
    assert len(figures.draw(view).axes[0].lines) == (4 if known else 2)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('tasks = ["tiny/cluster", "tiny/flat"]', "", "ranks need groups"),
        (
            'metric = "ACC"',
            'metric = "NDC"',
            "ranks need one metric that is better high or low, such as 'ACC'; metric = 'NDC' is "
            "neither",
        ),
        ('metric = "ACC"', "", "better high or low, such as 'ACC'; the figure names none"),
        ('metric = "ACC"', 'metric = "knn top-1"', "metric = 'knn top-1' is a probe's"),
        ('metric = "ACC"', 'metric = "ACCC"', "unknown metric 'ACCC': did you mean 'ACC'?"),
    ],
)
def test_a_bad_one_is_refused(tmp_path, old, new, says):
    assert says in refused(tmp_path, RANKS, old, new)
