"""A file system of a megabyte that fills up or may not be written, and a clock that jumps."""

import itertools
import subprocess
import time

import pytest
from harness import bench, counted, outputs, places, predictions, states_of

LEFT = (0, 100_000)
"""Bytes that are free when a run begins: for no cell, and for some of them."""


def mounted(*words):
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path):
    """A folder on a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=1M", "tmpfs", folder):
        pytest.skip("no small disk to fill: file systems may not be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, forkserver):
    """An experiment, and the results of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    toml = counted(folder, rows=4, seeds=2, seconds=0.0)
    assert bench("run", toml, *places(folder / "whole")) == 0
    return toml, folder / "whole"


def refused(toml, results, capsys):
    """The one sentence with which a run ends."""
    capsys.readouterr()
    assert bench("run", toml, *places(results)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert "failed" not in states_of(toml, results).values()
    return said


def test_a_run_on_it_ends_in_a_sentence_and_goes_on_where_there_is_room(disk, whole, capsys):
    toml, undisturbed = whole
    results, filler = disk / "results", disk / "filler"
    assert mounted("-o", "remount,ro", disk)
    assert "Read-only file system" in refused(toml, results, capsys)
    assert mounted("-o", "remount,rw", disk)
    for left in LEFT:
        with filler.open("wb") as file:
            file.write(bytes(2**20 - 8192 - left))
            file.flush()
        assert "a disk is full" in refused(toml, results, capsys)
        assert ("done" in states_of(toml, results).values()) == (left > 0)
    assert mounted("-o", "remount,ro", disk)
    assert "Read-only file system" in refused(toml, results, capsys)
    assert mounted("-o", "remount,rw,size=64M", disk)
    assert bench("run", toml, *places(results)) == 0
    assert outputs(results) == outputs(undisturbed)
    assert predictions(results) == predictions(undisturbed)


def test_a_clock_that_jumps_changes_nothing(whole, tmp_path, monkeypatch):
    toml, undisturbed = whole
    really, jumps = time.time, itertools.cycle((0, 86_400, -86_400, 10**9, -(10**9)))
    monkeypatch.setattr(time, "time", lambda: really() + next(jumps))
    assert bench("run", toml, *places(tmp_path / "results"), "--timeout", "60s") == 0
    assert outputs(tmp_path / "results") == outputs(undisturbed)
    assert predictions(tmp_path / "results") == predictions(undisturbed)
    for place in ("work", "locks"):
        assert not [p for p in (tmp_path / "results" / place).iterdir() if p.name != "shared"]
