"""Numbers that no single cell has: the mean over tasks, how many tasks are near, a gain."""

import pytest
from harness import make_plan

from bench.errors import BenchError
from bench.plan import experiment, published
from bench.score import derived
from bench.store import states
from bench.store.record import Record

TABLE = """
title = "Gains"
[[table]]
name = "t"
caption = "A table."
tasks = ["mnist-usps/adapt"]
column = [
  { label = "accuracy", metric = "accuracy" },
  { label = "gain", metric = "accuracy gain", gain_over = "source-only" },
]
row = [{ label = "DANN", method = "dann" }]
"""


def test_table_6_as_printed_has_ten_alphabets_within_three_and_the_printed_adif():
    numbers = [n for n in published.numbers() if (n.paper, n.table) == ("ccn", "6")]
    true = {n.dataset: n.value for n in numbers if n.method == "ground truth"}
    found = {n.dataset: n.value for n in numbers if n.method == "CCN" and n.metric == "NDC"}
    cells = [{"NDC": found[d], "ADif": abs(found[d] - true[d])} for d in true if d in found]
    assert len(cells) == 20
    assert derived.value("ADif within 3", cells, 20) == 10
    assert derived.value("ADif", cells, 20) == pytest.approx(6.35)


def test_a_number_of_all_tasks_is_none_while_one_lacks_it():
    cells = [{"ADif": 1.0}, {"ADif": 3.0}, {"ADif": 4.0}]
    assert derived.value("ADif within 3", cells, 3) == 2
    assert derived.value("ADif", cells, 3) == pytest.approx(8 / 3)
    for metric in ("ADif within 3", "ADif"):
        assert derived.value(metric, [*cells, {}], 4) is None


def test_a_gain_is_the_difference_of_the_means_over_tasks():
    own, other = [{"accuracy": 0.9}, {"accuracy": 0.7}], [{"accuracy": 0.5}, {"accuracy": 0.6}]
    assert derived.value("accuracy gain", own + other, 2) == pytest.approx(0.8 - 0.55)
    assert derived.value("accuracy gain", other + own, 2) == pytest.approx(0.55 - 0.8)
    assert derived.value("accuracy gain", [*own, other[0], {}], 2) is None


def test_a_gain_is_over_the_other_method_with_the_same_seed(tmp_path):
    (tmp_path / "x.toml").write_text(TABLE)
    plan = make_plan(tmp_path / "x.toml")
    accuracy, gain = plan.slots
    for seed, keys in gain.cells.items():
        own, other = (plan.cells[key] for key in keys)
        assert [own.method, other.method] == ["dann", "source-only"]
        assert {own.seed, other.seed} == {seed}
        assert [own.key] == accuracy.cells[seed]
    scores = {"dann": 0.75, "source-only": 0.5}
    shown = set(gain.keys)
    records = {
        k: Record(k, {}, "done", metrics={"accuracy": scores[plan.cells[k].method]}) for k in shown
    }
    done = states.Results(plan, records, dict.fromkeys(shown, "done"))
    assert set(states.measured(gain, done)[0].values()) == {0.25}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (', gain_over = "source-only"', "", "go together"),
        ('metric = "accuracy gain"', 'metric = "accuracy"', "go together"),
        ('"source-only"', '"source-onli"', "did you mean 'source-only'"),
    ],
)
def test_a_gain_on_nothing_is_refused(old, new, said, tmp_path):
    (tmp_path / "x.toml").write_text(TABLE.replace(old, new))
    with pytest.raises(BenchError, match=said):
        experiment.load(str(tmp_path / "x.toml"))


def test_the_gains_of_the_paper_are_asked_for():
    one = experiment.load("ccn")
    table = next(t for t in one.table if t.name == "svhn-mnist")
    assert [c.gain_over for c in table.column] == ["", "source-only"]
