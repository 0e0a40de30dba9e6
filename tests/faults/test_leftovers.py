"""What a cell that did not end leaves behind, and who may go on from it."""

import dataclasses
import errno
import shutil
from pathlib import Path

import pytest
from faults.sound import worker_run
from harness import bench, make_plan, places, run, states_of, write_experiment

from bench.errors import BenchError
from bench.run import runner
from bench.store import checkpoint, equal, machine, merging, packing
from bench.store.folders import CHECKPOINT, Store


@pytest.fixture
def one(tmp_path, forkserver):
    """A cell that is done: its experiment, the store, the cell."""
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    run(toml, tmp_path / "results")
    (cell,) = make_plan(toml).cells.values()
    return toml, Store(tmp_path / "results"), cell


def saved(work, **of):
    """A checkpoint by what `of` says made it."""
    made = worker_run(work)
    for name, value in of.items():
        setattr(made, f"_{name}", value)
    made.checkpoint({"step": 6})


@pytest.mark.parametrize(
    ("was", "now", "goes_on"), [("a", "a", True), ("a", "b", False), ("b", "c", True)]
)
def test_a_checkpoint_of_other_code_is_not_gone_on_from(
    was, now, goes_on, tmp_path, monkeypatch, capsys
):
    """The record would name today's code alone; what was shown to be equal is the same."""
    line = equal.Line("mine", "cpu", "float32", "b", "c", "1")
    known = equal.make({}, [line])
    monkeypatch.setattr(equal, "read", lambda: known)
    saved(tmp_path / "work", method="mine", fingerprint=was)
    other = worker_run(tmp_path / "work")
    other._method, other._fingerprint = "mine", now
    assert (other.resume() == {"step": 6}) == other.resumed == goes_on
    assert ("made by other code" in capsys.readouterr().out) != goes_on
    assert (tmp_path / "work" / CHECKPOINT).exists() == goes_on


def test_a_checkpoint_of_another_library_is_not_gone_on_from(tmp_path, monkeypatch, capsys):
    here = machine.decisive()
    saved(tmp_path / "work")
    monkeypatch.setattr(machine, "decisive", lambda: {**here, "torch": "0"})
    assert worker_run(tmp_path / "work").resume() is None
    assert "made with another torch" in capsys.readouterr().out


def test_the_checkpoint_of_a_cell_that_is_computed_again_stays(one):
    _, store, cell = one
    file = store.work(cell) / CHECKPOINT
    file.parent.mkdir(parents=True)
    checkpoint.save(file, {"step": 6}, of=cell.key)
    store.sweep([cell], again={cell.key})
    assert file.exists()
    store.sweep([cell])
    assert not file.exists()


def test_a_run_that_a_full_disk_stops_leaves_no_lock(one, monkeypatch, capsys):
    toml, store, cell = one
    shutil.rmtree(store.folder(cell))

    def full(_work):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "new_attempt", full)
        assert bench("run", toml, *places(store.root)) == 2
    assert "is full: make room" in capsys.readouterr().err
    assert not list((store.root / "locks").glob("*.held"))
    assert bench("run", toml, *places(store.root)) == 0
    assert set(states_of(toml, store.root).values()) == {"done"}


def test_a_merge_that_is_cut_off_between_two_renames_loses_nothing(one, tmp_path, monkeypatch):
    toml, store, cell = one
    packing.write(tmp_path / "p.zip", store, {cell.key: cell}, tensors=True)
    whole = store.read(cell)
    assert whole is not None
    old = dataclasses.replace(whole, arrays="0" * 64)  # packed without its tensors, once
    old.write(store.folder(cell))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "clear_work", None)  # it does not come so far
        rename = Path.rename

        def cut(self, target):
            if target == store.folder(cell):
                raise KeyboardInterrupt
            return rename(self, target)

        patch.setattr(Path, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            merging.merge(tmp_path / "p.zip", store)
    assert not store.folder(cell).exists()
    store.sweep(make_plan(toml).cells.values())
    found = store.read(cell)
    assert found is not None
    assert found.arrays == old.arrays


def test_two_merges_at_once_are_one_sentence(one, tmp_path):
    _, store, cell = one
    packing.write(tmp_path / "p.zip", store, {cell.key: cell}, tensors=True)
    with (
        merging._staging(store),
        pytest.raises(BenchError, match="another merge into it is going on"),
    ):
        merging.merge(tmp_path / "p.zip", Store(store.root))
