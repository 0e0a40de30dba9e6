"""What every result rests on beside the method: pinned by digest, a number in the key names it."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from harness import DATA, make_plan, write_experiment

from bench import ROOT
from bench.datasets import get_task, materialise
from bench.plan import cell
from bench.plan.cell import seed_for
from bench.run import draws
from bench.tasks import PairAnswers

MEND = (
    "the protocol gives something else than before: take that back, or raise PROTOCOL in "
    "bench/plan/cell.py, so that every cell gets another key, and put the new digest here"
)


def digest(*arrays):
    found = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        found.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()[:12]


LABELS = np.random.default_rng(5).integers(6, size=301)


def answers():
    return draws.draw_answers(LABELS, 0.8, 0.9, 0.5, seed=11)


def block():
    rows = np.arange(0, 301, 3)
    return PairAnswers(301, *answers()).block(rows, rows[::-1] + 1 - 1)


def images(role):
    task = get_task("digits/transfer")
    part = materialise(task.parts()[role], DATA, limit=task.limit(role, "quick"))
    return np.load(part.images), np.load(part.labels)


GIVEN = {
    "seeds": lambda: [seed_for(s, "digits/cluster", a) for s in (0, 7) for a in ("init", "split")],
    "pairs": lambda: draws.draw_pairs(50, 40, seed=3),
    "episodes": lambda: draws.draw_episodes(LABELS, 4, 20, seed=3),
    "strata": lambda: draws.draw_strata(LABELS, 30, 50, seed=3),
    "batches": lambda: draws.draw_batches(50, 6, 4, seed=3),
    "answers": answers,
    "block": block,
    "order of the target": lambda: images("target"),
    "order of the source": lambda: images("source"),
}
GOLDEN = {
    "seeds": "e0f2243786c7",
    "pairs": "4f9117c3c399",
    "episodes": "d99faba3e5a4",
    "strata": "64b40ceaa22f",
    "batches": "85580e1f8fad",
    "answers": "c584c1f08245",
    "block": "2a66a79dbea2",
    "order of the target": "79d5362b1c24",
    "order of the source": "e57e72c7a0f8",
}
SETTINGS = """
import os, json, random, sys, tempfile
from pathlib import Path
import numpy, torch
from bench.run import pool, worker
from bench.run.inputs import Inputs
device = sys.argv[1]
folder = Path(tempfile.mkdtemp(dir=sys.argv[2]))
inputs = Inputs("cluster", "digits/cluster", {}, {}, {}, {})
job = worker.Job(key="k", method="m", params={}, seed=4, preset="quick", device=device,
    dtype="float32", threads=THREADS, inputs=inputs, needs={}, plugins=(), work=folder,
    attempt=folder, memory=0)
out = os.dup(1)
class Channel:
    def send(self, _): pass
(run,) = worker._prepare([job], Channel())
found = {
    "threads": torch.get_num_threads(),
    "deterministic": torch.are_deterministic_algorithms_enabled(),
    "benchmark": torch.backends.cudnn.benchmark,
    "tf32": [torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32],
    "precision": torch.get_float32_matmul_precision(),
    "dtype": str(torch.get_default_dtype()),
    "drawn": [random.random(), numpy.random.rand(), float(torch.rand(1))],
    "named": [run.rng("init").random(), float(torch.rand(1, generator=run.generator("batches")))],
}
os.write(out, json.dumps(found).encode())
"""


def test_what_is_drawn_and_given_is_what_it_was():
    found = {}
    for name, make in GIVEN.items():
        made = make()
        found[name] = digest(*made) if isinstance(made, tuple) else digest(made)
    assert found == GOLDEN, MEND


def settings(device, tmp_path, threads):
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS.replace("THREADS", str(threads)), device, str(tmp_path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def threads(tmp_path):
    """As a plan gives them to its cells."""
    made = make_plan(write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "kmeans"}]))
    return {one.threads for one in made.cells.values()}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_worker_is_set_up_as_it_was(device, tmp_path):
    assert threads(tmp_path) == {1}, MEND
    assert settings(device, tmp_path, 1) == SETUP[device], MEND


CPU = {
    "threads": 1,
    "deterministic": False,
    "benchmark": False,
    "tf32": [True, False],
    "precision": "highest",
    "dtype": "torch.float32",
    "drawn": [0.23604808973743452, 0.9670298390136767, 0.5750888586044312],
    "named": [0.36580959849688766, 0.751277506351471],
}
SETUP = {"cpu": CPU, "cuda": {**CPU, "deterministic": True, "tf32": [False, False]}}


def test_one_is_left_out_of_the_key_and_two_is_another_key(tmp_path, monkeypatch):
    file = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "kmeans"}])
    before = set(make_plan(file).cells)
    assert all("protocol" not in one.identity() for one in make_plan(file).cells.values())
    monkeypatch.setattr(cell, "PROTOCOL", 2)
    assert not before & set(make_plan(file).cells)
