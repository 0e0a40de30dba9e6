"""Data sets of one's own: what is prepared follows its declaration and code; tables of files."""

import dataclasses
import importlib
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_dataset import COLOURS, LABELS, PIXELS, SPLIT, forgetting, without, write_npz

from bench import ROOT, module_text
from bench.datasets import (
    Csv,
    Npz,
    get,
    identity,
    look,
    prepare,
    verify,
)
from bench.errors import BenchError


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """`tiny(counts=…)` declares the tiny dataset otherwise; what is registered is forgotten."""
    return forgetting(monkeypatch)


# What is prepared follows the declaration and the code that reads it.

SHIFTED = Npz({"label": ("shifted", "label_names")})


def shifted(raw):
    return dataclasses.replace(
        raw, columns={**raw.columns, "label": (raw.columns["label"] + 1) % 3}
    )


@pytest.mark.parametrize(
    "change", [{"sources": (SHIFTED,)}, {"complete": shifted}], ids=["a source's field", "complete"]
)
def test_another_declaration_is_another_preparation(tmp_path, tiny, change):
    write_npz(tmp_path, shifted=(LABELS + 1) % 3)
    before = prepare("tiny", tmp_path)
    tiny(**change)
    assert look("tiny", tmp_path).prepared is None
    with pytest.raises(BenchError, match="or as it was declared before: run"):
        verify("tiny", tmp_path)
    after = prepare("tiny", tmp_path)
    assert after.fingerprints != before.fingerprints
    assert look("tiny", tmp_path).fingerprints == after.fingerprints
    tiny()
    assert prepare("tiny", tmp_path).fingerprints == before.fingerprints


def test_a_count_that_is_declared_later_is_held_against_the_images(tmp_path, tiny):
    tiny(counts={"train": 0, "test": 0})
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    tiny(counts={"train": 21, "test": 10})
    with pytest.raises(BenchError, match="tiny train: 20 images, expected 21"):
        prepare("tiny", tmp_path)


@pytest.mark.parametrize("counts", [{"train": 0}, {"trian": 0}])
def test_a_split_that_is_declared_no_more_is_not_read(tmp_path, tiny, counts):
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    tiny(counts=counts)
    assert look("tiny", tmp_path).prepared is None
    with pytest.raises(BenchError, match="as it was declared before"):
        verify("tiny", tmp_path)
    assert prepare("tiny", tmp_path).counts.keys() == counts.keys()


OWN = """
import numpy as np
from bench.datasets import Raw
from {package} import values

class Own:
    def splits(self, dataset, root):
        return {{"train"}}

    def read(self, dataset, root):
        images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1).repeat(4, 1).repeat(5, 2)
        return Raw(images, {{"label": values.of(20)}}, {{}})
"""
VALUES = "import numpy as np\n\ndef of(n):\n    return np.arange(n) % {k}\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function from K to a source of its own code, whose helper numbers K classes."""
    name = f"own_{tmp_path.name}"
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def of(k, head=""):
        (folder / "it.py").write_text(head + OWN.format(package=name))
        (folder / "values.py").write_text(VALUES.format(k=k))
        for module in [m for m in sys.modules if m.startswith(name)]:
            monkeypatch.delitem(sys.modules, module)
        importlib.invalidate_caches()
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        return importlib.import_module(f"{name}.it").Own()

    yield of
    module_text.helps.cache_clear()


def test_the_code_of_a_source_counts_with_what_it_imports(tmp_path, tiny, package):
    own = {"counts": {"train": 20}, "labels": ()}
    tiny(sources=(package(2),), **own)
    before = prepare("tiny", tmp_path)
    tiny(sources=(package(2, "# a comment\n"),), **own)
    assert look("tiny", tmp_path).prepared == before
    tiny(sources=(package(3),), **own)
    assert look("tiny", tmp_path).prepared is None
    assert set(prepare("tiny", tmp_path).columns["label"]) == {0, 1, 2}
    assert set(before.columns["label"]) == {0, 1, 2}  # in its place


def test_what_comes_with_the_project_stays_prepared(tmp_path):
    """The identity of digits, which has no files, is that of every clone so far."""
    (source,) = get("digits").sources
    assert identity.of_source(get("digits"), source, tmp_path) == "18ae22eed2cb368d13a18903715b312d"
    meta = json.loads((prepare("digits", tmp_path).folder / "meta.json").read_text())
    assert "declared" not in meta


def test_what_was_prepared_before_declarations_were_kept(tmp_path):
    """It is made again; where its source is gone, it is all there is."""
    write_npz(tmp_path)
    path = prepare("tiny", tmp_path).folder / "meta.json"
    without(path, "declared")
    prepare("tiny", tmp_path)
    assert "declared" in json.loads(path.read_text())
    without(path, "declared")
    (tmp_path / "tiny.npz").unlink()
    assert prepare("tiny", tmp_path).counts == {"train": 20, "test": 10}
    assert "declared" not in json.loads(path.read_text())


DESCRIBED = """
import functools, re
from bench.datasets import Dataset, Folder
class Own(Folder):
    def __init__(self):
        self.sets, self.me, self.pattern = {"a", "b", "c"}, self, re.compile("x")
    def splits(self, dataset, root): ...
    def read(self, dataset, root): ...
first = functools.partial(lambda n, stem: n, 3)
sources = (Folder(from_stem={"n": first, "m": lambda stem: 0}), Own())
print(Dataset("d", "", (1, 1, 1), {"all": 1}, (), "", "", "", sources).description)
"""


def test_a_description_is_the_same_in_every_process():
    said = {
        subprocess.run(
            [sys.executable, "-c", DESCRIBED],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "12"
    }
    assert [len(one) for one in said] == [33]


# A table of files.


def write_table(root, rows=None, header="path,label,split"):
    lines = []
    for i, (image, label, split) in enumerate(zip(PIXELS, LABELS, SPLIT, strict=True)):
        path = root / "files" / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
        lines.append(f"files/{i:02}.png,{COLOURS[label]},{('train', 'test')[split]}")
    (root / "tiny.csv").write_text("\n".join([header, *(lines if rows is None else rows)]) + "\n")


def test_a_table_of_files_is_the_same_data_as_an_archive(tmp_path, tiny):
    roots = [tmp_path / "npz", tmp_path / "csv"]
    for root in roots:
        root.mkdir()
    write_npz(roots[0])
    one = prepare("tiny", roots[0])
    tiny(sources=(Csv(),))
    write_table(roots[1])
    two = prepare("tiny", roots[1])
    assert two.fingerprints == one.fingerprints
    (roots[1] / "files" / "00.png").write_bytes((roots[1] / "files" / "03.png").read_bytes())
    assert look("tiny", roots[1]).prepared is None
    assert (roots[1] / "tiny.csv").read_text().startswith("path,label,split\nfiles/00.png,blue,")


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (None, "path,labels,split", r"tiny\.csv: has no column 'label', only 'path', 'labels', "),
        (["files/99.png,red,test"], "path,label,split", "line 2: .*files/99.png is no file"),
        (["files/00.png,red,tset"], "path,label,split", "line 2: unknown split of tiny 'tset'"),
        (["files/00.png,rad,test"], "path,label,split", "unknown class of tiny 'rad': did you"),
        (["files/00.png,red"], "path,label,split", "line 2: lacks a value"),
        ([], "path,label,split", r"tiny\.csv: has no line below its header"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path, tiny, rows, header, words):
    tiny(sources=(Csv(),), counts={"train": 0, "test": 0})
    write_table(tmp_path, rows, header)
    with pytest.raises(BenchError, match=words):
        prepare("tiny", tmp_path)


def test_columns_of_a_table_may_have_other_names(tmp_path, tiny):
    tiny(sources=(Csv(path="file", label="class"),), counts={"all": 30}, labels=())
    write_table(tmp_path, header="file,class,set")
    prepared = prepare("tiny", tmp_path)
    assert prepared.names["label"] == COLOURS
    assert np.bincount(prepared.columns["label"]).tolist() == [10, 10, 10]


def test_the_readmes_table_is_read(tmp_path, tiny):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"```csv\n(.*?)```", readme, re.S)
    (tmp_path / "tiny.csv").write_text(table)
    for image, path in zip(PIXELS, re.findall(r"^\S+?\.png", table, re.M), strict=False):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / path)
    labels = ("circle", "square", "star")
    tiny(sources=(Csv(),), counts={"train": 0, "test": 0}, labels=labels)
    assert prepare("tiny", tmp_path).counts == {"train": 1, "test": 1}
