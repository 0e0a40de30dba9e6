"""A kept plan is the plan that would be made, and anything that planning reads refuses it."""

import dataclasses
import hashlib
import os
import pickle
import shutil
import subprocess
import sys

import pytest
from chain.test_light import SCRIPT
from harness import bench, write_experiment

from bench import ROOT, registry
from bench.datasets import prepare
from bench.nn.networks import rectified
from bench.plan import experiment, graph
from bench.store import code, kept_plan

WORDS = {"experiments": ["mine.toml"], "preset": "quick"}
ROWS = [{"method": "kmeans"}, {"method": "tsp", "label": "TSP"}]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An experiment, prepared data and a cache of plans, all of the test's own."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "data").mkdir()
    (tmp_path / "weights").mkdir()
    write_experiment(tmp_path / "mine.toml", "digits/cluster", ROWS, n=2)
    prepare("digits", tmp_path / "data")
    sources = tmp_path / "sources"
    (sources / "methods").mkdir(parents=True)
    for file in ("methods/ours.py", "published.csv", "other.toml"):
        (sources / file).write_text("as it was\n")
    real = sorted(path for path in sources.rglob("*") if path.is_file())
    monkeypatch.setattr(kept_plan, "_sources", lambda: real)
    return tmp_path


def planned(place):
    """The plan, made."""
    chosen = [experiment.load(str(place / "mine.toml"))]
    return graph.make(chosen, graph.Options(data_root=place / "data"))


def asked(place, **words):
    return kept_plan.Asked({**WORDS, **words}, place / "data", (place / "mine.toml",))


def test_a_kept_plan_is_the_one_that_would_be_made(place, monkeypatch):
    made = planned(place)
    kept_plan.keep(asked(place), made)
    monkeypatch.setattr(code, "_told", {})
    found = kept_plan.recall(asked(place))
    assert found is not None
    assert found is not made
    for field in dataclasses.fields(graph.Plan):
        if field.name != "stems":
            assert getattr(found, field.name) == getattr(made, field.name), field.name
    assert list(found.cells) == list(made.cells)
    assert code._told == {
        **{key: code._of_cell(cell) for key, cell in made.cells.items()},
        "scoring": code._scoring(),
    }


def test_some_experiments_are_taken_out_of_the_plan_of_all(place):
    """As they alone would be planned, cells in the same order: `ccn` shares some of theirs."""
    options = graph.Options(data_root=place / "data")
    of = {name: experiment.load(name) for name in ("ccn", "digits", "discovery")}
    everything = kept_plan.Asked({"experiments": [], "every": True}, place / "data")
    kept_plan.keep(everything, graph.make(of.values(), options))
    for names in (["discovery"], ["digits", "ccn"], ["digits", "digits"]):
        made = graph.make([of[name] for name in dict.fromkeys(names)], options)
        words = {"experiments": names, "every": False}
        found = kept_plan.recall(kept_plan.Asked(words, place / "data"))
        for field in dataclasses.fields(graph.Plan):
            if field.name != "stems":
                assert getattr(found, field.name) == getattr(made, field.name), field.name
        assert list(found.cells) == list(made.cells)
    for more in ({"experiments": ["mnist"]}, {"experiments": ["digits"], "preset": "paper"}):
        assert kept_plan.recall(kept_plan.Asked(more, place / "data")) is None


def _edited(place):
    (place / "sources" / "methods" / "ours.py").write_text("as it is\n")


def _other_table(place):
    (place / "sources" / "published.csv").write_text("other numbers\n")


def _other_experiment(place):
    write_experiment(place / "mine.toml", "digits/cluster", ROWS, n=3)


def _weights_came(place):
    (place / "weights" / "resnet18.safetensors").write_bytes(b"weights")


def _data_went(place):
    shutil.rmtree(place / "cache" / "digits")


def _changed_on_disk(place):
    file = asked(place).file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _cut(place):
    file = asked(place).file
    file.write_bytes(file.read_bytes()[:-3])


def _emptied(place):
    asked(place).file.write_bytes(b"")


@pytest.mark.parametrize(
    "change",
    [_edited, _other_table, _other_experiment, _weights_came, _changed_on_disk, _cut, _emptied],
)
def test_whatever_planning_reads_refuses_it(place, change):
    kept_plan.keep(asked(place), planned(place))
    assert kept_plan.recall(asked(place)) is not None
    change(place)
    assert kept_plan.recall(asked(place)) is None


def test_data_that_changed_refuse_it(place, monkeypatch):
    """Their fingerprint is in every key: looked at anew, whatever was kept."""
    kept_plan.keep(asked(place), planned(place))
    real = graph.look_at

    def other(plan, task, options):
        data, lacks = real(plan, task, options)
        plan.data[task.name] = data.replace("target:", "target:0"), lacks

    monkeypatch.setattr(graph, "look_at", other)
    assert kept_plan.recall(asked(place)) is None


@pytest.mark.parametrize(
    ("name", "value"), [("BENCH_DATA", "/elsewhere"), ("BENCH_ANYTHING", "1")]
)  # fmt: skip
def test_another_environment_asks_for_another_plan(place, monkeypatch, name, value):
    kept_plan.keep(asked(place), planned(place))
    monkeypatch.setenv(name, value)
    assert kept_plan.recall(asked(place)) is None


def test_other_words_packages_and_compilers_ask_for_another_plan(place, monkeypatch):
    before = asked(place).name
    assert asked(place, preset="paper").name != before
    assert asked(place, seeds=1).name != before
    (place / "site" / "torch-99.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(place / "site")
    with_package = asked(place).name
    assert kept_plan._COMPILERS == rectified._COMPILERS
    assert with_package != before
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert asked(place).name not in (before, with_package)


class _Calls:
    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.mark.parametrize("held", [_Calls(), shutil.rmtree, hashlib.sha256, subprocess.Popen])
def test_a_plan_in_the_cache_calls_nothing(place, monkeypatch, held):
    monkeypatch.chdir(place)
    content = pickle.dumps((held, {}, ""))
    asked(place).file.parent.mkdir(parents=True)
    digest = hashlib.sha256(content).hexdigest().encode()
    asked(place).file.write_bytes(digest + b"\n" + content)
    assert kept_plan.recall(asked(place)) is None
    assert not (place / "ran").exists()


def test_old_plans_go(place, monkeypatch):
    monkeypatch.setattr(kept_plan, "_MOST", 3)
    plan = planned(place)
    for n in range(5):
        kept_plan.keep(asked(place, seeds=n), plan)
    assert len(list(asked(place).file.parent.iterdir())) == 3
    assert kept_plan.recall(asked(place, seeds=4)) is not None


def test_a_cache_that_cannot_be_written_keeps_nothing(place):
    (place / "cache" / "plans").write_text("in the way")
    kept_plan.keep(asked(place), planned(place))
    assert kept_plan.recall(asked(place)) is None


def test_after_a_run_those_that_look_and_a_run_with_nothing_to_do_import_no_torch(tmp_path):
    toml = write_experiment(tmp_path / "mine.toml", "digits/cluster", [{"method": "kmeans"}])
    (tmp_path / "data").mkdir()
    places = ["--results", str(tmp_path / "results"), "--data-root", str(tmp_path / "data")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path / "cache")}
    environment.pop(registry.PLUGINS, None)  # of a run that an earlier test made in this process

    def said(*words):
        """What it printed, and the heavy packages that it imported."""
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT % (("torch", "sklearn", "matplotlib"),), *words, *places],
            env=environment, capture_output=True, text=True, check=words[0] != "check",
        )  # fmt: skip
        return done.stdout, done.stderr.strip().splitlines()[-1]

    _, heavy = said("run", str(toml))
    assert "torch" in heavy
    tables = {p.name: p.read_bytes() for p in (tmp_path / "results" / "tables").iterdir()}
    again, heavy = said("run", str(toml))
    assert (heavy, "1 done, 0 to compute" in again) == ("[]", True)
    assert {p.name: p.read_bytes() for p in (tmp_path / "results" / "tables").iterdir()} == tables
    seen, heavy = said("status", str(toml))
    assert (heavy, seen.split()[-6:]) == ("[]", ["1", "0", "0", "0", "0", "0"])
    assert said("check", str(toml))[1] == "[]"  # of nothing that has a reference: status 3


@pytest.mark.parametrize("verb", ["render", "report"])
def test_verbs_that_write_keep_a_plan_and_those_that_look_do_not(place, verb, monkeypatch):
    monkeypatch.delenv(registry.PLUGINS, raising=False)  # of a run of an earlier test
    (place / "results").mkdir()
    words = [place / "mine.toml", "--results", place / "results", "--data-root", place / "data"]
    assert bench("status", *words) == 0
    assert not (place / "cache" / "plans").exists()
    assert bench(verb, *words) == 0
    assert len(list((place / "cache" / "plans").glob("*.plan"))) == 1


def test_with_plugins_nothing_is_kept(place, monkeypatch):
    from harness import PLUGINS

    toml = place / "mine.toml"
    where = ["--results", place / "results", "--data-root", place / "data"]
    assert bench("run", toml, "--methods", "kmeans", *where, "--plugins", PLUGINS) == 0
    assert not (place / "cache" / "plans").exists()
