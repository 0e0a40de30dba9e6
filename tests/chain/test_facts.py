"""Tables of settings: words in place of numbers, from tasks and methods as they are registered."""

from dataclasses import dataclass

import pytest
from harness import bench, make_plan, places

from bench import registry
from bench.datasets import Part, TaskSpec, tasks
from bench.errors import BenchError
from bench.method_info import MethodInfo
from bench.plan import experiment, settings
from bench.plan.entry import Entry
from bench.render import latex
from bench.render import tables as text
from bench.report import comparisons, renewing, table_views
from bench.store import states
from bench.store.folders import Store

SETTINGS = """
title = "T"
[preset.quick]
seeds = 2
[preset.quick.params.autoencoder]
learning_rate = 0.25
[[table]]
name = "data"
caption = "What is learned from"
[[table.column]]
label = "clusters"
task = "tiny/cluster"
method = "centroids"
[[table.column]]
label = "probes"
task = "tiny/probe"
[[table.row]]
label = "A"
fact = "auxiliary"
[[table.row]]
label = "T"
fact = "target"
[[table]]
name = "parameters"
caption = "How"
[[table.column]]
label = "of K-means"
method = "kmeans"
[[table.row]]
label = "restarts"
fact = "n_init"
params = { n_init = 7 }
note = "Lloyd's"
"""


@pytest.fixture(scope="module", autouse=True)
def _registered():
    from harness import FAULTY, PLUGINS

    registry.load([PLUGINS, FAULTY])


@dataclass(frozen=True)
class Made:
    """Attributes of all kinds."""

    rate: float = 1e-3
    widths: tuple[int, ...] = (8, 16)
    none: tuple[int, ...] = ()
    absent: int | None = None
    yes: bool = True

    def fit(self):
        raise NotImplementedError


def test_data_are_told_by_dataset_split_selection_and_limit(monkeypatch):
    some = Part("digits", where={"label": (0, 1, 2)}, half=1)
    others = Part("digits", where={"label": tuple(range(3, 10))})
    made = TaskSpec("made", "cluster", "", some, 3, quick={"target": 1500}, source=others)
    known = {**tasks(), "made": made}
    monkeypatch.setattr(settings, "get_task", lambda name, where: known[name])

    def told(role, preset="paper", task="made"):
        return settings.tell(Entry(task=task, fact=role), preset)

    assert told("target") == "digits, label 0, 1, 2, half 2 of 2"
    assert told("target", "quick") == "digits, label 0, 1, 2, half 2 of 2, at most 1,500 images"
    assert told("source") == "digits, 7 of label"
    assert told("auxiliary") == "\N{EN DASH}"
    assert told("source", task="svhn-mnist/adapt") == "svhn train"
    assert told("target", task="omniglot/Keble") == "omniglot evaluation, alphabet Keble"


def test_parameters_are_told_as_one_would_write_them(monkeypatch):
    info = MethodInfo("made", Made, ("cluster",), {"rate": 0.5}, False, False)
    monkeypatch.setitem(registry._methods, "made", info)

    def told(fact, preset="paper"):
        return settings.tell(Entry(method="made", fact=fact), preset)

    assert (told("rate"), told("rate", "quick")) == ("0.001", "0.5")
    assert told("widths") == "8, 16"
    assert told("none") == told("absent") == "\N{EN DASH}"
    assert told("yes") == "yes"
    with pytest.raises(BenchError, match="unknown role or attribute of made 'fit'"):
        told("fit")


def test_the_losses_of_the_paper_s_table_4():
    def told(name):
        return settings.tell(Entry(method=name, fact="losses"), "paper")

    expected = {"similarity": "CE", "ccn": "LCO", "mcl": "LCO", "source-only": "CE"}
    expected |= {"dann": "CE, DA", "jan": "CE, DA", "ccn+": "LCO, CE", "ccn++": "LCO, CE, DA"}
    assert {name: told(name) for name in expected} == expected


BAD = {
    "attribute": ('"n_init"\n', '"n_int"\n', "of kmeans 'n_int': did you mean 'n_init'?"),
    "no task": ('label = "clusters"\ntask = "tiny/cluster"', 'label = "c"', "needs one task"),
    "no method": ('method = "kmeans"', "", "fact 'n_init' needs a method"),
    "a metric too": ('method = "kmeans"', 'method = "kmeans"\nmetric = "ACC"', "make two tables"),
    "some without": ('fact = "target"', "", "some entries name a fact, others a metric"),
    "two facts": (
        'task = "tiny/probe"',
        'task = "tiny/probe"\nfact = "source"',
        "both name a fact",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    old, new, expected = BAD[case]
    assert SETTINGS.count(old) == 1
    path = tmp_path / "bad.toml"
    path.write_text(SETTINGS.replace(old, new))
    with pytest.raises(BenchError, match=r"bad\.toml: table '") as caught:
        experiment.load(str(path))
    assert expected in str(caught.value)


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(SETTINGS)
    return states.read(make_plan(path), Store(tmp_path))


def test_nothing_is_computed_or_compared(results, tmp_path):
    assert not results.plan.cells
    assert len(results.plan.slots) == 5
    renewing.update(results, "first", folder=tmp_path / "reference")
    assert comparisons.compare_all(results, tmp_path / "reference") == []


def test_words_stand_in_every_format(results):
    data, parameters = table_views.views(results)[0]
    markdown = text.markdown(data)
    assert "| A  | glyphs" in markdown
    assert "What is learned from. Preset: quick.\n" in markdown
    assert "digits, label 6, 7, 8, 9, at most 150 images" in markdown
    assert "standard deviation" not in markdown
    tex = latex.latex(data)
    assert r"\begin{tabular}{ll}" in tex
    assert r"A & glyphs \\" in tex
    assert r"A & \textendash{} \\" in tex
    assert "glyphs" in text.console(data)
    assert text.csv(parameters).splitlines() == [
        "experiment,table,preset,group,row,column,words,note",
        "x,parameters,quick,,restarts,of K-means,7,Lloyd's",
    ]


def test_parameters_are_those_that_the_preset_would_run(tmp_path):
    path = tmp_path / "x.toml"
    row = '[[table.row]]\nlabel = "rate"\nmethod = "autoencoder"\nfact = "learning_rate"\n'
    head, tail = SETTINGS.split('label = "of K-means"\nmethod = "kmeans"\n')
    path.write_text(head + 'label = "value"\n' + row)
    assert tail
    view = table_views.views(states.read(make_plan(path), Store(tmp_path)))[0][1]
    assert [e.slot.words for e in view.entries] == ["0.25"]


def test_render_writes_them_without_a_run(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(SETTINGS)
    (tmp_path / "results").mkdir()
    assert bench("render", path, *places(tmp_path / "results")) == 0
    assert (tmp_path / "results" / "tables" / "x-data-quick.tex").exists()
