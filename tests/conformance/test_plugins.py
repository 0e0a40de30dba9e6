"""What people bring: files in any encoding, copies of ours, helpers, and code that goes wrong."""

import dataclasses
import re
import sys
import time
from typing import Any

import pytest
from harness import DATA, bench, write_experiment

from bench import ROOT, module_text, registry
from bench.errors import DamagedData
from bench.nn import networks
from bench.nn.networks import base
from bench.nn.networks.convnet import ConvNet
from bench.plan import experiment, graph
from bench.run.inputs import gather
from bench.store import code

METHOD = """
from dataclasses import dataclass
from bench.registry import method
from bench.tasks import Need, Prediction

@method("m-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class Mine:
    a: int = 1

    def fit(self, task, run):
        return Prediction()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty plug-in folder of a name that no other test has; what it registers is forgotten."""
    registry.load()
    monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    monkeypatch.setattr(base, "KNOWN", dict(networks.known()))
    monkeypatch.setattr(networks, "KNOWN", base.KNOWN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = tmp_path / f"mine_{time.monotonic_ns()}"
    made.mkdir()
    yield made
    code.fingerprint.cache_clear()
    module_text.helps.cache_clear()


def refused(folder, capsys):
    """The one sentence that `list methods` says of a folder."""
    assert bench("list", "methods", "--plugins", folder) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"bench: .*\n", said)
    return said


def fingerprint(folder, stem="it"):
    code.fingerprint.cache_clear()
    module_text.helps.cache_clear()
    return code.fingerprint(f"{registry.package_of(folder)}.{stem}")


# The encoding of a file.


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8-sig"),
        ("# -*- coding: latin-1 -*-\n", "latin-1"),
        ("#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n", "cp1252"),
        ("", "utf-8"),
    ],
)
def test_a_plugin_is_read_as_python_reads_it(folder, head, encoding):
    text = head + METHOD.format(n=folder.name) + "\nNAME = 'Müller'\n"
    (folder / "it.py").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    registry.load([folder])
    found = fingerprint(folder)
    (folder / "it.py").write_bytes((METHOD.format(n=folder.name) + "\nNAME = 'Müller'\n").encode())
    assert fingerprint(folder) == found


@pytest.mark.parametrize("content", [METHOD.encode("utf-16"), b"x = '\xff'\n", b"x = 1\0\n"])
def test_what_python_cannot_read_is_one_sentence(folder, capsys, content):
    (folder / "it.py").write_bytes(content)
    assert f"{folder / 'it'}.py cannot be imported: SyntaxError" in refused(folder, capsys)


# Copies of ours.


def test_a_copied_network_under_its_old_name_is_refused(folder, capsys):
    text = (ROOT / "bench/nn/networks/convnet.py").read_text()
    (folder / "convnet.py").write_text(text.replace("3, padding=1", "5, padding=2"))
    said = refused(folder, capsys)
    assert "network 'convnet' is already bench.nn.networks.convnet.ConvNet: choose another" in said
    assert f"{folder / 'convnet'}.py" in said
    assert networks.known()["convnet"] is ConvNet


def test_a_copied_network_under_a_name_of_its_own_is_the_one_that_trains(folder):
    text = (ROOT / "bench/nn/networks/convnet.py").read_text()
    own = text.replace('name="convnet"', 'name="convnet5"').replace("3, padding=1", "5, padding=2")
    (folder / "convnet.py").write_text(own)
    registry.load([folder])
    built: Any = networks.build(networks.describe("convnet5", channels=1, outputs=2))
    assert type(built).__module__ == f"bench_{folder.name}.convnet"
    assert built.convs[0][0].kernel_size == (5, 5)
    shipped: Any = networks.build(networks.describe("convnet", channels=1, outputs=2))
    assert shipped.convs[0][0].kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (METHOD.replace('"m-{n}"', '"kmeans"'), "method 'kmeans' in .*: the name is taken by"),
        (METHOD.replace('("cluster",)', '("cluster",), aliases=("dec",)'), "the name is taken by"),
        (
            "from bench.datasets import Part, TaskSpec, register_task\n"
            "register_task(TaskSpec('omniglot/alphabets', 'cluster', '', Part('digits'), 10))",
            "task 'omniglot/alphabets': the name is taken",
        ),
    ],
)
def test_names_cannot_clash_silently(folder, capsys, text, words):
    (folder / "it.py").write_text(text.replace("{n}", folder.name))
    assert re.search(words, refused(folder, capsys))


# Helpers.


def test_a_helper_beside_a_plugin_is_hinted_at(folder, capsys):
    (folder / "helper.py").write_text("x = 1\n")
    (folder / "it.py").write_text("from helper import x\n")
    said = refused(folder, capsys)
    assert "helper.py lies beside it: write `from .helper import …`" in said
    (folder / "it.py").write_text("from .helper import x\n")
    assert bench("list", "methods", "--plugins", folder) == 0


@pytest.mark.parametrize(
    "way", ["module", "inside fit", "of a package", "of its init", "of a helper"]
)
def test_a_helper_that_is_reached_through_the_path_counts_in_the_fingerprint(folder, way):
    lib = folder / "lib"
    (lib / "pkg_of_mine").mkdir(parents=True)
    name = f"helper_{folder.name}"
    path = lib / f"{name}.py"
    line = f"from {name} import x"
    if way == "of a package":
        path = lib / "pkg_of_mine" / f"{name}.py"
        line = f"from pkg_of_mine.{name} import x"
    if way == "of its init":
        path = lib / f"pkg_{name}" / "inner" / "part.py"
        path.parent.mkdir(parents=True)
        (path.parent / "__init__.py").write_text("from .part import x\n")
        line = f"import pkg_{name}.inner"
    if way == "of a helper":
        (lib / f"first_{name}.py").write_text(f"from {name} import x\n")
        line = f"import first_{name}"
    path.write_text("x = 1\n")
    head = f"import sys\nsys.path.insert(0, {str(lib)!r})\n"
    text = METHOD.format(n=folder.name)
    if way == "inside fit":
        text = text.replace("        return", f"        {line}\n        return")
    else:
        head += f"{line}\n"
    (folder / "it.py").write_text(head + text)
    registry.load([folder])
    before = fingerprint(folder)
    path.write_text("x = 1  # a comment\n")
    assert fingerprint(folder) == before
    path.write_text("x = 2\n")
    assert fingerprint(folder) != before


def test_installed_libraries_are_no_helpers():
    assert not any(map(module_text.helps, ("numpy.linalg", "torch", "json", "PIL", "bench")))


# Code that goes wrong before anything runs.

RAISING = "        raise KeyError('lost')\n"
WRONG = {
    "exit": ("import sys\nsys.exit('bye')\n" + METHOD, "SystemExit: bye (it.py, line 2)"),
    "exit silently": ("raise SystemExit\n", "imported: SystemExit (it.py, line 1)"),
    "recursion": ("def f():\n    f()\nf()\n", "it.py cannot be imported: RecursionError"),
    "path": (
        "from pathlib import Path\n" + METHOD.replace("a: int = 1", "a: Path = Path('x')"),
        "parameter 'a' = PosixPath('x') is no number, text",
    ),
    "set": (METHOD.replace("a: int = 1", "a: frozenset = frozenset()"), "'a' = frozenset() is no"),
    "number of NumPy's": (
        "import numpy as np\n" + METHOD.replace("a: int = 1", "a: float = np.float32(1)"),
        "is no number, text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_goes_wrong_at_import_is_one_sentence_with_the_file(folder, capsys, case):
    text, words = WRONG[case]
    (folder / "it.py").write_text(text.replace("{n}", folder.name))
    said = refused(folder, capsys)
    assert words in said
    assert "it.py" in said or f"{folder.name}.it" in said


ANSWERS = {
    "circle": (
        "    def needs(self, task):\n        return {'own': Need('{name}')}\n",
        "'{name}' needs '{name}' needs '{name}' needs …",
    ),
    "ever another": (
        "    def needs(self, task):\n        return {'own': Need('{name}', {'a': self.a + 1})}\n",
        "needs …: no cell can be the first",
    ),
    "needs raises": ("    def needs(self, task):\n" + RAISING, "on tiny: KeyError: 'lost'"),
    "needs nothing known": (
        "    def needs(self, task):\n        return {'own': Need('kmean')}\n",
        "unknown method 'kmean': did you mean 'kmeans'",
    ),
    "needs None": ("    def needs(self, task):\n        return None\n", "needs() returns None"),
    "unavailable raises": ("    def unavailable(self):\n" + RAISING, "unavailable(): KeyError"),
    "resolved raises": ("    def resolved(self):\n" + RAISING, "resolved(): KeyError: 'lost'"),
    "checks raise": ("    def __post_init__(self):\n" + RAISING, "'lost'"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_a_method_answers_wrongly_is_one_sentence_with_its_name(folder, capsys, case):
    body, words = ANSWERS[case]
    name = f"m-{folder.name}"
    text = METHOD.format(n=folder.name) + "\n" + body.replace("{name}", name)
    (folder / "it.py").write_text(text)
    toml = write_experiment(folder.parent / "x.toml", "digits/cluster", [{"method": name}])
    assert bench("status", toml, "--plugins", folder, "--results", folder.parent) == 2
    said = capsys.readouterr().err
    assert words.replace("{name}", name).replace("on tiny", "on digits/cluster") in said
    assert said.count("\n") == 1
    assert name in said or "kmean" in said


def test_a_folder_with_a_point_in_its_name(folder):
    dotted = folder.with_name(f"{folder.name}.v2")
    dotted.mkdir()
    (dotted / "it.py").write_text(METHOD.format(n=folder.name))
    assert f"m-{folder.name}" in registry.load([dotted])


def test_a_task_that_declares_another_number_of_classes_is_named(folder, capsys, forkserver):
    (folder / "it.py").write_text(
        "from bench.datasets import Part, TaskSpec, register_task\n"
        f"register_task(TaskSpec('digits/{folder.name}', 'cluster', '', Part('digits'), 9))\n"
    )
    rows = [{"method": "kmeans", "seeds": 1}]
    toml = write_experiment(folder.parent / "x.toml", f"digits/{folder.name}", rows)
    assert bench("run", toml, "--plugins", folder, "--results", folder.parent / "r") == 3
    said = capsys.readouterr().out
    assert "declares n_clusters = 9, and its target in 'digits' has 10 classes" in said


@pytest.mark.parametrize(
    ("labels", "said"),
    [(range(10), "has 10 classes, its target in 'digits' 2"),
     ((0, 6), "has '6' as class 1, its target in 'digits' '5'")],
)  # fmt: skip
def test_labels_that_number_other_classes_than_the_targets_are_named(
    labels, said, folder, capsys, forkserver
):
    """Labels are numbered by the classes that a part has: 5 is the target's 1, a source's 5."""
    (folder / "it.py").write_text(
        "from bench.datasets import Part, TaskSpec, register_task\n"
        f"source = Part('digits', where={{'label': {tuple(labels)}}})\n"
        f"target = Part('digits', where={{'label': (0, 5)}})\n"
        f"register_task(TaskSpec('digits/{folder.name}', 'adapt', '', target, 2, source=source))\n"
    )
    rows = [{"method": "source-only", "seeds": 1}]
    toml = write_experiment(
        folder.parent / "x.toml", f"digits/{folder.name}", rows, metric="accuracy"
    )
    results = folder.parent / "r"
    assert bench("run", toml, "--plugins", folder, "--results", results) == 3
    assert f"its source in 'digits' {said}" in capsys.readouterr().out


def test_data_that_are_prepared_anew_during_a_run_are_named(tmp_path):
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", [{"method": "kmeans"}])
    plan = graph.make([experiment.load(str(toml))], graph.Options(data_root=DATA))
    cell = next(iter(plan.cells.values()))
    gather(cell, DATA, tmp_path)
    with pytest.raises(DamagedData, match="digits changed since this run was planned"):
        gather(
            dataclasses.replace(cell, data=cell.data.replace("target:", "target:0")), DATA, tmp_path
        )
