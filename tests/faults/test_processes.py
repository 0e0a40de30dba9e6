"""A method may have processes: they work, count in its limits, and end with its cell."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from harness import all_gone, places, run, start, states_of, wait_for, write_experiment

from bench.errors import BenchError
from bench.run import pool, processes, server
from bench.run.pool import Pool

WORK = ("loader", "pool", "spawn", "forkserver")
LEAVE = ("daemon", "own_session", "own_session_of_a_shell", "double_fork", "dies_with_orphans")
FORK = ("fork_that_comes_back", "fork_that_raises")


def experiment(folder, *ways):
    """A cell of each way, with a file of its own for the processes that it leaves."""
    rows = [
        {"label": way, "method": "children", "params": {"way": way, "notes": str(folder / way)}}
        for way in ways
    ]
    return write_experiment(folder / "children.toml", "tiny/cluster", rows)


def noted(file):
    return [int(word) for word in file.read_text().split()]


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    """One run of every way."""
    folder = tmp_path_factory.mktemp("children")
    toml = experiment(folder, *WORK, *LEAVE, *FORK)
    results = run(toml, folder / "results", timeout=100.0)
    return folder, {r.cell["params"]["way"]: r for r in results.records.values()}


@pytest.mark.parametrize("way", WORK)
def test_processes_of_a_method_work(swept, way):
    record = swept[1][way]
    assert (record.state, record.message) == ("done", "")
    assert record.cpu_seconds > 0


@pytest.mark.parametrize("way", LEAVE)
def test_what_a_cell_leaves_behind_ends_with_it(swept, way):
    folder, records = swept
    assert records[way].state == ("failed" if way == "dies_with_orphans" else "done")
    pids = noted(folder / way)
    assert len(pids) == (2 if way == "dies_with_orphans" else 1)
    assert all_gone(pids)


@pytest.mark.parametrize("way", FORK)
def test_a_fork_that_a_method_does_not_end_is_not_its_cell(swept, way):
    assert (swept[1][way].state, swept[1][way].message) == ("done", "")


def test_nothing_is_left_at_the_server(swept):
    pid = server.pid()
    assert pid is not None
    assert processes.children(pid) == []


def test_what_a_cell_started_ends_with_its_time(tmp_path, forkserver):
    toml, notes = experiment(tmp_path, "hangs_with_orphans"), tmp_path / "hangs_with_orphans"
    results = run(toml, tmp_path / "results", timeout=2.0)
    assert [r.failure for r in results.records.values()] == ["timeout"]
    assert len(noted(notes)) == 2
    assert all_gone(noted(notes))


@pytest.mark.parametrize("which", ["harness", "harness, its worker hanging"])
def test_what_a_cell_started_ends_with_the_harness(tmp_path, which):
    toml, notes = experiment(tmp_path, "hangs_with_orphans"), tmp_path / "hangs_with_orphans"
    process = start("run", toml, *places(tmp_path / "results"))
    wait_for(lambda: notes.exists() and len(noted(notes)) == 2, process)
    pids = noted(notes)
    below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    assert set(pids) < set(below)
    if which != "harness":  # as one that is in native code and holds the interpreter's lock
        os.kill(psutil.Process(pids[1]).ppid(), signal.SIGSTOP)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert all_gone([*pids, *below])


def test_a_long_name_of_the_folder_for_temporary_files_is_in_nobodys_way(tmp_path, monkeypatch):
    """Sockets have room for a path of 107 bytes: those of workers, and of a method's loader."""
    folder = tmp_path / "x".ljust(119 - len(str(tmp_path)), "x")
    folder.mkdir()
    assert len(str(folder)) >= 120
    monkeypatch.setenv("TMPDIR", str(folder))
    toml = experiment(tmp_path, "loader")
    process = start("run", toml, *places(tmp_path / "results"))
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert list(states_of(toml, tmp_path / "results").values()) == ["done"]


LIMITED = {
    "shared": ("shared", 2400, "failed"),
    "many": ("many", 2400, "failed"),
    "less shared": ("shared", 100, "done"),
    "seen by many": ("forked", 450, "done"),
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory, forkserver):
    folder = tmp_path_factory.mktemp("limited")
    rows = [
        {"label": name, "method": "takes", "params": {"way": way, "mb": mb}}
        for name, (way, mb, _) in LIMITED.items()
    ]
    toml = write_experiment(folder / "takes.toml", "tiny/cluster", rows)
    results = run(toml, folder / "results", workers=1, memory=2048 * 2**20)
    return {(r.cell["params"]["way"], r.cell["params"]["mb"]): r for r in results.records.values()}


@pytest.mark.parametrize("name", LIMITED)
def test_the_limit_of_memory_is_the_cells(limited, name):
    way, mb, state = LIMITED[name]
    record = limited[way, mb]
    assert record.state == state, record.message
    if state == "failed":
        assert record.failure == "out of memory"
        assert "processes of its own (--memory)" in record.message


def test_memory_counts_a_page_once(tmp_path):
    """Against the slow form: the sum over all mappings of a process and its child."""
    content = bytearray(64 * 2**20)
    content[::4096] = b"x" * len(content[::4096])
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        found = processes.memory(os.getpid(), 0)
        slow = 0
        for pid in (os.getpid(), *processes.below(os.getpid())):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            pairs = dict(line.split(":", 1) for line in text.splitlines()[1:])
            slow += sum(int(pairs[n].split()[0]) for n in ("Pss_Anon", "Pss_Shmem")) * 1024
        assert abs(found - slow) < 16 * 2**20
        quick = processes.memory(os.getpid(), 2**50)
        assert quick > found + 60 * 2**20
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_children_are_found_on_a_kernel_that_lists_none(monkeypatch):
    child = psutil.Popen(["sh", "-c", "sleep 60 & sleep 60"])
    try:
        end = time.monotonic() + 10
        while len(processes.below(child.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        listed = processes.below(os.getpid())
        monkeypatch.setattr(processes, "_lists_children", lambda: False)
        assert sorted(processes.below(os.getpid())) == sorted(listed)
        assert len(processes.below(child.pid)) == 2
        processes.end_below(child.pid)
        assert not processes.below(child.pid)
    finally:
        child.kill()
        child.wait()


def test_a_process_may_be_called_by_any_bytes():
    line = "open('/proc/self/comm', 'wb').write(b') \\xff R 1'); print(flush=True); input()"
    words, pipe = [sys.executable, "-c", line], subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as child:
        child.stdout.readline()
        assert processes.lives(child.pid)
        assert child.pid in processes.children(os.getpid())
        assert processes.memory(child.pid, 2**50) > 2**20
        child.kill()


def test_a_server_that_ends_while_it_is_asked_for_a_worker(monkeypatch):
    class Asked:
        """A process whose server is killed between the question and the answer."""

        def __init__(self, *_, **__):
            """Begun nowhere."""

        def start(self):
            raise EOFError("unexpected EOF")

    context = SimpleNamespace(Pipe=multiprocessing.Pipe, Process=Asked)
    monkeypatch.setattr(server, "context", lambda: context)
    with pytest.raises(BenchError, match="was ended from outside; the same command continues"):
        Pool(1).start([])


class Leaving:
    """A worker that is gone, and notes whether it was asked by one thread alone."""

    pid, exitcode = None, 7

    def __init__(self, asked):
        self.asked = asked

    def is_alive(self):
        self.asked.append(pool._ALONE.locked())
        return False

    join = is_alive

    def close(self):
        """Nothing is open."""


def test_one_thread_at_a_time_asks_how_a_worker_ended(monkeypatch):
    """It can be read once: another thread of Dask's that asks as well takes it for status 255."""
    asked: list[bool] = []
    monkeypatch.setattr(server, "end_orphans", lambda: asked.append(pool._ALONE.locked()))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    gone: Any = Leaving(asked)
    workers = Pool(2, _leaving=[gone])
    assert workers.wait(0.0) == []
    assert workers._ended(pool._Running((), gone, receiver, 0.0, reports=[])) == []
    workers._leaving.append(gone)
    workers.stop()
    assert asked == [True] * 5
    sender.close()
    receiver.close()
