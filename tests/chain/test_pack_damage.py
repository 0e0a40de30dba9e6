"""A pack that was damaged or made up is named, and nothing of it comes in."""

import hashlib
import json
import random
import stat
import warnings
import zipfile

import pytest
from harness import bench
from packs import files, pack_two, sweep

from bench.store import merging, packing, record
from bench.store.folders import Store


@pytest.fixture(scope="module")
def small(tmp_path_factory, forkserver):
    folder = tmp_path_factory.mktemp("hostile")
    toml, results = sweep(folder)
    return pack_two(toml, results, folder / "small.zip")


def rewritten(path, to, change):
    """A pack with other content and a right seal: `change` edits {name: bytes} and the manifest."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(content.pop(packing.MANIFEST))
    extra = change(content, manifest) or []
    with warnings.catch_warnings(), zipfile.ZipFile(to, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in [*content.items(), *extra]:
            archive.writestr(name, data)
        archive.writestr(packing.MANIFEST, json.dumps(manifest))
        archive.comment = packing.SEAL + b"0" * 64
    packing._seal(to)
    return to


def refused(path, folder):
    """The problems that are named; nothing may have come in."""
    store = Store(folder / "results")
    with pytest.raises(merging.DamagedPack) as error:
        merging.merge(path, store)
    assert files(store.root) == {}
    assert not list((store.root / "work").iterdir())
    assert [p.name for p in folder.iterdir() if p != path] == ["results"]
    return error.value.problems


# --- damage -------------------------------------------------------------------------------------


def test_two_hundred_flipped_bits_are_all_named_and_none_merged(small, tmp_path):
    whole, rng = small.read_bytes(), random.Random(0)
    path = tmp_path / "flipped.zip"
    for _ in range(200):
        place, bit = rng.randrange(len(whole)), rng.randrange(8)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        store = Store(tmp_path / "results")
        with pytest.raises(merging.DamagedPack) as error:
            merging.merge(path, store)
        assert all(error.value.problems), (place, bit)
        assert files(store.root) == {}, (place, bit)


def test_a_flip_in_a_cells_bytes_names_the_cell(small, tmp_path):
    with zipfile.ZipFile(small) as archive:
        entry = next(i for i in archive.infolist() if i.filename.endswith("record.json"))
    damaged = bytearray(small.read_bytes())
    damaged[entry.header_offset + 30 + len(entry.filename) + 40] ^= 4
    path = tmp_path / "flipped.zip"
    path.write_bytes(damaged)
    cell = entry.filename.removeprefix("runs/").rpartition("/")[0]
    problems = refused(path, tmp_path)
    assert any(cell in one for one in problems)
    assert not any("carrier" in one for one in problems) or "carrier" in cell


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_pack_is_refused(small, tmp_path, share):
    whole = small.read_bytes()
    path = tmp_path / "cut.zip"
    path.write_bytes(whole[: int(share * len(whole))])
    assert refused(path, tmp_path) == ["no pack of bench, or cut off at its end"]


def test_a_pack_that_something_was_appended_or_prepended_to_is_refused(small, tmp_path):
    for whole in (small.read_bytes() + b"\n", b"#!/bin/sh\n" + small.read_bytes()):
        (tmp_path / "x.zip").write_bytes(whole)
        with pytest.raises(merging.DamagedPack):
            merging.merge(tmp_path / "x.zip", Store(tmp_path / "results"))


def test_foreign_files_are_no_packs(tmp_path, capsys):
    path = tmp_path / "foreign.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert bench("merge", path, "--results", tmp_path / "results") == 1
    assert f"damaged: {path}: no pack of bench" in capsys.readouterr().err
    assert bench("merge", tmp_path / "none.zip", "--results", tmp_path / "results") == 2
    assert "is no file" in capsys.readouterr().err


def test_a_sound_pack_is_merged_beside_a_damaged_one(small, tmp_path, capsys):
    (tmp_path / "empty.zip").touch()
    assert bench("merge", tmp_path / "empty.zip", small, "--results", tmp_path / "results") == 1
    said = capsys.readouterr()
    assert f"merged nothing of {tmp_path / 'empty.zip'}" in said.err
    assert f"merged 2 cells: {small}" in said.out


# --- what a hostile hand may write ---------------------------------------------------------------


def hostile_extra(name):
    return lambda content, manifest: [(name, b"gotcha")]


def described(data):
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def first(manifest):
    """The first cell, and the beginning of its files' names."""
    cell = manifest["cells"][min(manifest["cells"])]
    return cell, f"runs/{cell['folder']}/"


def hostile_file(name):
    """A file that the manifest names, with a right digest."""

    def change(content, manifest):
        cell, begin = first(manifest)
        cell["files"][name], content[f"{begin}{name}"] = described(b"gotcha"), b"gotcha"

    return change


def other_folder(folder):
    def change(content, manifest):
        cell, begin = first(manifest)
        for name in cell["files"]:
            content[f"runs/{folder}/{name}"] = content.pop(f"{begin}{name}")
        cell["folder"] = folder

    return change


def other_record(edit):
    """A record that was edited, with a right digest."""

    def change(content, manifest):
        cell, begin = first(manifest)
        told = json.loads(content[f"{begin}record.json"])
        edit(told)
        told["checksum"] = record._checksum(told)
        data = json.dumps(told).encode()
        content[f"{begin}record.json"], cell["files"]["record.json"] = data, described(data)

    return change


def renamed_method(told):
    told["cell"]["method"] = "../../../outside"
    told["key"] = "0" * 16


def twice(content, manifest):
    name = first(manifest)[1] + "record.json"
    return [(name, content[name])]


def link(content, manifest):
    name = first(manifest)[1] + "record.json"
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return [(info, content.pop(name))]


def bomb(content, manifest):
    cell, begin = first(manifest)
    content[f"{begin}log.txt"] = b"\0" * 5_000_000
    cell["files"]["log.txt"] = described(b"\0" * 5_000_000) | {"size": 100}


def huge(content, manifest):
    cell, _ = first(manifest)
    cell["files"]["record.json"]["size"] = 1 << 60


def no_prediction(content, manifest):
    cell, begin = first(manifest)
    for name in ("prediction.safetensors", "arrays.safetensors"):
        if cell["files"].pop(name, None):
            del content[begin + name]


HOSTILE = {
    "parent": (hostile_extra("../../outside.txt"), "is not in its manifest.json"),
    "absolute": (hostile_extra("/etc/outside.txt"), "is not in its manifest.json"),
    "beside": (hostile_extra("runs/a/b/outside.txt"), "is not in its manifest.json"),
    "backslash": (hostile_extra("..\\..\\outside.txt"), "is not in its manifest.json"),
    "named parent": (hostile_file("../../../../../outside.txt"), "a cell has no file"),
    "named absolute": (hostile_file("/outside.txt"), "a cell has no file"),
    "named code": (hostile_file("method.py"), "a cell has no file 'method.py'"),
    "folder parent": (other_folder("../../../outside"), "a cell of the folder tiny-cluster/"),
    "folder of another": (other_folder("a/b/seed0-0123456789abcdef"), "a cell of the folder"),
    "method parent": (other_record(renamed_method), "no name of a task or method"),
    "key": (other_record(lambda r: r.update(key="0" * 16)), "its key is not that of its cell"),
    "seed": (other_record(lambda r: r["cell"].update(seed=7)), "its key is not that of its cell"),
    "metric": (other_record(lambda r: r.update(metrics={"ACC": float("nan")})), "is no result"),
    "output": (other_record(lambda r: r.update(output="0" * 64)), "its output is not its record's"),
    "deep": (other_record(lambda r: r.update(cell=1)), "damaged record"),
    "twice": (twice, "is in it 2 times"),
    "link": (link, "record.json is no plain file"),
    "bomb": (bomb, "log.txt has 5000000 bytes, 100 were packed"),
    "huge": (huge, "bytes where"),
    "lacking": (lambda c, m: c.pop(first(m)[1] + "record.json") and None, "is lacking"),
    "no prediction": (no_prediction, "its files are not those that its record names"),
    "layout": (lambda c, m: m.update(layout=2), "update bench"),
    "no cells": (lambda c, m: m.update(cells=[1]), "cannot be used"),
}


@pytest.mark.parametrize(("change", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_pack_holds_is_named_and_nothing_comes_in(small, tmp_path, change, words):
    path = rewritten(small, tmp_path / "hostile.zip", change)
    assert any(words in problem for problem in refused(path, tmp_path))


def test_the_hostile_packs_are_refused_for_what_is_wrong_with_them_alone(small, tmp_path):
    path = rewritten(small, tmp_path / "same.zip", lambda content, manifest: None)
    assert merging.merge(path, Store(tmp_path / "results")).merged == 2
