"""File systems without locks, or whose locks do nothing; an older result that gives way."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import Timeout
from harness import DATA, FAULTY, PLUGINS, bench, make_plan, places, predictions, run, stamps
from harness import write_experiment as experiment

from bench.cli.progress import Lines
from bench.run.pool import Pool
from bench.run.runner import Runner, RunOptions
from bench.store import locks, states
from bench.store.folders import Store
from bench.store.locks import CellLock, machine


def refuse(number, monkeypatch):
    """Locks of prepared data, which lie elsewhere, go on working."""
    really = fcntl.flock

    def flock(descriptor, how):
        if "prepared" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            return really(descriptor, how)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


def held(lock):
    with pytest.raises(Timeout):
        lock.acquire()
    return True


@pytest.mark.parametrize("number", [0, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_one_holds_a_lock_at_a_time_on_every_file_system(number, tmp_path, monkeypatch):
    if number:
        refuse(number, monkeypatch)
    first, second = (CellLock(tmp_path / "k.lock") for _ in range(2))
    with first.acquire():
        assert held(second)
    second.acquire()
    assert held(first)
    second.release(done=True)
    assert not list(tmp_path.iterdir())
    first.acquire()
    first.release()


def mark(folder, host, pid, birth):
    (folder / "k.held").write_text(f"{host}\n{pid}\n{birth}\n")
    return CellLock(folder / "k.lock")


def test_the_mark_of_a_process_that_is_gone_counts_no_more(tmp_path, monkeypatch):
    refuse(errno.ENOLCK, monkeypatch)
    line = f"""
import fcntl, os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
def flock(*_): raise OSError({errno.ENOLCK}, "no locks")
fcntl.flock = flock
from pathlib import Path
from bench.store.locks import CellLock
CellLock(Path({str(tmp_path)!r}) / "k.lock").acquire()
print("held", flush=True)
sys.stdin.read()
"""
    words = [sys.executable, "-c", line]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    lock = CellLock(tmp_path / "k.lock")
    assert held(lock)
    holder.kill()
    holder.wait()
    lock.acquire()
    lock.release()
    # Its number is another process's by now.
    mark(tmp_path, machine(), os.getpid(), "1").acquire().release()
    assert held(mark(tmp_path, "another-machine", 1, "1"))
    (tmp_path / "k.held").write_text("")  # it died between two calls, or is about to write
    assert held(lock)
    os.utime(tmp_path / "k.held", (time.time() - 100,) * 2)
    lock.acquire().release()


def test_a_lease_of_another_machine_expires_when_nobody_renews_it(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lock, file = mark(tmp_path, "another-machine", 1, "1"), tmp_path / "k.held"
    for wrong in (-3600, 3600):  # its clock may be wrong by hours
        renewed = time.time() + wrong
        os.utime(file, (renewed,) * 2)
        assert held(lock)
        now[0] += locks.LEASE_SECONDS - 1
        assert held(lock)
        os.utime(file, (renewed + 1,) * 2)  # renewed just in time
        now[0] += locks.LEASE_SECONDS - 1
        assert held(lock)
    now[0] += locks.LEASE_SECONDS + 1
    lock.acquire()
    assert machine() in file.read_text()
    lock.release()
    mark(tmp_path, "another-machine", 1, "1")
    os.utime(file, (time.time() - 10**6,) * 2)
    lock.acquire()
    mark(tmp_path, "another-machine", 1, "1")  # which took this one for dead, while it slept
    lock.release()
    assert file.exists()


def test_of_two_who_find_a_mark_left_one_takes_it(tmp_path, monkeypatch):
    """The other has judged the old mark, and puts away what is the first one's by now."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    slow, quick = mark(tmp_path, machine(), 1, "gone"), CellLock(tmp_path / "k.lock")
    really = locks._left

    def left(*words):
        found = really(*words)
        monkeypatch.setattr(locks, "_left", really)
        quick.acquire()
        return found

    monkeypatch.setattr(locks, "_left", left)
    assert held(slow)
    assert held(CellLock(tmp_path / "k.lock"))
    quick.release(done=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EIO]
)
def test_a_lock_that_cannot_be_had_is_one_sentence(number, tmp_path, monkeypatch, capsys):
    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    make_plan(toml)
    really = os.open

    def fails(path, *words, **more):
        if str(path).endswith(".lock") and "locks" in str(path):
            raise OSError(number, os.strerror(number), str(path))
        return really(path, *words, **more)

    monkeypatch.setattr(os, "open", fails)
    assert bench("run", toml, *places(tmp_path / "results")) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert ".lock: " in said
    room = number in (errno.ENOSPC, errno.EDQUOT)
    assert ("no room" if room else os.strerror(number)) in said


def test_a_run_where_there_are_no_locks(tmp_path, monkeypatch, forkserver):
    refuse(errno.ENOLCK, monkeypatch)
    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}], n=2)
    results = run(toml, tmp_path / "results")
    assert set(results.states.values()) == {"done"}
    assert not list((tmp_path / "results" / "locks").iterdir())


def test_the_lock_of_a_finished_cell_goes_that_a_killed_run_left(tmp_path, forkserver):
    toml, results = tmp_path / "x.toml", tmp_path / "results"
    experiment(toml, "tiny/cluster", [{"method": "centroids"}], n=2)
    run(toml, results, seeds=(0,))
    (cell,) = make_plan(toml, seeds=(0,)).cells.values()
    (results / "locks" / f"{cell.key}.lock").touch()
    (results / "locks" / f"{cell.key}.held").write_text(f"{machine()}\n{os.getpid()}\n1\n")
    assert set(run(toml, results).states.values()) == {"done"}
    assert not list((results / "locks").iterdir())


class Rivalled(Pool):
    """A pool beside which another run is quicker: it takes each cell, and tidies up."""

    def __init__(self, rival):
        super().__init__(1)
        self._rival = rival

    def wait(self, seconds):
        if self._rival:
            self._rival()
            self._rival = None
        return super().wait(seconds)


def raced(toml, folder, rival, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(CellLock, "_take_mark", lambda _: None)  # as if its lease had expired
    chosen, store = make_plan(toml), Store(folder)
    options = RunOptions(1, DATA, plugins=(PLUGINS, FAULTY))
    Runner(chosen, store, options, Lines(sys.stdout), Rivalled(rival)).run()
    return states.read(chosen, store)


def test_two_runs_whose_locks_do_nothing_make_each_cell_once(tmp_path, monkeypatch, forkserver):
    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}], n=3)
    run(toml, tmp_path / "alone")
    before = {}

    def rival():
        run(toml, tmp_path / "results", workers=1)
        before.update(stamps(tmp_path / "results"))

    results = raced(toml, tmp_path / "results", rival, monkeypatch)
    assert set(results.states.values()) == {"done"}
    assert len(before) == 3
    assert stamps(tmp_path / "results") == before
    assert predictions(tmp_path / "results") == predictions(tmp_path / "alone")
    assert not list((tmp_path / "results" / "work").iterdir())


def test_a_cell_whose_folder_was_taken_away_is_computed_again(tmp_path, monkeypatch, forkserver):
    toml = experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])

    def rival():
        for path in (tmp_path / "results" / "work").glob("*/attempt-*"):
            shutil.rmtree(path)

    results = raced(toml, tmp_path / "results", rival, monkeypatch)
    assert [r.state for r in results.records.values()] == ["done"]
