"""`bench show --params`: each value of a method's parameters, and which layer it is from."""

import dataclasses
import re

import pytest
from harness import PLUGINS, bench

from bench import ROOT, registry, shipped
from bench.errors import BenchError
from bench.plan import experiment, meanings, origin

TOML = """
title = "t"
[preset.quick.params.kmeans]
max_iter = 7
[[table]]
name = "t"
caption = "c"
[[table.column]]
label = "plain"
task = "digits/cluster"
metric = "ACC"
[[table.column]]
label = "changed"
task = "digits/transfer"
metric = "ACC"
params = { max_iter = 9 }
quick = { n_init = 3 }
[[table.row]]
label = "pixels"
method = "kmeans"
[[figure]]
name = "f"
caption = "c"
task = "digits/cluster"
metric = "ACC"
x = { label = "restarts", param = "n_init", values = [1, 2] }
[[figure.curve]]
label = "a"
method = "kmeans"
params = { features = "pixels" }
"""


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    path = tmp_path_factory.mktemp("origin") / "mine.toml"
    path.write_text(TOML)
    return path


def traced(toml, preset="quick", task=""):
    """For each group of entries: name -> (value, origin)."""
    registry.load([PLUGINS])
    found = origin.trace(registry.get("kmeans"), experiment.load(str(toml)), preset, task)
    return [{v.name: (v.value, v.origin) for v in values} for _, values in found]


def test_each_layer_is_named_and_the_last_one_counts(toml):
    plain, changed, one, two = traced(toml)
    quick, given = "quick preset of kmeans, baselines/kmeans.py", "preset.quick.params.kmeans"
    assert plain["n_init"] == (10, quick)
    assert plain["max_iter"] == (7, f"{given} of mine.toml")
    assert changed["max_iter"] == (9, "column 'changed'")
    assert changed["n_init"] == (3, "quick of column 'changed'")
    assert (one["n_init"], two["n_init"]) == ((1, "axis"), (2, "axis"))
    assert one["features"] == ("pixels", "curve 'a'")


def test_the_paper_preset_has_neither_quick_values_nor_the_other_presets(toml):
    plain, changed, *_ = traced(toml, "paper")
    assert plain["n_init"][0] == 20
    assert changed["n_init"] == plain["n_init"]
    assert plain["n_init"][1].startswith("default, ")


def test_a_default_is_where_it_says(toml):
    plain = traced(toml)[0]
    file, line = re.fullmatch(r"default, (.+):(\d+)", plain["pretrain_seed"][1]).groups()
    text = (ROOT / file).read_text().splitlines()[int(line) - 1]
    assert text.strip() == "pretrain_seed: int | None = None"


def test_an_inherited_default_is_where_its_class_says(toml):
    ((_, values),) = origin.trace(registry.get("sela"), experiment.load(str(toml)), "paper")
    grey = next(v.origin for v in values if v.name == "grey")
    assert grey.startswith("default, bench/nn/images/augment.py:")


def test_a_recipe_decides_last_where_the_task_is_known():
    info, one = registry.get("dtc"), experiment.load("supreme")
    found = origin.trace(info, one, "paper", "cifar100/transfer")
    for _, values in found:
        by_name = {v.name: (v.value, v.origin) for v in values}
        assert by_name["refresh"] == (10, "the recipe, baselines/dtc.py")
        assert by_name["recipe"] == ("dtc", "preset.paper.params.dtc of supreme.toml")
    ((_, values),) = origin.trace(registry.get("pretrain"), one, "paper", "cifar100/transfer")
    network = next(v.value for v in values if v.name == "network")
    assert '"name": "vgg"' in network


def test_one_task_alone(toml):
    info, one = registry.get("kmeans"), experiment.load(str(toml))
    ((places, _),) = origin.trace(info, one, "quick", "digits/transfer")
    assert places == ["table 't', row 'pixels': changed"]
    (*_, (places, _)) = origin.trace(info, one, "quick", "digits/cluster")
    assert places == ["figure 'f', curve 'a': n_init=2"]
    with pytest.raises(BenchError, match="mine has no entry of kmeans on mnist/cluster"):
        traced(toml, task="mnist/cluster")


def test_a_method_that_other_cells_need_has_the_layers_below(toml):
    found = origin.trace(registry.get("pretrain"), experiment.load(str(toml)), "quick")
    ((places, values),) = found
    assert places == [
        "in no row: so where --methods adds one, or another cell needs it and says no more"
    ]
    assert {v.name: v.value for v in values}["epochs"] == 12


def test_the_command_prints_it(toml, capsys):
    assert (
        bench("show", "--params", "kmeans", "--experiment", toml, "--task", "digits/cluster") == 0
    )
    said = capsys.readouterr().out
    assert "kmeans, quick preset, mine" in said
    assert re.search(r"max_iter +7 +preset\.quick\.params\.kmeans of mine\.toml", said)


def test_without_an_experiment_it_says_what_the_parameters_mean(capsys):
    assert bench("show", "--params", "dec") == 0
    said = capsys.readouterr().out
    assert said.startswith("dec: Deep embedded clustering")
    assert "\n  max_epochs = 100 (quick: 30)\n    Stop here at the latest; the paper" in said
    assert "\n  momentum = 0.9\n    Momentum of SGD.\n" in said  # quick has the same
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize("name", shipped.methods())
def test_every_parameter_has_a_meaning_also_the_inherited_ones(name):
    found = meanings.of(registry.get(name))
    assert [one.name for one in found] == [
        f.name for f in dataclasses.fields(registry.get(name).cls)
    ]
    assert not [one.name for one in found if not one.meaning]


def test_a_parameter_without_words_has_no_meaning():
    registry.load([PLUGINS])
    assert {one.meaning for one in meanings.of(registry.get("carrier"))} == {""}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "show takes a CELL, or --params METHOD"),
        (("abc", "--params", "kmeans"), "show takes a CELL, or --params METHOD"),
        (("--params", "kmeans", "--task", "digits/cluster"), "--task and --set need --experiment"),
        (("--params", "kmeans", "--set", "kmeans.n_init=5"), "--task and --set need --experiment"),
        (("--params", "kmean", "--experiment", "digits"), "did you mean 'kmeans'"),
        (("--params", "kmeans", "--experiment", "digits", "--task", "digits/clustr"), "did you"),
    ],
)
def test_what_it_refuses(words, said, capsys):
    assert bench("show", *words) == 2
    assert said in capsys.readouterr().err
