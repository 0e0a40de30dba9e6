"""Packs: what is packed comes out as it was, what was damaged or made up does not come in."""

import dataclasses
import json
import shutil
import tempfile
import zipfile

import harness
import pytest
from harness import bench, make_plan, places, run, write_experiment
from packs import files, pack_two, sweep

from bench.errors import BenchError
from bench.plan.cell import address
from bench.store import merging, outputs, packing, record, states
from bench.store.folders import Store


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    return sweep(tmp_path_factory.mktemp("swept"))


@pytest.fixture(scope="module")
def small(swept, tmp_path_factory):
    toml, results = swept
    return pack_two(toml, results, tmp_path_factory.mktemp("small") / "small.zip")


def found(toml, results):
    return states.read(make_plan(toml), Store(results))


# --- there and back -----------------------------------------------------------------------------


def test_two_halves_of_a_run_merged_are_the_whole_run(swept, tmp_path, capsys):
    toml, whole = swept
    for half, seeds in (("a", "0,2"), ("b", "1,3")):
        chosen = tuple(int(s) for s in seeds.split(","))
        run(toml, tmp_path / half, seeds=chosen)
        words = ["pack", tmp_path / f"{half}.zip", toml, "--seed-list", seeds]
        assert bench(*words, *places(tmp_path / half)) == 0
    assert "packed 6 cells, " in capsys.readouterr().out
    packs = [tmp_path / "a.zip", tmp_path / "b.zip"]
    assert bench("merge", *packs, "--results", tmp_path / "both") == 0
    assert capsys.readouterr().out.splitlines() == [f"merged 6 cells: {path}" for path in packs]
    for results in (whole, tmp_path / "both"):
        assert bench("render", toml, *places(results)) == 0
    assert set(found(toml, tmp_path / "both").states.values()) == {"done"}
    assert harness.outputs(tmp_path / "both") == harness.outputs(whole)
    capsys.readouterr()
    assert bench("merge", packs[0], "--results", tmp_path / "both") == 0
    assert capsys.readouterr().out == f"merged 0 cells, 6 were here: {packs[0]}\n"


def test_with_tensors_every_file_comes_back(swept, tmp_path):
    toml, results = swept
    plan = make_plan(toml)
    done = packing.write(tmp_path / "all.zip", Store(results), plan.cells, tensors=True)
    assert (done.cells, done.without_tensors, done.damaged) == (12, 0, {})
    merged = merging.merge(tmp_path / "all.zip", Store(tmp_path / "there"))
    assert (merged.merged, merged.here, merged.left) == (12, 0, [])
    there, here = files(tmp_path / "there"), files(results)
    assert there == {n: data for n, data in here.items() if n.startswith("runs/")}
    # And what `index.jsonl` tells is what the folders tell.
    assert len(Store(tmp_path / "there")._index()) == 12


def test_tensors_of_some_methods_alone(swept, tmp_path, capsys):
    toml, results = swept
    plan = make_plan(toml)
    for names, bare in ((("mean-image",), 0), (("carrier", "centroids"), 4), ((), 4)):
        done = packing.write(tmp_path / "p.zip", Store(results), plan.cells, tensors=names)
        assert done.without_tensors == bare
    words = ["pack", tmp_path / "q.zip", toml, *places(results), "--tensors-of"]
    assert bench(*words, "mean-imag") == 2
    assert "--tensors-of: unknown method 'mean-imag': did you mean" in capsys.readouterr().err
    assert bench(*words, "mean-image,carrier") == 0
    assert "without their tensors" not in capsys.readouterr().out


def test_the_same_cells_give_the_same_bytes(swept, small, tmp_path, capsys):
    toml, results = swept
    shutil.copytree(results, tmp_path / "results")  # with other times
    words = [toml, "--seeds", 1, "--methods", "carrier"]
    assert bench("pack", tmp_path / "a.zip", *words, *places(tmp_path / "results")) == 0
    assert (tmp_path / "a.zip").read_bytes() == small.read_bytes()
    capsys.readouterr()
    assert bench("pack", tmp_path / "a.zip", *words, *places(tmp_path / "results")) == 0
    assert "a.zip, in place of an older one\n" in capsys.readouterr().out
    # Of a store that was itself filled by merging, too.
    assert bench("merge", small, "--results", tmp_path / "merged") == 0
    assert bench("pack", tmp_path / "b.zip", *words, *places(tmp_path / "merged")) == 0
    assert (tmp_path / "b.zip").read_bytes() == small.read_bytes()


def test_logs_and_messages_leave_this_machines_folders_behind(swept, tmp_path, monkeypatch):
    toml, results = swept
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shutil.copytree(results, tmp_path / "results")
    (log,) = (tmp_path / "results/runs/tiny-cluster/centroids").glob("seed0-*/record.json")
    log.with_name("log.txt").write_text(f"reading {tmp_path}/secret/x.npy\n")
    words = [toml, "--seeds", 1, "--methods", "centroids"]
    assert bench("pack", tmp_path / "a.zip", *words, *places(tmp_path / "results")) == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())
    assert b"reading " in text
    assert str(tmp_path.parent).encode() not in text


def test_a_result_that_waits_to_return_to_its_place_is_there(swept, small, tmp_path):
    """A run was killed after it had moved it aside, and before a newer one took the place."""
    shutil.copytree(swept[1], tmp_path / "results")
    store = Store(tmp_path / "results")
    (place,) = (store.runs / "tiny-cluster/carrier").glob("seed0-*")
    dataclasses.replace(record.read(place), output="0" * 64).write(place)
    aside = store.root / "work" / record.read(place).key / "old-attempt"
    aside.parent.mkdir(parents=True)
    place.rename(aside)
    (said,) = merging.merge(small, store).left
    assert said.startswith("conflict: tiny-cluster/carrier/seed0-")
    assert record.read(place).output == "0" * 64


def test_a_failed_cell_travels_as_one(tmp_path, forkserver, capsys):
    row = {"method": "fault", "params": {"way": "raises"}}
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [row], n=1)
    run(toml, tmp_path / "here")
    assert bench("pack", tmp_path / "a.zip", toml, *places(tmp_path / "here")) == 0
    assert "1 of them failed" in capsys.readouterr().out
    assert bench("merge", tmp_path / "a.zip", "--results", tmp_path / "there") == 0
    (failed,) = found(toml, tmp_path / "there").records.values()
    assert (failed.state, failed.failure) == ("failed", "exception")
    assert any(name.endswith("traceback.txt") for name in files(tmp_path / "there"))


def test_a_finished_cell_takes_the_place_of_a_failed_one(tmp_path, forkserver):
    """As of a run that had less memory; the other way round the failure changes nothing."""
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}], n=1)
    run(toml, tmp_path / "good")
    (done,) = found(toml, tmp_path / "good").records.values()
    (cell,) = make_plan(toml).cells.values()
    failed = record.Record(
        cell.key, cell.identity(), "failed", code=done.code, failure="out of memory"
    )
    bad = Store(tmp_path / "bad")
    (bad.work(cell) / "attempt").mkdir(parents=True)
    bad.publish(cell, bad.work(cell) / "attempt", failed)
    for name in ("good", "bad"):
        assert bench("pack", tmp_path / f"{name}.zip", toml, *places(tmp_path / name)) == 0
    for packs in (("bad", "good"), ("good", "bad")):
        there = tmp_path / "-".join(packs)
        assert bench("merge", *(tmp_path / f"{p}.zip" for p in packs), "--results", there) == 0
        (one,) = found(toml, there).records.values()
        assert (one.state, one.failure) == ("done", "")


# --- without tensors ----------------------------------------------------------------------------


def test_a_cell_less_its_tensors_is_done_and_runs_nothing_that_needs_them(
    swept, tmp_path, small, capsys
):
    toml, results = swept
    assert bench("merge", small, "--results", tmp_path / "there") == 0
    store = Store(tmp_path / "there")
    (needed,) = (store.runs / "tiny-cluster" / "mean-image").iterdir()
    (original,) = (results / "runs/tiny-cluster/mean-image").glob("seed0-*")
    assert not (needed / "prediction.safetensors").exists()
    assert record.read(needed).output == record.read(original).output
    assert outputs.of_cell(needed, record.read(needed)).tensors == {}
    with pytest.raises(BenchError, match="packed without tensors: merge a pack with --tensors"):
        outputs.of_cell(needed, record.read(needed), tensors=True)
    plan = make_plan(toml, seeds=(0,), methods=("carrier",))
    assert set(states.states(plan, store.records()).values()) == {"done"}
    # Its dependent is lost: it cannot run here, which is no failure of the method.
    (dependent,) = (store.runs / "tiny-cluster" / "carrier").iterdir()
    shutil.rmtree(dependent)
    words = [toml, "--seeds", 1, "--methods", "carrier"]
    capsys.readouterr()
    bench("run", *words, *places(store.root))
    said = capsys.readouterr().out
    assert f"{needed.relative_to(store.runs)}: packed without tensors" in said
    held = states.read(plan, store)
    assert sorted(held.states.values()) == ["done", "unavailable"]
    # A pack with tensors makes it whole.
    path = tmp_path / "whole.zip"
    packing.write(path, Store(results), [record.read(original).key], tensors=True)
    assert merging.merge(path, store).merged == 1
    assert (needed / "prediction.safetensors").exists()
    assert states.read(plan, store).states[dependent.name[6:]] == "missing"
    assert bench("run", *words, *places(store.root)) == 0
    # And one without takes nothing from it.
    assert merging.merge(small, store).here == 2
    assert (needed / "prediction.safetensors").exists()


def test_a_run_that_meets_such_a_cell_names_what_is_lacking(swept, small, tmp_path):
    from bench.run.context import WorkerRun

    assert bench("merge", small, "--results", tmp_path) == 0
    (needed,) = (tmp_path / "runs/tiny-cluster/mean-image").iterdir()
    worker = WorkerRun(
        task="t", seed=0, preset="quick", device="cpu", dtype="float32", work=tmp_path,
        needs={"passenger": (needed, record.read(needed).output)}, report=print,
    )  # fmt: skip
    with pytest.raises(BenchError, match="packed without tensors"):
        worker.needed("passenger")


# --- conflicts ----------------------------------------------------------------------------------


def test_a_conflict_is_named_and_neither_side_touched(swept, small, tmp_path, capsys):
    _, results = swept
    shutil.copytree(results, tmp_path / "results")
    store = Store(tmp_path / "results")
    (folder,) = (store.runs / "tiny-cluster" / "carrier").glob("seed0-*")
    dataclasses.replace(record.read(folder), output="0" * 64).write(folder)
    before, packed = files(store.root), small.read_bytes()
    assert bench("merge", small, "--results", store.root) == 1
    said = capsys.readouterr()
    assert f"conflict: {folder.relative_to(store.runs)}: here output 000000000000" in said.err
    assert f"merged 0 cells, 1 was here, 1 left out: {small}" in said.out
    assert files(store.root) == before
    assert small.read_bytes() == packed


def test_a_cell_that_a_run_is_computing_is_left_to_it(swept, small, tmp_path):
    toml, _ = swept
    store, plan = Store(tmp_path), make_plan(toml, seeds=(0,), methods=("carrier",))
    (cell,) = [c for c in plan.cells.values() if c.method == "carrier"]
    held = store.lock(cell).acquire()
    merged = merging.merge(small, store)
    held.release()
    assert merged.merged == 1
    assert merged.left == [f"{cell.folder}: a run is computing it; merge again when it has ended"]


@pytest.mark.parametrize("to", ["outside", "results/runs/others"])
def test_a_link_in_the_store_is_not_followed(to, small, tmp_path):
    (tmp_path / to).mkdir(parents=True)
    (tmp_path / "results/runs").mkdir(parents=True, exist_ok=True)
    (tmp_path / "results/runs/tiny-cluster").symlink_to(tmp_path / to)
    merged = merging.merge(small, Store(tmp_path / "results"))
    assert merged.merged == 0
    assert len(merged.left) == 2
    assert not list((tmp_path / to).iterdir())


# --- what is packed -----------------------------------------------------------------------------


def test_a_damaged_cell_is_left_out_of_a_pack_and_named(swept, tmp_path, capsys):
    toml, results = swept
    shutil.copytree(results, tmp_path / "results")
    (folder,) = (tmp_path / "results/runs/tiny-cluster/centroids").glob("seed0-*")
    data = bytearray((folder / "prediction.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "prediction.safetensors").write_bytes(data)
    assert bench("pack", tmp_path / "a.zip", toml, *places(tmp_path / "results")) == 1
    said = capsys.readouterr()
    assert "packed 11 cells" in said.out
    assert f"left out: {folder.relative_to(tmp_path / 'results/runs')}" in said.err


def test_what_cannot_be_packed_is_said(swept, tmp_path, capsys):
    toml, results = swept
    assert bench("pack", tmp_path / "a.zip", toml, *places(results), "--preset", "paper") == 2
    assert "nothing to pack" in capsys.readouterr().err
    assert bench("pack", "digits", *places(results)) == 2
    assert "digits: a pack's name ends in .zip" in capsys.readouterr().err
    (tmp_path / "mine.zip").write_text("dear diary")
    assert bench("pack", tmp_path / "mine.zip", toml, *places(results)) == 2
    assert (tmp_path / "mine.zip").read_text() == "dear diary"
    for name in ("mine.zip/a.zip", f"{'a' * 248}.zip", f"{'a' * 300}.zip"):
        assert bench("pack", tmp_path / name, toml, *places(results)) == 2
        assert name in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.zip"]


def test_an_address_is_that_of_the_cell(swept):
    for cell in make_plan(swept[0]).cells.values():
        told = json.loads(json.dumps(cell.identity()))
        assert vars(address(told)) == {"key": cell.key, "folder": cell.folder}


@pytest.mark.parametrize("bad", [{}, {"seed": True}, {"seed": -1}, {"method": "a/b"},
                                 {"method": ".."}, {"task": "../x"}, {"task": ""}, {"method": 3},
                                 {"method": "a" * 300}, {"method": "a\0b"}])  # fmt: skip
def test_an_identity_that_names_no_folder_is_refused(bad):
    identity = {"task": "a/b", "method": "m", "seed": 0} | bad if bad else {}
    with pytest.raises(ValueError, match="name"):
        address(identity)
