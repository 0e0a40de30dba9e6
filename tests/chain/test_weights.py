"""The weights that others trained for standard networks: files, cells, the command line."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import timm
import torch
from fake_run import FakeRun
from harness import bench, make_plan, write_experiment
from safetensors.torch import load_file, save_file

from bench import ROOT, registry, weights
from bench.errors import BenchError, Unavailable
from bench.nn import networks
from bench.nn.networks.features import extract
from bench.nn.networks.from_timm import TimmNet, start_from

NAME = "test_resnet.made_up"
"""A model of timm that is as small as any."""
RNG = np.random.default_rng(0)

CARRIER = '''
"""Needs weights, and hands on what it was given: python -m bench run x."""

from dataclasses import dataclass

import numpy as np

from bench.registry import method
from bench.tasks import Need, Prediction


@method("weighted", kinds=("cluster",))
@dataclass(frozen=True)
class Weighted:
    """Assigns by the weights."""

    name: str = "test_resnet.made_up"

    def needs(self, task):
        return {"w": Need("weights", {"name": self.name}, task="digits/cluster", seed=0)}

    def fit(self, task, run):
        total = sum(float(t.double().sum()) for t in run.needed("w").tensors.values())
        return Prediction(assignments=np.full(len(task.target), int(abs(total)) % 3))
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of weights."""
    place = tmp_path / "weights"
    place.mkdir()
    monkeypatch.setenv(weights.FOLDER, str(place))
    return place


def write(folder, name=NAME, seed=0, model="test_resnet", **changes):
    """A whole model's file, classifier included; a change of None leaves a tensor out."""
    with networks.seeded(seed):
        tensors = dict(timm.create_model(model, pretrained=False).state_dict())
    tensors |= changes
    save_file({n: t for n, t in tensors.items() if t is not None}, folder / f"{name}.safetensors")
    return tensors


def fit(name=NAME, **params):
    method = registry.get("weights").build({"name": name, "sha256": "", **params})
    return method.resolved().fit(None, FakeRun())


# Files.


def test_a_file_is_given_back_without_its_classifier(folder):
    tensors = write(folder)
    found = fit()
    assert set(found.tensors) == {f"trunk.{n}" for n in tensors if not n.startswith("fc.")}
    network = networks.load(found.architecture, found.tensors)
    for name, value in network.trunk.state_dict().items():
        torch.testing.assert_close(value, tensors[name], rtol=0, atol=0)
    images = RNG.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    assert extract(network, images, batch=2).shape == (5, network.trunk.num_features)


def test_older_files_lack_the_counts_of_batches(folder):
    tensors = write(folder)
    without = {n: None for n in tensors if n.endswith("num_batches_tracked")}
    assert without
    write(folder, **without)
    assert fit().tensors.keys() >= {f"trunk.{n}" for n in without}


TRUNK = list(timm.create_model("test_resnet", num_classes=0).state_dict())
NORM = next(name for name in TRUNK if name.endswith("running_mean"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({TRUNK[0]: None}, f"1 tensors are missing, such as '{TRUNK[0]}'"),
        ({"layer9.x": torch.zeros(1)}, "1 tensors are of another model, such as 'layer9.x'"),
        ({NORM: torch.zeros(7)}, rf"'{NORM}' has shape \(7,\), expected"),
    ],
)
def test_weights_of_another_network(folder, changes, words):
    write(folder, **changes)
    with pytest.raises(ValueError, match=words) as caught:
        fit()
    assert f"{folder / NAME}.safetensors does not fit test_resnet" in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "pickle", "empty"])
def test_a_damaged_file(folder, damage):
    write(folder)
    path = folder / f"{NAME}.safetensors"
    if damage == "pickle":
        torch.save({"fc.weight": torch.zeros(2)}, path)
    else:
        path.write_bytes(path.read_bytes()[:5000] if damage == "cut" else b"")
    with pytest.raises(BenchError, match=r"made_up\.safetensors: damaged or no safetensors file"):
        fit()


def test_a_file_other_than_the_one_meant(folder):
    write(folder)
    with pytest.raises(BenchError, match=r"its SHA-256 is [0-9a-f]{64}, not 0000"):
        fit(sha256="0" * 64)


def test_an_unknown_model(folder):
    write(folder, name="resmet18.x")
    with pytest.raises(ValueError, match="unknown model 'resmet18': did you mean 'resnet18'"):
        fit("resmet18.x")


def test_start_from_leaves_heads_alone(folder):
    tensors = write(folder)
    given = fit().tensors
    inner = networks.build(networks.describe("timm", channels=3, outputs=4, model="test_resnet"))
    module: Any = torch.nn.Sequential(inner, torch.nn.Linear(4, 2))
    heads = [module[0].head.weight.clone(), module[1].weight.clone()]
    start_from(module, given)
    torch.testing.assert_close(module[0].trunk.state_dict(), {
        n: tensors[n] for n in module[0].trunk.state_dict()
    })  # fmt: skip
    torch.testing.assert_close(heads, [module[0].head.weight, module[1].weight])
    with pytest.raises(ValueError, match="need a network of the name 'timm'"):
        start_from(torch.nn.Linear(2, 2), given)
    other = networks.build(networks.describe("timm", channels=3, outputs=0, model="resnet10t"))
    with pytest.raises(ValueError, match="initial weights do not fit the network"):
        start_from(other, given)


# Cells.


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """A folder with a method that needs weights."""
    place = tmp_path_factory.mktemp("weighted")
    (place / "weighted_method.py").write_text(CARRIER)
    registry.load([place])
    yield place
    registry._methods.pop("weighted")


@pytest.fixture
def toml(tmp_path, folder, plugins):
    """An experiment with that method."""
    return write_experiment(tmp_path / "x.toml", "digits/cluster", [{"method": "weighted"}], n=2)


def cells(toml):
    plan = make_plan(toml)
    return plan, {c.method: c for c in plan.cells.values()}


def test_without_the_file_the_cells_are_unavailable(toml, folder):
    plan, _ = cells(toml)
    assert len(plan.cells) == 3  # the weights once, for both seeds
    assert set(plan.unavailable) == set(plan.cells)
    ((why,),) = set(plan.unavailable.values())
    assert f"weights {NAME}: no {NAME}.safetensors in {folder}: put it there" in str(why)
    assert f"`python -m bench weights fetch {NAME}`" in str(why)


def test_the_hash_of_the_file_is_in_the_key(toml, folder):
    write(folder)
    plan, first = cells(toml)
    assert plan.unavailable == {}
    assert dict(first["weights"].params) == {"name": NAME, "sha256": weights.digest(NAME)}
    assert cells(toml)[1] == first
    write(folder, seed=1)
    os.utime(folder / f"{NAME}.safetensors", ns=(1, 1))
    other = cells(toml)[1]
    assert other["weights"].key != first["weights"].key
    assert other["weighted"].key != first["weighted"].key


def test_a_run_with_weights_from_a_flag(toml, tmp_path, folder, plugins):
    write(folder)
    flags = ["--results", tmp_path / "out", "--plugins", plugins, "--weights", folder]
    environment = {k: v for k, v in os.environ.items() if k != weights.FOLDER}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", toml, *flags],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (prediction,) = (tmp_path / "out/runs").glob("*/weights/*/prediction.safetensors")
    assert len(load_file(prediction)) >= len(TRUNK)


# The command line.


def test_list_and_fetch(folder, capsys, monkeypatch):
    write(folder)
    assert bench("weights", "list", "--weights", folder) == 0
    out = capsys.readouterr().out
    assert NAME in out
    assert weights.digest(NAME) in out
    assert bench("weights", "list", NAME) == 0
    assert capsys.readouterr().out == out
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        return folder / f"{NAME}.safetensors"

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert bench("weights", "fetch", "resnet18.tv_in1k") == 0
    assert asked == [("timm/resnet18.tv_in1k", "model.safetensors")]
    assert weights.digest("resnet18.tv_in1k") == weights.digest(NAME)
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("fetch",), "name some, such as resnet18.tv_in1k"),
        (("list", "--weights", "/nowhere"), "--weights /nowhere is no folder"),
    ],
)
def test_wrong_words(folder, words, error, capsys):
    assert bench("weights", *words) == 2
    assert error in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(weights.ELSEWHERE))
def test_weights_that_timm_does_not_publish_say_where_they_are(folder, name, capsys):
    said = str(weights.lacking(name))
    assert weights.ELSEWHERE[name] in said
    assert "weights fetch" not in said  # which would only refuse
    assert bench("weights", "fetch", name) == 1
    assert weights.ELSEWHERE[name] in capsys.readouterr().err


def test_fetch_goes_on_after_a_failure(folder, capsys, monkeypatch):
    source = folder.parent / "downloaded.safetensors"
    source.write_bytes(b"x")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_: source)
    assert bench("weights", "fetch", "resnet50.dino", "vgg16", "resnet18.tv_in1k") == 1
    told = capsys.readouterr()
    assert "resnet18.tv_in1k: ready in" in told.out
    assert weights.ELSEWHERE["resnet50.dino"] in told.err
    assert "timm publishes no weights 'vgg16'" in told.err
    assert [path.name for path in folder.iterdir()] == ["resnet18.tv_in1k.safetensors"]


def test_a_failed_download(folder, monkeypatch):
    def fail(*_words):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(Unavailable, match=r"could not be downloaded \(no network\)"):
        weights.fetch("resnet18.tv_in1k")
    assert list(folder.iterdir()) == []


def test_a_timm_network_is_no_pickle(folder):
    """Nothing here opens a pickle, whatever its name."""
    torch.save(TimmNet(3, 0, model="test_resnet").state_dict(), folder / f"{NAME}.safetensors")
    with pytest.raises(BenchError):
        weights.read(NAME)
