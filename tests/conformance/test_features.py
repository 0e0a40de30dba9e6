"""Features of frozen networks, against a bare forward pass of timm."""

from typing import Any, cast

import numpy as np
import pytest
import timm
import torch
from fake_run import FakeRun
from harness import make_plan, run, write_experiment
from PIL import Image
from safetensors.torch import save_file

from bench import registry, weights
from bench.nn import networks, training
from bench.nn.networks.sized import sized
from bench.nn.networks.vit import ViT
from bench.tasks import ClusterTask, Prediction, TaskInfo

registry.load()
Features = registry.get("features").cls
NAME = "test_vit.made_up"
"""A model of timm that is as small as any; its images have 160 pixels a side."""
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
GREY = COLOUR[..., :1].copy()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of weights."""
    place = tmp_path / "weights"
    place.mkdir()
    monkeypatch.setenv(weights.FOLDER, str(place))
    return place


def write(folder, name=NAME, model="test_vit"):
    """The file of a model with its classifier, and the model without it."""
    with networks.seeded(0):
        network = timm.create_model(model, pretrained=False)
    save_file(network.state_dict(), folder / f"{name}.safetensors")
    return network.eval()


def given(name=NAME):
    """The output of the cell that reads the file."""
    method = registry.get("weights").build({"name": name, "sha256": ""})
    return method.resolved().fit(None, FakeRun())


def small_vit(channels=1, size=8):
    """The output of a cell that trained a network here."""
    options = {"size": size, "patch": 4, "width": 16, "depth": 2, "heads": 2}
    text = networks.describe("vit", channels=channels, outputs=0, **options)
    return Prediction(tensors=training.weights(networks.build(text, 1)), architecture=text)


def fit(images, network, run=None, **params):
    run = run or FakeRun()
    run.needs = {"network": network}
    task = ClusterTask("made/cluster", images, 2)
    return Features(**params).fit(task, run).tensors["features"]


def resized(image, size):
    """One image by Pillow, in 0..1; its bicubic filter is the one of torchvision's Resize."""
    bands = [
        np.asarray(Image.fromarray(image[..., c].astype(np.float32)).resize((size, size), 3))
        for c in range(image.shape[-1])
    ]
    return torch.from_numpy(np.clip(np.stack(bands) / 255, 0, 1)).float()


def normalised(x, network):
    mean, std = (torch.tensor(network.pretrained_cfg[n])[:, None, None] for n in ("mean", "std"))
    return (x - mean) / std


@pytest.mark.parametrize("images", [COLOUR, GREY], ids=["colour", "grey"])
def test_features_are_timms_cls_token_after_the_final_norm(folder, images):
    network = write(folder)
    found = fit(images, given(), block=2)
    x = torch.stack([resized(image, 160) for image in images]).expand(-1, 3, -1, -1)
    with torch.no_grad():
        wanted = network.forward_features(normalised(x, network))[:, 0]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_features_of_a_residual_network_are_pooled(folder):
    network = write(folder, "test_resnet.made_up", "test_resnet")
    found = fit(COLOUR, given("test_resnet.made_up"))
    x = torch.stack([resized(image, 160) for image in COLOUR])
    with torch.no_grad():
        wanted = network.forward_features(normalised(x, network)).mean(dim=(2, 3))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_a_tag_that_timm_knows_decides_mean_and_deviation(folder):
    assert weights.model("vit_small_patch16_224.dino") == "vit_small_patch16_224.dino"
    assert weights.model(NAME) == "test_vit"

    def known(name):
        network: Any = networks.build(networks.describe("timm", channels=3, outputs=0, model=name))
        return network.trunk.pretrained_cfg

    with torch.device("meta"):
        bare, dino = map(known, ("vit_small_patch16_224", "vit_small_patch16_224.dino"))
    assert (bare["mean"], dino["mean"]) == ((0.5, 0.5, 0.5), (0.485, 0.456, 0.406))


def test_a_crop_is_the_middle_of_a_larger_image():
    network = cast(ViT, networks.build(small_vit(size=28).architecture))
    x = torch.rand(2, 1, 20, 20)
    found = sized(x, network, crop=True)
    wanted = torch.nn.functional.interpolate(x, (32, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(found, wanted[:, :, 2:30, 2:30].clamp(0, 1))


def test_resized_images_keep_to_the_range_of_pixels():
    network = cast(ViT, networks.build(small_vit(size=28).architecture))
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1.0
    found = sized(edge, network)
    assert found.min() == 0.0
    assert found.max() == 1.0
    torch.testing.assert_close(sized(1 - edge, network, invert=True), found)


def test_channels_become_those_of_a_trained_network():
    grey, colour = (cast(ViT, networks.build(small_vit(n).architecture)) for n in (1, 3))
    x = torch.rand(2, 3, 8, 8)
    found = sized(x, grey)
    luma = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    torch.testing.assert_close(found[:, 0], luma, rtol=0, atol=1e-5)
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(sized(x, colour), x.expand(-1, 3, -1, -1))


def test_neither_blocks_nor_parts_of_them_change_more_than_rounding(monkeypatch):
    images, network = RNG.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8), small_vit()
    seen, forward = [], ViT.features
    monkeypatch.setattr(ViT, "features", lambda self, x: seen.append(len(x)) or forward(self, x))
    found = fit(images, network)
    assert seen == [25, 25, 10]
    torch.testing.assert_close(found, fit(images, network, block=2))


def test_normalised_features_have_length_one():
    raw, unit = (fit(GREY, small_vit(), normalise=flag) for flag in (False, True))
    torch.testing.assert_close(unit, raw / raw.norm(dim=1, keepdim=True))


def test_standardised_features_have_mean_zero_and_deviation_one():
    raw, found = (fit(GREY, small_vit(), standardise=flag) for flag in (False, True))
    wanted = (raw - raw.mean(dim=0)) / raw.std(dim=0, correction=0)
    torch.testing.assert_close(found, wanted)
    alike = fit(np.repeat(GREY[:1], 4, axis=0), small_vit(), standardise=True)
    assert torch.equal(alike, torch.zeros(4, 16))
    both = fit(GREY, small_vit(), standardise=True, normalise=True)
    torch.testing.assert_close(both, wanted / wanted.norm(dim=1, keepdim=True))


def test_a_resumed_run_computes_no_finished_block_again(monkeypatch):
    network, whole, seen = small_vit(), FakeRun(), []
    forward = ViT.features
    monkeypatch.setattr(ViT, "features", lambda self, x: seen.append(len(x)) or forward(self, x))
    wanted = fit(GREY, network, whole, block=2)
    assert seen == [2, 2, 1]
    for finished, left in zip(whole.checkpoints, ([2, 1], [1], []), strict=True):
        seen.clear()
        torch.testing.assert_close(
            fit(GREY, network, whole.resumed(finished), block=2), wanted, rtol=0, atol=0
        )
        assert seen == left


# What cannot be.


def test_features_that_are_no_numbers_are_refused():
    network = small_vit()
    network.tensors["trunk.norm.weight"][0] = float("nan")
    with pytest.raises(ValueError, match="features hold NaN or infinite"):
        fit(GREY, network)


def test_a_network_that_fits_any_size_is_refused():
    text = networks.describe("convnet", channels=1, outputs=2)
    network = Prediction(tensors=training.weights(networks.build(text)), architecture=text)
    with pytest.raises(ValueError, match="says nothing of the size of its images"):
        fit(GREY, network)


def test_weights_of_another_architecture_are_refused(folder):
    write(folder, "test_vit2.made_up", "test_resnet")
    with pytest.raises(ValueError, match=r"does not fit test_vit2: .* tensors are missing"):
        given("test_vit2.made_up")


@pytest.mark.parametrize(
    ("params", "words"),
    [({"block": 0}, "block = 0"), ({"pretraining": "digits/represent"}, "needs network = 'dino'")],
)
def test_parameters_that_cannot_be(params, words):
    with pytest.raises(ValueError, match=words):
        Features(**params)


# What it needs.


def info(kind="cluster"):
    return TaskInfo("made/task", kind, False, False, {})


def test_one_cell_reads_the_weights_for_all_tasks():
    (need,) = Features().needs(info()).values()
    assert (need.method, need.params) == ("weights", {"name": "vit_small_patch16_224.dino"})
    assert (need.task, need.seed) == ("digits/cluster", 0)


def test_a_network_trained_here_needs_a_task_to_be_trained_on():
    own = Features(network="dino", dino_seed=3)
    with pytest.raises(ValueError, match="needs pretraining"):
        own.needs(info())
    assert own.needs(info("represent"))["network"].task is None
    other = Features(network="dino", pretraining="digits/represent", dino_seed=3)
    (need,) = other.needs(info()).values()
    assert (need.method, need.task, need.seed) == ("dino", "digits/represent", 3)


CARRIER = '''
"""Needs features: python -m bench run x."""

from dataclasses import dataclass

from bench.registry import method
from bench.tasks import Need


@method("featured", kinds=("cluster",))
@dataclass(frozen=True)
class Featured:
    """Needs features."""

    network: str = "test_vit.made_up"

    def needs(self, task):
        return {"features": Need("features", {"network": self.network}, seed=0)}

    def fit(self, task, run):
        raise NotImplementedError
'''


@pytest.fixture
def plugins(tmp_path):
    place = tmp_path / "featured"
    place.mkdir()
    (place / "featured_method.py").write_text(CARRIER)
    registry.load([place])
    yield place
    registry._methods.pop("featured")


def test_without_the_file_the_cells_say_how_to_get_it(tmp_path, folder, plugins):
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", [{"method": "featured"}], n=2)
    plan = make_plan(toml)
    methods = [cell.method for cell in plan.cells.values()]
    assert sorted(methods) == ["featured", "featured", "features", "weights"]
    assert set(plan.unavailable) == set(plan.cells)
    ((why,),) = set(plan.unavailable.values())
    assert f"`python -m bench weights fetch {NAME}`" in str(why)
    write(folder)
    assert make_plan(toml).unavailable == {}


def test_heads_share_features_of_a_network_trained_on_another_task(tmp_path, forkserver):
    params = {"network": "dino", "pretraining": "tiny/represent"}
    row = {"method": "tsp-kmeans", "params": params}
    results = run(write_experiment(tmp_path / "x.toml", "tiny/cluster", [row], n=2), tmp_path)
    cells = [results.plan.cells[key] for key in results.plan.cells]
    found = sorted((cell.method, cell.task, cell.seed) for cell in cells)
    assert found == [
        ("dino", "tiny/represent", 0),
        ("features", "tiny/cluster", 0),
        ("tsp-kmeans", "tiny/cluster", 0),
        ("tsp-kmeans", "tiny/cluster", 1),
    ]
    assert {record.state for record in results.records.values()} == {"done"}
