"""On a GPU: every method once, short, beside the CPU; the same bytes twice; many seeds at once.

Skipped where there is none. The first value that a cell logs comes before two devices' rounding can
grow apart; what it ends with may be another local optimum, and is held to its shape alone.
"""

import json

import numpy as np
import pytest
import torch
from conformance.test_conformance import cases, experiment
from harness import predictions, run

from bench.nn.images.tensors import upload
from bench.store import outputs

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: GPU paths are not tested here"
)
FIRST = 0.05
"""How far, relatively, the first logged values may be apart: means over an epoch, most of them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cells that several methods need are computed once."""
    return tmp_path_factory.mktemp("cuda")


@pytest.fixture(scope="module", params=cases(), ids=lambda case: "-".join(case))
def beside(request, folder, forkserver):
    """Method, and what the stores hold: on the CPU, on the GPU, on the GPU from nothing."""
    name, kind = request.param
    toml = experiment(folder, name, kind)
    found = [
        run(toml, folder / place, seeds=(0,), device=device, workers=1)
        for place, device in (("cpu", "cpu"), ("gpu", "cuda"), ("again", "cuda"))
    ]
    return name, kind, found


def test_what_shares_its_memory_is_uploaded_too():
    boxes = torch.tensor([0, 0, 8, 8]).expand(3, 4)
    assert upload(boxes, "cuda").cpu().equal(boxes)


def first_logged(results, key):
    """Name -> the first value that a cell logged."""
    path = results.runs / results.plan.cells[key].folder / "curves.json"
    if not path.exists():
        return {}
    return {k: points[0][1] for k, points in json.loads(path.read_text())["logged"].items()}


def predicted(results, key):
    """A cell's output."""
    folder = results.runs / results.plan.cells[key].folder
    return outputs.load(folder / "prediction.safetensors", tensors=True)


def by_role(results):
    """Method, task and parameters -> key, in the order of the plan."""
    return {(c.method, c.task, str(c.params)): key for key, c in results.plan.cells.items()}


def test_it_ends_well_and_says_what_memory_it_took(beside):
    _, _, (_, gpu, _) = beside
    records = [gpu.records[key] for key in gpu.plan.cells]
    assert {r.state for r in records} == {"done"}, [(r.cell["method"], r.message) for r in records]
    assert {r.hardware for r in records} == {torch.cuda.get_device_name()}
    for record in records:
        print(f"{record.cell['method']}: {record.peak_device_memory / 2**20:.1f} MB")
        assert 0 <= record.peak_device_memory < torch.cuda.mem_get_info()[1]
        assert all(np.isfinite(value) for value in record.metrics.values())


def test_the_same_cell_gives_the_same_bytes_twice(beside, folder):
    _, _, (_, gpu, _) = beside
    one, two = predictions(folder / "gpu"), predictions(folder / "again")
    mine = {cell.folder for cell in gpu.plan.cells.values()}
    assert {k: v for k, v in one.items() if k in mine} == {
        k: v for k, v in two.items() if k in mine
    }


def test_it_begins_as_on_the_cpu(beside):
    _, _, (cpu, gpu, _) = beside
    on_cpu, on_gpu = by_role(cpu), by_role(gpu)
    assert on_cpu.keys() == on_gpu.keys()
    for role, key in on_cpu.items():
        expected, found = first_logged(cpu, key), first_logged(gpu, on_gpu[role])
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=FIRST, abs=FIRST), (role, name)


def test_its_prediction_has_the_shape_that_it_has_on_the_cpu(beside):
    _, _, (cpu, gpu, _) = beside
    on_gpu = by_role(gpu)
    for role, key in by_role(cpu).items():
        one, two = predicted(cpu, key), predicted(gpu, on_gpu[role])
        assert one.tensors.keys() == two.tensors.keys()
        for a, b in ((one.assignments, two.assignments), (one.scores, two.scores)):
            assert (a is None) == (b is None)
            assert a is None or b is None or a.shape == b.shape


def test_many_seeds_in_one_process_begin_as_each_does_alone(tmp_path, forkserver):
    toml = experiment(tmp_path, "tsp", "cluster")
    together = run(toml, tmp_path / "together", device="cuda", workers=1)
    twice = run(toml, tmp_path / "twice", device="cuda", workers=1)
    assert {r.group for r in together.records.values() if r.cell["method"] == "tsp"} == {2}
    assert predictions(tmp_path / "together") == predictions(tmp_path / "twice")
    for seed in range(2):
        alone = run(toml, tmp_path / "alone", seeds=(seed,), device="cuda", workers=1)
        for key in alone.plan.cells:
            assert (alone.states[key], twice.states[key]) == ("done", "done")
            expected = pytest.approx(first_logged(alone, key), rel=FIRST, abs=FIRST)
            assert first_logged(together, key) == expected
