"""A plug-in's method: refused at once where it cannot be called, and quiet where others speak."""

import csv
import io
import json
import time
from dataclasses import dataclass

import numpy as np
import pytest
from harness import bench, write_experiment

import bench as front
from bench import registry
from bench.errors import BenchError
from bench.tasks import Prediction

LOUD = """
from dataclasses import dataclass
import numpy as np
from bench.registry import method
from bench.tasks import Prediction

print("imported")

@method("loud-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class Loud:
    a: int = 1

    def __post_init__(self):
        print("built")

    def needs(self, task):
        print("asked")
        return {{}}

    def fit(self, task, run):
        print("fitted")
        return Prediction(assignments=np.arange(len(task.target)) % task.n_clusters)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty plug-in folder of a name that no other test has; what it registers is forgotten."""
    monkeypatch.setattr(registry, "_methods", dict(registry.load()))
    made = tmp_path / f"manners_{time.monotonic_ns()}"
    made.mkdir()
    return made


@pytest.fixture
def register(monkeypatch):
    monkeypatch.setattr(registry, "_methods", dict(registry.load()))
    return registry.method


def test_a_fit_that_takes_no_run_is_refused(register):
    @dataclass(frozen=True)
    class Short:
        def fit(self, task):
            return Prediction()

    with pytest.raises(BenchError, match=r"fit\(self, task\) must take \(self, task, run\)"):
        register("made", kinds=("cluster",))(Short)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quick": {"a": "x"}}, "quick: a = 'x' is no whole number"),
        ({"quick": {"n_init": 0}}, "quick: n_init = 0 must be above 0"),
        ({"neutral": {"a": 1.5}}, "neutral: a = 1.5 is no whole number"),
    ],
)
def test_a_value_that_a_parameter_cannot_have_is_refused(register, options, said):
    @dataclass(frozen=True)
    class Own:
        a: int = 1
        n_init: int = 1

        def fit(self, task, run):
            return Prediction()

    with pytest.raises(BenchError) as caught:
        register("made", kinds=("cluster",), **options)(Own)
    assert str(caught.value).startswith("method 'made' in ")
    assert said in str(caught.value)


def test_one_name_or_folder_is_a_list_of_one(register, folder):
    @register("made", kinds="cluster", aliases="also made", dtypes="float32")
    @dataclass(frozen=True)
    class Own:
        def fit(self, task, run, more=None):
            return Prediction()

    assert registry.get("also made").kinds == ("cluster",)
    (folder / "it.py").write_text(LOUD.format(n=folder.name))
    assert f"loud-{folder.name}" in registry.load(str(folder))
    with pytest.raises(BenchError, match="does not exist"):
        registry.use(folder / "nowhere")


def test_what_it_prints_spoils_no_output(folder, forkserver, capsys):
    (folder / "it.py").write_text(LOUD.format(n=folder.name))
    rows = [{"method": f"loud-{folder.name}"}]
    toml = write_experiment(folder.parent / "x.toml", "digits/cluster", rows)
    places = ["--plugins", folder, "--results", folder.parent / "r"]
    assert bench("run", toml, *places) == 0
    assert "imported" in capsys.readouterr().err
    assert bench("status", toml, "--json", *places) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["counts"]["done"] == 1
    assert {"built", "asked"} <= {*found.err.split()}
    assert bench("export", toml, *places) == 0
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert {len(line) for line in lines} == {len(lines[0])}
    assert bench("list", "methods", "--json", *places) == 0
    json.loads(capsys.readouterr().out)


def test_an_estimator_of_ones_own_is_given_what_the_documents_say(register):
    seen: list[tuple[object, ...]] = []

    @register("made", kinds=("cluster",))
    @dataclass(frozen=True)
    class Own:
        def fit(self, task, run):
            parts = (task.target, task.source.images) if task.source else (task.target,)
            seen.extend((part.dtype, part.shape, part.flags.writeable) for part in parts)
            return Prediction(assignments=np.zeros(len(task.target), np.int64))

    images = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    made = front.estimator("made", n_clusters=2)
    made.fit(images, source=(images, np.arange(5)))
    made.fit(images.reshape(5, 12) / 255)
    assert seen == [
        (np.uint8, (5, 4, 3, 1), False),
        (np.uint8, (5, 4, 3, 1), False),
        (np.float64, (5, 1, 12, 1), False),
    ]
    assert images.flags.writeable
