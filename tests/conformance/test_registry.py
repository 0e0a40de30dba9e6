"""What registration gives to a class, and names that stand for another's."""

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import pytest

from bench import registry, shipped
from bench.errors import BenchError
from bench.plan.cell import Cell
from bench.tasks import Method, Need, Prediction, TaskInfo

INFO = TaskInfo("made/cluster", "cluster", has_source=False, has_auxiliary=False, related={})


@pytest.fixture
def made(monkeypatch):
    """A function that registers a class under "made", for the test alone."""
    monkeypatch.setattr(registry, "_methods", dict(registry.load()))

    def register(**options):
        return registry.method("made", kinds=("cluster",), **options)

    return register


def test_a_class_that_only_fits_is_lent_the_rest(made):
    @made()
    @dataclass(frozen=True)
    class Plain:
        a: int = 1

        def fit(self, task, run):
            return Prediction()

    built: Any = registry.get("made").build({"a": 2})
    assert not isinstance(built, Method)
    assert (built.needs(INFO), built.unavailable(), built.fit_many) == ({}, "", None)
    assert built.resolved() is built


def test_what_a_class_defines_or_inherits_stays(made):
    class Needy:
        def needs(self, task):
            return {"weights": Need("weights")}

    @made()
    @dataclass(frozen=True)
    class Own(Needy):
        def fit(self, task, run):
            return Prediction()

        def unavailable(self):
            return "a GPU"

    built = registry.get("made").build({})
    assert built.needs(INFO) == {"weights": Need("weights")}
    assert built.unavailable() == "a GPU"


def test_the_default_fit_is_none(made):
    @dataclass(frozen=True)
    class Idle(Method):
        a: int = 1

    with pytest.raises(BenchError, match=r"has no fit\(task, run\)"):
        made()(Idle)


def test_a_name_that_is_not_near_the_contract_is_the_methods_own(made):
    @made()
    @dataclass(frozen=True)
    class Own:
        def fit(self, task, run):
            return Prediction()

        def features(self, run):
            return None

        def loss(self):
            return None

    assert registry.get("made").cls is Own


def test_an_alias_is_the_same_class_and_another_cell():
    kcl, ccn = registry.get("kcl"), registry.get("ccn")
    assert (kcl.cls, kcl.quick, kcl.neutral) == (ccn.cls, ccn.quick, ccn.neutral)
    assert (kcl.alias_of, ccn.alias_of) == ("", "kcl")
    assert ccn.summary == f"Alias of kcl: {kcl.summary}"
    cell = Cell("t", (), "kcl", (), "quick", 0, "cpu", "float32", 1, "")
    assert dataclasses.replace(cell, method="ccn").key != cell.key


def test_an_alias_takes_no_name(made):
    @dataclass(frozen=True)
    class Own:
        def fit(self, task, run):
            return Prediction()

    with pytest.raises(BenchError, match=r"the name is taken by bench_methods\.ccn\.KCL"):
        made(aliases=("ccn",))(Own)
    assert registry.get("ccn").alias_of == "kcl"


METHOD = """
from dataclasses import dataclass
from bench.registry import method
from bench.tasks import Prediction

NAME = "of a variable"

@method({name}, kinds=("cluster",))
@dataclass(frozen=True)
class Mine:
    def fit(self, task, run):
        return Prediction()
"""


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """A method folder of the project's own, as its text is read."""
    folder = tmp_path / f"methods_{time.monotonic_ns()}"
    folder.mkdir()
    monkeypatch.setattr(registry, "_methods", dict(registry.load()))
    monkeypatch.setattr(shipped, "FOLDERS", (folder,))
    shipped._read.cache_clear()
    yield folder
    shipped._read.cache_clear()


def test_a_module_is_imported_when_its_method_is_asked_for(ours):
    (ours / "one.py").write_text(METHOD.format(name='"of text"'))
    (ours / "two.py").write_text("raise RuntimeError")
    assert (shipped.methods()["of text"].cls, shipped.unread()) == ("Mine", ())
    assert registry.get("of text").cls.__name__ == "Mine"


def test_a_name_that_the_text_does_not_tell_is_found_by_importing(ours):
    (ours / "one.py").write_text(METHOD.format(name="NAME"))
    assert "of a variable" not in shipped.methods()
    assert shipped.unread() == (ours / "one.py",)
    assert registry.get("of a variable").cls.__name__ == "Mine"


def test_a_module_that_is_no_python_is_named_when_a_method_is_unknown(ours):
    (ours / "broken.py").write_text("def (:")
    assert registry.get("kmeans").name == "kmeans"
    with pytest.raises(BenchError, match=r"broken\.py cannot be imported: SyntaxError"):
        registry.get("nobody's")
