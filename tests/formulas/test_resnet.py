"""ResNet-18 and the VGG of transfer clustering, and pretraining that names them."""

import json
import re

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from torch.nn import functional

from bench import ROOT, registry
from bench.nn import networks
from bench.nn.networks.resnet import Block
from bench.tasks import ClusterTask, Labelled

pretrain = registry.import_from(ROOT / "baselines", "pretrain")
NARROW = '{"name": "resnet18", "widths": [4, 6, 8, 10]}'


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def built(name, **options):
    return networks.build(networks.describe(name, channels=3, outputs=5, **options))


@pytest.mark.parametrize(
    ("size", "sides"), [(32, (32, 16, 8, 4)), (28, (28, 14, 7, 4)), (8, (8, 4, 2, 1))]
)
def test_resnet_maps_halve_rounding_up(size, sides):
    network = built("resnet18", widths=[4, 6, 8, 10])
    x = noise(2, 3, size, size)
    maps = network.blocks(x)
    assert [m.shape[2] for m in maps.values()] == [sides[0], *sides]
    assert [m.shape[1] for m in maps.values()] == [4, 4, 6, 8, 10]
    assert list(maps) == ["conv1", "layer1", "layer2", "layer3", "layer4"]
    assert network.features(x).shape == (2, 10)
    assert network(x).shape == (2, 5)


def test_resnet_of_full_width_has_the_parameters_of_a_resnet18_without_projections():
    convs = 27 * 64 + 4 * 9 * 64**2
    convs += sum(9 * (w // 2 * w + 3 * w**2) for w in (128, 256, 512))
    norms = 2 * (5 * 64 + 4 * (128 + 256 + 512))
    found = sum(p.numel() for p in built("resnet18").parameters())
    assert found == convs + norms + 512 * 5 + 5
    assert built("resnet18").features(noise(1, 3, 32, 32).repeat(2, 1, 1, 1)).shape == (2, 512)


@pytest.mark.parametrize("side", [6, 5])
def test_a_block_is_its_convolutions_and_the_averaged_input_filled_up_with_zeros(side):
    block = Block(3, 5, stride=2).eval()
    x = noise(2, 3, side, side) - 0.5
    with torch.no_grad():
        for name in ("norm1", "norm2"):
            getattr(block, name).running_mean.uniform_(generator=torch.Generator().manual_seed(1))
        found = block(x)
        y = block.norm1(functional.conv2d(x, block.conv1.weight, stride=2, padding=1)).relu()
        y = block.norm2(functional.conv2d(y, block.conv2.weight, padding=1))
        for i in range(y.shape[2]):
            for j in range(y.shape[3]):
                window = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                y[:, :3, i, j] += window.mean(dim=(2, 3))
    torch.testing.assert_close(found, y.relu())
    assert sum(p.ndim > 1 for p in block.parameters()) == 2  # no weights in the shortcut


def test_features_are_the_last_map_averaged_and_the_head_follows():
    network = built("resnet18", widths=[4, 6, 8, 10]).eval()
    x = noise(3, 3, 16, 16)
    last = network.blocks(x)["layer4"]
    torch.testing.assert_close(network.features(x), last.flatten(2).mean(dim=2))
    torch.testing.assert_close(network(x), network.head(network.features(x)))


@pytest.mark.parametrize("widths", [[4, 6, 8], [8, 6, 8, 10], [0, 0, 0, 0]])
def test_widths_that_cannot_be_are_refused(widths):
    with pytest.raises(ValueError, match="four stages"):
        built("resnet18", widths=widths)


def test_vgg_ends_in_one_position_of_32_pixels_and_averages_those_of_64():
    network = built("vgg", widths=[3, 4, 5, 6, 7]).eval()
    assert network.blocks(noise(2, 3, 32, 32))["conv5"].shape == (2, 7, 2, 2)
    assert network.features(noise(2, 3, 32, 32)).shape == (2, 7)
    x = noise(2, 3, 64, 64)
    pooled = functional.max_pool2d(network.blocks(x)["conv5"], 2)
    torch.testing.assert_close(network.features(x), pooled.flatten(2).mean(dim=2))
    torch.testing.assert_close(network(x), network.head(network.features(x)))


def test_vgg_of_full_width_has_512_features():
    assert built("vgg").head.in_features == 512
    assert len(built("vgg").convs) == 5


def test_images_too_small_for_vgg_are_refused():
    with pytest.raises(ValueError, match="5 widths takes images of 32x32 or more, not 28x28"):
        built("vgg")(noise(2, 3, 28, 28))


MEAN, STD = (0.5, 0.25, 0.1), (0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    ("name", "widths"), [("resnet18", (4, 6, 8, 10)), ("vgg", (3, 4, 5, 6, 7))]
)
def test_channels_are_brought_to_a_mean_and_spread_before_the_first_convolution(name, widths):
    plain = built(name, widths=widths).eval()
    network = built(name, widths=widths, mean=MEAN, std=STD).eval()
    assert network.state_dict().keys() == plain.state_dict().keys()  # weights of one fit the other
    x = noise(2, 3, 32, 32)
    by_hand = torch.stack([(x[:, c] - MEAN[c]) / STD[c] for c in range(3)], dim=1)
    torch.testing.assert_close(network(x), plain(by_hand))
    torch.testing.assert_close(network.features(x), plain.features(by_hand))
    assert (network(x) - plain(x)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("mean", "std"), [(MEAN, ()), ((), STD), ((0.5,), (0.5,)), (MEAN, (0.1, 0.2, 0.0))]
)
def test_a_mean_and_a_spread_that_do_not_fit_the_channels_are_refused(mean, std):
    for name in ("resnet18", "vgg"):
        with pytest.raises(ValueError, match="one number for each of 3 channels, std above 0"):
            built(name, mean=mean, std=std)


def test_convolutions_start_from_normal_or_from_torchs_own_uniform_weights():
    """Normal with variance 2 / (9 outputs); uniform within 1 / sqrt(9 inputs)."""
    normal, uniform = built("resnet18"), built("resnet18", start="torch")
    for block, before in (("stages.1.0.conv1", 64), ("stages.3.1.conv2", 512)):
        found = normal.get_parameter(f"{block}.weight")
        assert found.std().item() == pytest.approx((2 / (9 * len(found))) ** 0.5, rel=0.01)
        limit = (9 * before) ** -0.5
        found = uniform.get_parameter(f"{block}.weight")
        assert found.abs().max().item() == pytest.approx(limit, rel=0.01)
        assert found.std().item() == pytest.approx(limit / 3**0.5, rel=0.01)
    with pytest.raises(ValueError, match="start 'xavier': it is one of fan-out, torch"):
        built("resnet18", start="xavier")


# Pretraining


def task(name="cifar10/transfer", n=65):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    images = rng.integers(60, size=(n, 8, 8, 3))
    for image, label in zip(images, labels, strict=True):
        image[:, :, label] += 180
    source = Labelled(images.astype(np.uint8), labels.astype(np.int64), 2)
    return ClusterTask(name, images.astype(np.uint8), 2, source=source)


def fit(name="cifar10/transfer", **params):
    options = {"epochs": 1, "milestones": (), "batch_size": 64} | params
    return pretrain.Pretrain(**options).fit(task(name), FakeRun())


def test_a_network_by_name_or_description_is_trained_and_loads_again():
    # A last batch of one image is left out.
    found = fit(network=NARROW, epochs=12, batch_size=32, learning_rate=0.01)
    network = networks.load(found.architecture, found.tensors).eval()
    source = task().source
    x = torch.from_numpy(source.images).permute(0, 3, 1, 2) / 255
    right = (network(x).argmax(dim=1).numpy() == source.labels).mean()
    assert right > 0.9
    assert json.loads(found.architecture)["widths"] == [4, 6, 8, 10]


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("resnet8", "unknown network 'resnet8': did you mean 'resnet18'?"),
        (
            {"name": "resnet18", "strat": "torch"},
            "'resnet18': unknown option 'strat': did you mean 'start'?",
        ),
        ({"name": "resnet18", "start": "xavier"}, "start = 'xavier' is none of 'fan-out', 'torch'"),
        ({"name": "resnet18", "widths": 64}, "'resnet18': widths = 64 is no list"),
        ({"name": "timm", "model": 18}, "'timm': model = 18 is no text"),
    ],
)
def test_a_network_is_refused_when_it_is_named(network, words):
    """Where a run is planned, before any cell has computed."""
    named = network if isinstance(network, str) else json.dumps(network)
    with pytest.raises(ValueError, match=re.escape(words)):
        pretrain.Pretrain(network=named)


def test_networks_of_ones_own_take_what_they_say():
    class Plain(networks.base.Network, name="plain-test"):
        def __init__(self, channels, outputs, depth=1, **others):
            super().__init__()

    try:
        found = networks.completed('{"name": "plain-test", "depth": "two", "other": 3}')
    finally:
        del networks.base.KNOWN["plain-test"]
    assert json.loads(found) == {"name": "plain-test", "depth": "two", "other": 3}


def test_the_recipe_overrides_what_it_knows_of_the_data_alone(monkeypatch):
    narrow = {"network": NARROW, "learning_rate": 0.01, "mirror": True}
    monkeypatch.setitem(pretrain.DTC, "cifar10", narrow)
    by_recipe, by_hand = fit(recipe="dtc"), fit(**narrow)
    assert by_recipe.architecture == by_hand.architecture
    for name, value in by_hand.tensors.items():
        assert torch.equal(by_recipe.tensors[name], value)
    assert json.loads(fit("digits/transfer", recipe="dtc").architecture)["name"] == "convnet"
    assert json.loads(fit(recipe="own").architecture)["name"] == "convnet"


@pytest.mark.parametrize(
    ("dataset", "network", "features"),
    [("cifar10", "resnet18", 512), ("svhn", "resnet18", 512), ("cifar100", "vgg", 512)],
)
def test_the_recipes_name_networks_of_512_features(dataset, network, features):
    recipe = pretrain.DTC[dataset]
    described = networks.completed(recipe["network"], channels=3, outputs=5)
    assert json.loads(described)["name"] == network
    assert recipe["mirror"] == (dataset != "svhn")
    assert networks.build(described).head.in_features == features


def test_cells_without_a_recipe_keep_their_keys():
    info = registry.get("pretrain")
    assert info.neutral["recipe"] == "own"
    assert info.params("paper", {})["recipe"] == "own"
