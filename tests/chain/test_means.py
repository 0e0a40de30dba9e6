"""A number that is the mean over several tasks, as CCN's table 1 prints them."""

import pytest

from bench.errors import BenchError
from bench.plan import experiment, published
from bench.store import states
from bench.store.record import Record, State

TOML = """
title = "Means"
[preset.quick]
seeds = 2
[[table]]
name = "t"
caption = "A table."
tasks = ["digits/cluster", "digits/transfer"]
[[table.column]]
label = "mean"
metric = "ACC"
[[table.row]]
label = "K-means"
method = "kmeans"
[[table.row]]
label = "K-means, all digits"
method = "kmeans"
task = "digits/cluster"
"""


def means_plan(tmp_path, **options):
    from harness import make_plan

    (tmp_path / "x.toml").write_text(TOML)
    return make_plan(tmp_path / "x.toml", **options)


def results_of(chosen, values):
    """Task -> the ACC of its cells; cells of other tasks are missing."""
    state: dict[str, State] = {
        k: "done" if c.task in values else "missing" for k, c in chosen.cells.items()
    }
    metrics_of = {
        k: Record(k, {}, "done", metrics={"ACC": values[c.task] + c.seed / 10})
        for k, c in chosen.cells.items()
        if c.task in values
    }
    return states.Results(chosen, metrics_of, state)


def test_a_value_over_tasks_is_their_mean_for_each_seed(tmp_path):
    chosen = means_plan(tmp_path)
    mean, single = chosen.slots
    assert len(chosen.cells) == 4  # shared by both rows
    found = results_of(chosen, {"digits/cluster": 0.2, "digits/transfer": 0.6})
    assert states.measured(mean, found)[0] == pytest.approx({0: 0.4, 1: 0.5})
    assert states.measured(single, found)[0] == pytest.approx({0: 0.2, 1: 0.3})


def test_there_is_no_mean_while_one_task_is_missing(tmp_path):
    chosen = means_plan(tmp_path)
    values, counter = states.measured(chosen.slots[0], results_of(chosen, {"digits/cluster": 0.2}))
    assert values == {}
    assert counter == {"missing": 2}


def test_a_mean_is_selected_by_all_of_its_tasks_and_takes_extra_rows(tmp_path):
    both = ("digits/cluster", "digits/transfer")
    assert len(means_plan(tmp_path, tasks=both).slots) == 2
    assert len(means_plan(tmp_path, tasks=both[:1]).slots) == 1
    extra = means_plan(tmp_path, extra=("dec",))
    assert [s.entry.all_tasks for s in extra.slots] == [both, both[:1], both]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"digits/transfer"]', '"digits/transfor"]', "did you mean 'digits/transfer'"),
        ('"digits/transfer"]', '"digits/represent"]', "'digits/represent' is a represent task"),
        ('label = "mean"', 'label = "mean"\ntasks = ["digits/cluster"]', "both a task and tasks"),
    ],
)
def test_tasks_that_do_not_go_together_are_refused(old, new, expected, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(BenchError, match=expected):
        experiment.load(str(path))


def test_the_experiment_of_the_paper_is_whole():
    one = experiment.load("ccn")
    tables = {table.name: table for table in one.table}
    assert len(tables["omniglot"].tasks) == 20
    for name in ("alphabets", "number-of-clusters"):
        rows = [row.task for row in tables[name].row if row.label != "Average"]
        assert rows == list(tables["omniglot"].tasks)
        for row in tables[name].row:
            assert published.find(
                one.entry(tables[name], row, tables[name].column[0]).published,
                metric="",
                where=name,
            )


def test_a_metric_that_a_finished_cell_lacks_is_undefined_and_not_missing(tmp_path):
    chosen = means_plan(tmp_path)
    found = results_of(chosen, {"digits/cluster": 0.2, "digits/transfer": 0.6})
    del next(iter(found.records.values())).metrics["ACC"]
    values, counter = states.measured(chosen.slots[0], found)
    assert (len(values), counter) == (1, {"undefined": 1, "done": 1})
