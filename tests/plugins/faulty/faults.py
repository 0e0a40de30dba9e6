"""Methods that go wrong, each in a way of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.registry import method
from bench.tasks import Need, Prediction


@method("fault", kinds=("cluster", "similarity"))
@dataclass(frozen=True)
class Fault:
    """Fails in the way that it is told to."""

    way: str = ""
    seed: int = -1
    """Fails with this seed alone; -1: with every seed."""

    def fit(self, task, run):
        zeros = np.arange(len(task.target)) % task.n_clusters
        if self.seed in (-1, run.seed):
            return getattr(self, self.way)(zeros, run)
        return Prediction(assignments=zeros)

    def raises(self, zeros, run):
        print("a line of the log")
        raise RuntimeError("the centres ran away")

    def gives_nan(self, zeros, run):
        return Prediction(assignments=np.full(len(zeros), np.nan))

    def logs_nan(self, zeros, run):
        run.log(3, loss=float("nan"))

    def too_short(self, zeros, run):
        return Prediction(assignments=zeros[:-1])

    def too_high(self, zeros, run):
        return Prediction(assignments=zeros + 1)

    def gives_nothing(self, zeros, run):
        return None

    def snapshot_too_short(self, zeros, run):
        run.snapshot(0, zeros[:-1])
        return Prediction(assignments=zeros)

    def snapshot_nan(self, zeros, run):
        run.snapshot(0, np.full(len(zeros), np.nan))
        return Prediction(assignments=zeros)

    def never_ends(self, zeros, run):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1)

    def takes_memory(self, zeros, run):
        return Prediction(assignments=np.ones(2**30, np.float64).astype(int))

    def takes_memory_in_torch(self, zeros, run):
        import torch

        return Prediction(tensors={"w": torch.ones(2**30)})

    def dies(self, zeros, run):
        os._exit(7)

    def is_killed(self, zeros, run):
        os.kill(os.getpid(), signal.SIGKILL)

    def exits(self, zeros, run):
        sys.exit("I had enough")


@method("needs-fault", kinds=("cluster",))
@dataclass(frozen=True)
class NeedsFault:
    """Needs a cell that fails."""

    way: str = ""

    def needs(self, task):
        return {"fault": Need("fault", {"way": self.way})}

    def fit(self, task, run):
        return Prediction(assignments=run.needed("fault").assignments)


@method("litter", kinds=("cluster",))
@dataclass(frozen=True)
class Litter:
    """Leaves behind a process, a thread, an exit hook and changed global state."""

    pid_file: str = ""

    def fit(self, task, run):
        import torch

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(self.pid_file).write_text(str(child.pid))
        threading.Thread(target=time.sleep, args=(600,)).start()
        np.random.seed(1)  # noqa: NPY002
        torch.set_default_dtype(torch.float64)
        os.environ["LITTER"] = "1"
        os.chdir("/")
        sys.modules["litter"] = sys
        return Prediction(assignments=np.zeros(len(task.target), np.int64))


@method("sees-litter", kinds=("cluster",))
@dataclass(frozen=True)
class SeesLitter:
    """Cluster 1 where it finds what `litter` left."""

    cwd: str = ""

    def fit(self, task, run):
        import torch

        found = (
            "litter" in sys.modules,
            "LITTER" in os.environ,
            torch.get_default_dtype() != torch.float32,
            str(Path.cwd()) != self.cwd,
        )
        if any(found):
            raise RuntimeError(f"litter reached the next cell: {found}")
        return Prediction(assignments=np.zeros(len(task.target), np.int64))
