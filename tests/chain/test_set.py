"""`--set METHOD.PARAM=VALUE`: another value as if the TOML said so, in tables of its own."""

import json
import uuid
from typing import Any

import pytest
from conformance.test_plugins import METHOD
from harness import PLUGINS, bench, make_plan, outputs, places, write_experiment

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment, given, origin

FIRST: dict[str, Any] = {"method": "centroids", "params": {"iterations": 3}}
ROWS: list[dict[str, Any]] = [FIRST, {"method": "carrier"}]


@pytest.fixture
def toml(tmp_path):
    return write_experiment(tmp_path / "mine.toml", "tiny/cluster", ROWS, n=2)


def test_the_keys_are_those_of_a_toml_that_says_so(toml, tmp_path):
    changed = [{**FIRST, "params": {"iterations": 7}}, ROWS[1]]
    said = make_plan(write_experiment(tmp_path / "it.toml", "tiny/cluster", changed, n=2))
    asked = make_plan(toml, given={"centroids": {"iterations": 7}})
    assert asked.cells.keys() == said.cells.keys() != make_plan(toml).cells.keys()
    assert (said.shown, asked.shown) == ("quick", "quick, centroids.iterations=7")


def test_a_value_that_is_in_force_anyway_is_told(toml):
    asked = make_plan(toml, given={"centroids": {"iterations": 3}})
    assert asked.cells.keys() == make_plan(toml).cells.keys()
    note = "centroids.iterations is 3 anyway: --set gives these numbers another name and no more"
    assert asked.notes == [note]
    assert not make_plan(toml, given={"centroids": {"iterations": 7}}).notes


@pytest.mark.parametrize("verb", ["status", "render", "check", "report"])
def test_the_parameter_of_a_plug_in_can_be_set_by_whatever_verb(verb, tmp_path, capsys):
    folder = tmp_path / f"own{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    (folder / "it.py").write_text(METHOD.format(n=folder.name))
    name = f"m-{folder.name}"
    toml = write_experiment(tmp_path / "o.toml", "tiny/cluster", [{"method": name}], n=1)
    words = [toml, *places(tmp_path / "r"), "--plugins", folder, "--set", f"{name}.a=2"]
    (tmp_path / "r").mkdir()
    assert bench(verb, *words) in (0, 3), capsys.readouterr().err


def test_what_is_set_has_tables_of_its_own_and_no_reference(toml, tmp_path, capsys, forkserver):
    results = tmp_path / "results"
    assert bench("run", toml, *places(results)) == 0
    assert bench("check", toml, *places(results), "--update", "--reason", "first") == 0
    before = outputs(results)
    capsys.readouterr()
    words = ["--set", "centroids.iterations=7"]
    assert bench("run", toml, *places(results), *words, "--dry-run") == 0
    said = capsys.readouterr().out
    # The other rows stand beside it, and are done already.
    assert "mine (quick, centroids.iterations=7): 6 cells, 4 done, 2 to compute" in said
    assert bench("run", toml, *places(results), *words) == 0
    after = outputs(results)
    assert before.items() <= after.items()
    new = "mine-t-quick-centroids.iterations-7"
    assert after.keys() - before.keys() == {
        f"tables/{new}.tex", f"tables/{new}.md", f"tables/{new}.csv",
        "all-quick-centroids.iterations-7.tex",
    }  # fmt: skip
    assert b"Preset: quick, centroids.iterations=7." in after[f"tables/{new}.md"]
    capsys.readouterr()
    assert bench("check", toml, *places(results), *words) == 3
    assert "without a reference: mine" in capsys.readouterr().out
    assert bench("status", toml, *places(results), *words, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["set"], content["counts"]["done"]) == (["centroids.iterations=7"], 6)


def test_a_table_that_varies_the_parameter_itself_is_left_out(tmp_path):
    rows = [{**FIRST, "label": f"{i}", "params": {"iterations": i}} for i in (1, 2)]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    with pytest.raises(BenchError, match=r"x t varies centroids.iterations itself"):
        make_plan(toml, given={"centroids": {"iterations": 7}})
    with pytest.raises(BenchError, match="no table or figure of x has that method"):
        make_plan(toml, given={"carrier": {}, "kmeans": {"n_init": 7}})
    # A budget that differs by task is no axis.
    text = toml.read_text().replace('label = "2"', 'label = "2"\nsetting = { n_clusters = 3 }')
    toml.write_text(text)
    plan = make_plan(toml, given={"centroids": {"iterations": 7}})
    assert [dict(cell.params)["iterations"] for cell in plan.cells.values()] == [7, 7]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("kmeans.n_init=5", 5),
        ("kmeans.features=source", "source"),
        ('kmeans.features="source"', "source"),
        ("kmeans.pretrain_seed=none", None),
        ("kmeans.pretrain_seed=3", 3),
        ("dec.tolerance=0", 0.0),
    ],
)
def test_values_are_read_as_the_parameters_want_them(text, value):
    ((params),) = given.read([text], "--set").values()
    ((found),) = params.values()
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kmeans.n_init", "--set kmeans.n_init: write METHOD.PARAM=VALUE"),
        ("n_init=5", "--set n_init=5: write METHOD.PARAM=VALUE"),
        ("kmean.n_init=5", "--set: unknown method 'kmean': did you mean 'kmeans'?"),
        ("kmeans.n_int=5", "unknown parameter of kmeans 'n_int': did you mean 'n_init'?"),
        ("kmeans.n_init=many", "--set: kmeans.n_init = 'many' is no whole number"),
        ("kmeans.n_init=0", "--set: kmeans.n_init = 0 must be above 0"),
        ("dec.tolerance=nan", "--set: dec.tolerance = nan is no finite number"),
        ("kmeans.features=both", "--set: kmeans.features = 'both' is none of 'pixels', 'source'"),
        ("sela.momentum=1.5", "--set: sela.momentum = 1.5 must be in 0..1"),
        ("dino.local_scale=[0.9, 0.1]", "local_scale must rise within 0..1"),
        ("dino.clip=-1", "--set: dino.clip = -1.0 must be above 0"),
        ("kcl.margin=-1", "--set: kcl.margin = -1.0 must be 0 or more"),
        ("supreme.balance_weight=-1", "supreme.balance_weight = -1.0 must be 0 or more"),
        ("dann.weights_rate=-1", "--set: dann.weights_rate = -1.0 must be 0 or more"),
        ("autoencoder.layer_iterations=-1", "layer_iterations = -1 must be 0 or more"),
        ("probe.dims=0", "dims = 0 and limit = 1024 must be at least 1"),
        ("autoencoder.dropout=1", "autoencoder.dropout = 1.0 must be 0 or more and below 1"),
    ],
)
def test_what_cannot_be_is_one_sentence(text, said, capsys):
    assert bench("status", "digits", "--set", text) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_selection_that_leaves_the_method_out_is_named(capsys):
    words = ("--set", "kmeans.n_init=5", "--methods", "dec")
    assert bench("status", "digits", *words) == 2
    assert "digits has that method among --methods dec" in capsys.readouterr().err


def test_set_twice():
    with pytest.raises(BenchError, match=r"kmeans.n_init is set twice"):
        given.read(["kmeans.n_init=5", "kmeans.n_init=6"], "--set")


def test_names_tell_values_apart():
    values = {"a": 2.0, "b": 0.1 + 0.2, "c": None, "d": True, "e": ("x", 1)}
    assert given.words({"m": values}) == (
        "m.a=2", "m.b=0.30000000000000004", "m.c=none", "m.d=true", "m.e=[x, 1]",
    )  # fmt: skip


def test_its_origin_is_the_command_line(toml, capsys):
    registry.load([PLUGINS])
    info, one = registry.get("centroids"), experiment.load(str(toml))
    ((_, values),) = origin.trace(info, one, "quick", given={"iterations": 7})
    assert ("iterations", 7, "command line") in {(v.name, v.value, v.origin) for v in values}
    words = ["--params", "centroids", "--experiment", toml, "--set", "centroids.iterations=7"]
    assert bench("show", *words, "--plugins", PLUGINS) == 0
    assert "command line" in capsys.readouterr().out


def test_every_shipped_value_is_in_its_range():
    for info in registry.load().values():
        for preset in ("quick", "paper"):
            params = info.params(preset, {})
            assert info.params(preset, params) == params
