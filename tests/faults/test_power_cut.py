"""What a power cut or a full disk may meet: the order in which results reach the disk."""

import dataclasses
import errno
import os
from pathlib import Path

import pytest
from harness import make_plan, predictions, run, stamps
from harness import write_experiment as experiment

from bench.errors import BenchError
from bench.store import durable, states
from bench.store.folders import Store


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_cut_while_an_older_result_gives_way_loses_none(cut, tmp_path, monkeypatch, forkserver):
    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    results = tmp_path / "results"
    run(toml, results)
    (folder,) = (results / "runs").glob("*/*/*")
    (cell,) = make_plan(toml).cells.values()
    record = Store(results).read(cell)
    assert record is not None
    dataclasses.replace(record, code="0" * 16).write(folder)
    wanted = predictions(results)
    calls = []
    really = Path.rename

    def rename(self, target):
        if self.name.startswith("attempt-") or Path(target).name.startswith("old-"):
            calls.append(self.name)
            if len(calls) == cut:
                raise KeyboardInterrupt
        return really(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    if cut < 3:
        with pytest.raises(KeyboardInterrupt):
            run(toml, results, rerun_stale=True)
    else:
        run(toml, results, rerun_stale=True)
    monkeypatch.undo()
    assert folder.exists() == (cut != 2)
    Store(results).sweep(make_plan(toml).cells.values())
    found = states.read(make_plan(toml), Store(results))
    assert list(found.states.values()) == ["done" if cut == 3 else "stale"]
    assert predictions(results) == wanted
    run(toml, results, rerun_stale=True)
    assert set(states.read(make_plan(toml), Store(results)).states.values()) == {"done"}
    assert not list((results / "work").iterdir())


def test_a_finished_cell_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch, forkserver):
    """The order of calls that a power cut makes matter; it cannot be tried here."""
    events = []
    sync, rename = durable.sync, Path.rename
    monkeypatch.setattr(durable, "sync", lambda path: (events.append(("sync", path)), sync(path)))
    monkeypatch.setattr(
        Path, "rename", lambda self, to: (events.append(("name", self)), rename(self, to))[1]
    )
    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    run(toml, tmp_path / "results")
    (folder,) = (tmp_path / "results" / "runs").glob("*/*/*")
    named = next(i for i, (what, path) in enumerate(events) if what == "name")
    attempt = events[named][1]
    before = {path.name for what, path in events[:named] if path.parent == attempt}
    assert before == {path.name for path in folder.iterdir()} >= {"record.json"}
    assert ("sync", attempt) in events[:named]
    assert ("sync", folder.parent) in events[named:]
    for parent in (folder.parent, folder.parent.parent):  # new, and so are their names
        assert ("sync", parent.parent) in events


def test_an_error_of_syncing_is_one_sentence_and_loses_nothing(tmp_path, monkeypatch, forkserver):
    def fails(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    monkeypatch.setattr(durable, "sync", fails)
    with pytest.raises(BenchError, match="is full: make room"):
        run(toml, tmp_path / "results")
    assert not stamps(tmp_path / "results")
    monkeypatch.undo()
    assert set(run(toml, tmp_path / "results").states.values()) == {"done"}
