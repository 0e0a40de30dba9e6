"""Methods that start processes, use shared memory or meet a full disk."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.registry import method
from bench.tasks import Prediction

from .steps import note

MB = 2**20


def doubled(x):
    return 2 * x


def fill(count, held):
    """Take memory and hold it."""
    content = bytearray(count)
    content[:: mmap.PAGESIZE] = b"x" * len(content[:: mmap.PAGESIZE])
    held.set()
    time.sleep(600)


class Squares:
    """A data set as `DataLoader` takes it."""

    def __len__(self):
        return 8

    def __getitem__(self, i):
        import torch

        return torch.tensor(i * i)


@method("children", kinds=("cluster",))
@dataclass(frozen=True)
class Children:
    """Has processes of its own, in the way that it is told to."""

    way: str = ""
    notes: str = ""
    """Where process ids of what outlives `fit` are noted."""

    def fit(self, task, run):
        getattr(self, self.way)()
        return Prediction(assignments=np.arange(len(task.target)) % task.n_clusters)

    def loader(self):
        from torch.utils.data import DataLoader

        squares: Any = Squares()
        found = [x.item() for batch in DataLoader(squares, 2, num_workers=2) for x in batch]
        assert found == [i * i for i in range(8)]

    def pool(self):
        with multiprocessing.Pool(2) as pool:
            assert pool.map(doubled, range(4)) == [0, 2, 4, 6]

    def spawn(self):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.map(doubled, range(4)) == [0, 2, 4, 6]

    def forkserver(self):
        with multiprocessing.get_context("forkserver").Pool(1) as pool:
            assert pool.map(doubled, range(4)) == [0, 2, 4, 6]

    def daemon(self):
        child = multiprocessing.Process(target=time.sleep, args=(600,), daemon=True)
        child.start()
        note(self.notes, child.pid)

    def own_session(self):
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        note(self.notes, subprocess.Popen(sleep, start_new_session=True).pid)

    def own_session_of_a_shell(self):
        line = f"setsid sh -c 'echo $$ >> {self.notes}; sleep 600 & sleep 600' &"
        subprocess.run(["sh", "-c", line], check=True)
        time.sleep(0.5)

    def double_fork(self):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                note(self.notes, os.getpid())
                time.sleep(600)
            os._exit(0)
        os.wait()
        time.sleep(0.3)

    def dies_with_orphans(self):
        self.double_fork()
        self.own_session()
        os.kill(os.getpid(), signal.SIGKILL)

    def hangs_with_orphans(self):
        self.double_fork()
        self.own_session()
        time.sleep(600)

    def fork_that_comes_back(self):
        if os.fork() == 0:
            sys.exit("the child's own end")
        os.wait()

    def fork_that_raises(self):
        if os.fork() == 0:
            raise RuntimeError("the child's own error")
        os.wait()


@method("takes", kinds=("cluster",))
@dataclass(frozen=True)
class Takes:
    """Holds memory that no limit of one process counts."""

    way: str = ""
    mb: int = 0

    def fit(self, task, run):
        getattr(self, self.way)()
        return Prediction(assignments=np.arange(len(task.target)) % task.n_clusters)

    def shared(self):
        shared = mmap.mmap(-1, self.mb * MB)
        for place in range(0, len(shared), mmap.PAGESIZE):
            shared[place] = 1
        time.sleep(1.0)

    def many(self):
        """A quarter in each of four processes."""
        context = multiprocessing.get_context("fork")
        for _ in range(4):
            held = context.Event()
            context.Process(target=fill, args=(self.mb * MB // 4, held), daemon=True).start()
            assert held.wait(60)
        time.sleep(1.0)

    def forked(self):
        """Held once, and seen by four processes that write nothing."""
        content = np.ones(self.mb * MB // 8)
        context = multiprocessing.get_context("fork")
        for _ in range(4):
            context.Process(target=time.sleep, args=(600,), daemon=True).start()
        time.sleep(1.0)
        assert content[-1] == 1


@method("full-disk", kinds=("cluster",))
@dataclass(frozen=True)
class FullDisk:
    """Meets a full disk where it is told to, as long as a file is there."""

    way: str = ""
    while_there: str = ""

    def fit(self, task, run):
        if Path(self.while_there).exists():
            getattr(self, self.way)(run, Path("/proc/self/fd/1").readlink().parent)
        run.log(0, loss=0.0)
        return Prediction(assignments=run.rng("init").integers(4, size=len(task.target)))

    def own_file(self, run, attempt):
        with Path("/dev/full").open("w") as file:
            file.write("a line")

    def own_file_of_a_library(self, run, attempt):
        try:
            self.own_file(run, attempt)
        except OSError as error:
            raise ValueError("the model could not be kept") from error

    def curves(self, run, attempt):
        (attempt / "curves.json").symlink_to("/dev/full")

    def checkpoint(self, run, attempt):
        (attempt.parent / "checkpoint.half").mkdir()
        run.checkpoint({"step": 1})

    def quota(self, run, attempt):
        raise OSError(122, os.strerror(122), "a file")

    def input_output_error(self, run, attempt):
        """Of the harness's own file: that is a folder."""
        (attempt / "prediction.half").mkdir()


@method("speaks", kinds=("cluster",))
@dataclass(frozen=True)
class Speaks:
    """Fails in words that few terminals can show."""

    def fit(self, task, run):
        print("größer \x1b[31m \udc80")
        raise ValueError("größer \x1b[31m \udc80")
