"""Several GPUs on one machine: each worker sees one, and no two the same while there are enough."""

import sys

from harness import DATA, PLUGINS, make_plan, write_experiment

from bench import registry
from bench.cli.progress import Lines
from bench.run import cores
from bench.run.runner import Runner, RunOptions
from bench.store.folders import Store

METHOD = '''
import os, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from bench.registry import method
from bench.tasks import Prediction

@method("sees", kinds=("cluster",))
@dataclass(frozen=True)
class Sees:
    """Waits until as many as itself have said which GPUs they see."""

    notes: str = ""

    def fit(self, task, run):
        (Path(self.notes) / str(run.seed)).write_text(os.environ["CUDA_VISIBLE_DEVICES"])
        end = time.monotonic() + 60
        while len(list(Path(self.notes).iterdir())) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        return Prediction(assignments=np.zeros(len(task.target), np.int64))
'''


def test_workers_share_no_gpu_while_there_are_enough(tmp_path, forkserver):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "sees.py").write_text(METHOD)
    (tmp_path / "notes").mkdir()
    registry.load([tmp_path / "plugins"])
    row = {"method": "sees", "params": {"notes": str(tmp_path / "notes")}}
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [row], n=3)
    options = RunOptions(
        3, DATA, plugins=(PLUGINS, tmp_path / "plugins"), devices=("4", "MIG-7", "0")
    )
    runner = Runner(make_plan(toml), Store(tmp_path / "results"), options, Lines(sys.stdout))
    assert runner.run()
    assert set(runner.states.values()) == {"done"}
    seen = [path.read_text() for path in (tmp_path / "notes").iterdir()]
    assert sorted(seen) == ["0", "4", "MIG-7"]


def test_the_gpus_of_a_process_are_those_it_was_given(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, MIG-7")
    assert cores.gpus() == ("4", "MIG-7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cores.gpus() == ()
