"""bfloat16 as a choice of the run: cells, tables and files of their own, float32 as it was."""

import dataclasses
import json
from typing import Any

import pytest
import torch
from characters import G, build, cluster, cluster_task, similarity_task
from fake_run import FakeRun
from harness import FAULTY, PLUGINS, bench, make_plan, places, write_experiment

from bench import registry
from bench.errors import BenchError
from bench.store import machine


@pytest.fixture
def toml(tmp_path, monkeypatch):
    """An experiment of a method that accepts bfloat16 and of one that does not."""
    registry.load([PLUGINS, FAULTY])
    info = registry.get("centroids")
    accepting = dataclasses.replace(info, dtypes=("float32", "bfloat16"))
    monkeypatch.setitem(registry._methods, "centroids", accepting)
    rows = [{"method": "centroids"}, {"method": "kmeans"}]
    return write_experiment(tmp_path / "e.toml", "tiny/cluster", rows)


def test_cells_of_bfloat16_have_keys_of_their_own_and_float32_keeps_its(toml):
    plain, asked = make_plan(toml), make_plan(toml, dtype="bfloat16")
    assert {c.dtype for c in plain.cells.values()} == {"float32"}
    assert {c.dtype for c in asked.cells.values()} == {"bfloat16"}
    assert not plain.cells.keys() & asked.cells.keys()
    ((reason,),) = asked.unavailable.values()
    assert str(reason) == "method 'kmeans' computes in float32 alone, not in bfloat16"
    assert (plain.shown, asked.shown) == ("quick", "quick, bfloat16")


def test_weights_from_a_file_stand_in_no_network_s_way(tmp_path):
    network = json.dumps({"name": "timm", "model": "resnet18"})
    row = {
        "method": "kcl",
        "params": {"network": network, "weights": "resnet18.tv_in1k", "similarity_seed": 0},
    }
    toml = write_experiment(tmp_path / "e.toml", "digits/transfer", [row])
    plan = make_plan(toml, dtype="bfloat16")
    assert "weights" in {cell.method for cell in plan.cells.values()}
    assert not any("bfloat16" in str(lack) for lacks in plan.unavailable.values() for lack in lacks)


def test_a_method_that_does_not_accept_it_is_refused_by_name(toml):
    with pytest.raises(BenchError, match=r"--dtype bfloat16: method 'kmeans' computes in float32"):
        make_plan(toml, dtype="bfloat16", methods=("kmeans",))
    with pytest.raises(BenchError, match="bfloat17"):

        @registry.method("half", kinds=("cluster",), dtypes=("bfloat17",))  # type: ignore[arg-type]
        @dataclasses.dataclass(frozen=True)
        class Half:
            def fit(self, task, run): ...


def test_tables_and_records_say_which_type_and_never_mix(toml, tmp_path, forkserver, monkeypatch):
    results = tmp_path / "results"
    assert bench("run", toml, *places(results), "--workers", 1) == 0
    before = {p: p.read_bytes() for p in (results / "tables").iterdir()}
    monkeypatch.setattr(machine, "lacks_bfloat16", lambda: True)
    words = ("--dtype", "bfloat16", "--methods", "centroids", "--workers", 1)
    assert bench("run", toml, *places(results), *words) == 0
    assert all(p.read_bytes() == content for p, content in before.items())
    made = {p.name: p.read_text() for p in (results / "tables").iterdir() if p not in before}
    assert {name.split(".")[0] for name in made} == {"e-t-quick-bfloat16"}
    assert any("Preset: quick, bfloat16." in text for text in made.values())
    found = [json.loads(p.read_text()) for p in results.glob("runs/*/centroids/*/record.json")]
    said = {r["cell"]["dtype"]: r["hardware"] for r in found}
    assert said["bfloat16"].endswith(", no instructions for bfloat16")
    assert said["float32"] == machine.hardware()


@pytest.mark.parametrize("name", ["kcl", "mcl"])
def test_networks_alone_compute_in_bfloat16(name, monkeypatch):
    """The loss is given probabilities in float32 that bfloat16 cannot hold."""
    method: Any = type(build(name))
    given, loss = [], method.loss
    monkeypatch.setattr(
        method, "loss", lambda self, p, similar: given.append(p.detach()) or loss(self, p, similar)
    )
    needed = build("similarity", **{**G, "epochs": 1}).fit(
        similarity_task(), FakeRun(dtype="bfloat16")
    )
    assert all(t.dtype != torch.bfloat16 for t in needed.tensors.values())
    cluster(name, cluster_task(), needed, FakeRun(dtype="bfloat16"), epochs=1)
    assert all(p.dtype == torch.float32 for p in given)
    assert all(not torch.equal(p, p.bfloat16().float()) for p in given)
    torch.testing.assert_close(given[0].sum(dim=1), torch.ones(len(given[0])), rtol=0, atol=1e-6)
