"""Mistakes in plug-ins that bring data sets and tasks are one sentence each."""

import dataclasses
import re
from typing import Any

import pytest
from harness import bench
from tiny_dataset import COLOURS, LABELS, PIXELS, SPLIT, forgetting, write_folders, write_npz

from bench.datasets import (
    Folder,
    Npz,
    Part,
    Raw,
    TaskSpec,
    get,
    get_task,
    look,
    make_ready,
    prepare,
    register_dataset,
    register_task,
    task_specs,
)
from bench.datasets import dataset as registered
from bench.errors import BenchError


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """`tiny(counts=…)` declares the tiny dataset otherwise; what is registered is forgotten."""
    return forgetting(monkeypatch)


# Mistakes in the declaration of a data set.


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sources": Npz()}, r"sources = Npz\(.*\) must be a tuple .* comma: \(Folder\(\),\)"),
        ({"sources": ()}, "sources .* at least one source"),
        ({"sources": (Npz,)}, "which is no source, call it"),
        ({"sources": ("tiny.npz",)}, r"'tiny.npz', which is no source, it has no splits\(\)"),
        ({"shape": (12, 12)}, r"shape = \(12, 12\) must be \(height, width, channels\)"),
        ({"shape": (12.0, 12, 1)}, "whole numbers above 0"),
        ({"counts": [600, 100]}, r"counts = \[600, 100\] must be split -> number of images"),
        ({"counts": {"train": "600"}}, "counts .* must be split -> number"),
        ({"labels": "abc"}, "labels = 'abc' must be a tuple of the classes' names"),
        ({"labels": ("a", "a")}, "each once"),
        ({"complete": 3}, "complete = 3 must be a function"),
        ({"summary": None}, "summary = None must be text"),
        ({"name": "a/b"}, "a name begins with a letter or digit"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_its_data_set(change, words):
    wrong = dataclasses.replace(get("tiny"), **{"name": "other", **change})
    with pytest.raises(BenchError, match=rf"^dataset '(other|a/b)': {words}|{words}"):
        register_dataset(wrong)
    assert "other" not in registered.names()


def test_lists_will_do(tmp_path):
    lists: Any = {"shape": [4, 5, 1], "labels": list(COLOURS), "sources": [Npz()]}
    known = register_dataset(dataclasses.replace(get("tiny"), name="listed", **lists))
    assert known.shape == (4, 5, 1)
    assert known.labels == COLOURS
    write_npz(tmp_path)
    (tmp_path / "tiny.npz").rename(tmp_path / "listed.npz")
    assert prepare("listed", tmp_path).counts == {"train": 20, "test": 10}


class Giving:
    """A source that gives back what it was made with, or raises it."""

    def __init__(self, raw, splits=("train", "test")):
        self.raw, self.held = raw, splits

    def splits(self, dataset, root):
        return self._given(self.held)

    def read(self, dataset, root):
        return self._given(self.raw)

    @staticmethod
    def _given(what):
        if isinstance(what, Exception):
            raise what
        return what


HALVES: Any = LABELS / 2
WHOLE = {"label": LABELS, "split": SPLIT}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (KeyError("imgs"), r"Giving\.read failed at .*_mistakes\.py:\d+ \(KeyError: 'imgs'\)"),
        (None, r"Giving\.read gave NoneType, expected Raw"),
        (Raw(HALVES, WHOLE, {}), "images must be an array"),
        (Raw(PIXELS, {**WHOLE, "label": HALVES}, {}), "'label' must be .* whole numbers"),
        (Raw(PIXELS, {"label": LABELS}, {}), "no column 'split' says"),
        (Raw(PIXELS, WHOLE, {"split": ("test", "train")}), "'split' names test, train, expected"),
    ],
)
def test_what_a_source_does_wrong_is_one_sentence(tmp_path, tiny, raw, words):
    tiny(sources=(Giving(raw),))
    with pytest.raises(BenchError, match=f"tiny.*{words}"):
        prepare("tiny", tmp_path)


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        (OSError("gone"), r"Giving\.splits failed at .*OSError: gone"),
        (("trian",), "unknown split 'trian': did you mean 'train'"),
    ],
)
def test_a_source_that_cannot_say_its_splits(tmp_path, tiny, splits, words):
    tiny(sources=(Giving(None, splits),))
    assert re.search(words, look("tiny", tmp_path).damage)
    with pytest.raises(BenchError, match=words):
        prepare("tiny", tmp_path)


def test_the_authors_line_is_named_and_not_one_of_the_harness(tmp_path, tiny):
    write_folders(tmp_path)
    tiny(sources=(Folder(from_stem={"number": lambda stem: int(f"n{stem}")}),))
    with pytest.raises(
        BenchError, match=r"Folder\.read failed at .*_mistakes\.py:\d+ \(ValueError"
    ):
        prepare("tiny", tmp_path)


def test_complete_is_asked_as_a_source_is(tmp_path, tiny):
    write_npz(tmp_path)
    tiny(complete=lambda raw: raw.columns["colour"])
    with pytest.raises(BenchError, match=r"tiny.*<lambda> failed at .*KeyError: 'colour'"):
        prepare("tiny", tmp_path)
    tiny(complete=lambda raw: Raw(raw.images, {**raw.columns, "more": LABELS[:3]}, raw.names))
    with pytest.raises(BenchError, match="30 images but 3 values of more"):
        prepare("tiny", tmp_path)


def test_data_that_cannot_be_read_are_no_reason_to_end_a_run(tmp_path, tiny):
    tiny(sources=(Giving(KeyError("imgs")),))
    damaged = make_ready([TaskSpec("x/y", "cluster", "", Part("tiny"), 3)], tmp_path)
    assert "Giving.read failed" in str(damaged["tiny"])


# Mistakes in the declaration of a task.

RED: Any = {"label": "red"}
TASK = TaskSpec("x/y", "cluster", "", Part("tiny"), 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "clutser"}, "task 'x/y': unknown task kind 'clutser': did you mean 'cluster'"),
        ({"n_clusters": "3"}, "task 'x/y': n_clusters = '3' must be a whole number"),
        ({"target": "tiny"}, "target = 'tiny' must be a Part"),
        ({"kind": "adapt"}, "a task of kind 'adapt' needs a source"),
        ({"quick": {"target": 0}}, "quick of target = 0 must be a whole number above 0"),
        (
            {"target": Part("tiny", "trian")},
            "target of task 'x/y': unknown split of tiny 'trian': did you mean 'train'",
        ),
        (
            {"source": Part("tiny", "train", {"label": ("gren",)}), "kind": "adapt"},
            "source of task 'x/y': unknown label of tiny 'gren': did you mean 'green'",
        ),
        ({"target": Part("tiny", where={"label": (3,)})}, "label 3 of tiny is none of 0..2"),
        ({"target": Part("tiny", where=RED)}, "label = 'red' must be a tuple"),
    ],
)
def test_a_task_that_cannot_be_is_refused_when_it_is_registered(change, words):
    with pytest.raises(BenchError, match=words):
        register_task(dataclasses.replace(TASK, **change))
    assert "x/y" not in task_specs.tasks()


def test_a_data_set_may_come_after_its_task(monkeypatch):
    later = dataclasses.replace(get("tiny"), name="later")
    register_task(dataclasses.replace(TASK, target=Part("latr", "train")))
    register_task(dataclasses.replace(TASK, name="x/z", target=Part("later", "train")))
    register_dataset(later)
    assert get_task("x/z").target.dataset == "later"
    with pytest.raises(BenchError, match="target of task 'x/y': unknown dataset 'latr': did you"):
        get_task("x/y")


PLUGIN = """
from bench.datasets import Dataset, Npz, Part, TaskSpec, register_dataset, register_task
register_dataset(Dataset(name="{name}", summary="", shape=(4, 5, 1),
    counts={{"train": 0, "test": 0}}, labels=(), licence="", citation="", how_to_get="draw them",
    sources=(Npz(),)))
register_task(TaskSpec("{name}/{n}", "cluster", "", Part({part}), n_clusters={n}))
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch, capsys):
    """A function from a plug-in's task to what `data prepare` says of it, and its exit status."""
    monkeypatch.delenv("BENCH_CACHE", raising=False)
    root, folder = tmp_path / "data", tmp_path / f"plugin_{tmp_path.name}"
    root.mkdir()
    folder.mkdir()
    name = tmp_path.name.replace("_", "-")

    def said(part='"{name}"', n=3, keep=slice(None)):
        write_npz(root, keep)
        (root / "tiny.npz").rename(root / f"{name}.npz")
        text = PLUGIN.format(name=name, part=part.format(name=name), n=n)
        (folder / "it.py").write_text(text)
        status = bench("data", "prepare", name, "--data-root", root, "--plugins", folder)
        out, err = capsys.readouterr()
        return status, out, err.replace(str(folder), "my").replace(name, "tiny")

    return said


def test_prepare_says_which_splits_are_there(plugin):
    status, out, _ = plugin(keep=slice(20))
    first, second = out.splitlines()
    assert status == 0
    assert "20 images ready in" in first
    assert first.endswith("(train 20)")
    assert "test not under" in second
    assert "draw them" in second


@pytest.mark.parametrize(
    ("part", "n", "words"),
    [
        ('"{name}", where={{"label": ("gren",)}}', 1, "label of tiny 'gren': did you mean 'green'"),
        ('"{name}", label="labl"', 3, "column of tiny 'labl': did you mean 'label'"),
        ('"{name}"', 4, "declares n_clusters = 4, and its target in 'tiny' has 3 classes"),
        ('"{name}", "tset"', 3, "my/it.py: target of task 'tiny/3': unknown split of tiny 'tset'"),
        ('"f_okk"', 3, "target of task 'tiny/3': unknown dataset 'f_okk'"),
    ],
)
def test_prepare_refuses_what_no_task_can_have(plugin, part, n, words):
    status, _, err = plugin(part, n)
    assert status == 2
    assert words in err
    assert err.count("\n") == 1
