"""Standard networks, as timm has them."""

from typing import Any

import numpy as np
import pytest
import timm
import torch

from bench.nn import networks
from bench.nn.networks.from_timm import TimmNet, fit_weights

NAME = "test_resnet.made_up"
"""A model of timm that is as small as any."""
RNG = np.random.default_rng(0)

# Networks.


@pytest.mark.parametrize(
    ("model", "width"), [("resnet18", 512), ("resnet50", 2048), ("vgg16", 4096)]
)
def test_the_length_of_features(model, width):
    with torch.device("meta"):
        assert TimmNet(3, 5, model=model).head.in_features == width


def test_features_are_what_timms_classifier_is_given():
    text = networks.describe("timm", channels=3, outputs=5, model="resnet10t")
    network: Any = networks.build(text).eval()
    whole: Any = timm.create_model("resnet10t", pretrained=False, num_classes=5).eval()
    classifier = whole.pretrained_cfg["classifier"]
    trunk = {n: t for n, t in whole.state_dict().items() if not n.startswith(classifier)}
    fit_weights(network, trunk)
    head = {"weight": f"{classifier}.weight", "bias": f"{classifier}.bias"}
    network.head.load_state_dict({n: whole.state_dict()[own] for n, own in head.items()})
    x = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(whole.pretrained_cfg[n])[:, None, None] for n in ("mean", "std"))
    with torch.no_grad():
        assert network.features(x).shape == (2, 512)
        torch.testing.assert_close(network(x), whole((x - mean) / std))


def test_a_vit_runs_at_its_size():
    network = networks.build(networks.describe("timm", channels=3, outputs=2, model="test_vit"))
    assert network(torch.rand(2, 3, 160, 160)).shape == (2, 2)


def test_its_blocks_are_timms_stages():
    network = networks.build(networks.describe("timm", channels=3, outputs=0, model="resnet10t"))
    blocks = network.eval().blocks(torch.rand(2, 3, 32, 32))
    assert list(blocks) == ["act1", "layer1", "layer2", "layer3", "layer4"]
    assert blocks["layer4"].shape == (2, 512, 1, 1)
    x = torch.rand(2, 3, 32, 32)
    pooled = network.blocks(x)["layer4"].mean(dim=(2, 3))
    torch.testing.assert_close(network.features(x), pooled)


def test_grey_images_are_three_equal_channels():
    description = {"outputs": 2, "model": "test_resnet"}
    grey, colour = (
        networks.build(networks.describe("timm", channels=c, **description), seed=3).eval()
        for c in (1, 3)
    )
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(grey(x), colour(x.expand(-1, 3, -1, -1)))


def test_the_same_seed_the_same_network():
    text = networks.describe("timm", channels=3, outputs=2, model="test_resnet")
    a, b, c = (networks.build(text, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert not all(torch.equal(a[n], c[n]) for n in a)
    assert not {"mean", "std"} & set(a)  # a constant of the model, no weight


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channels": 3, "outputs": 2, "model": "resnet81"}, "did you mean 'resnet"),
        ({"channels": 2, "outputs": 2}, "images of 1 or 3 channels, not 2"),
        ({"channels": 3, "outputs": 2, "width": 5}, "network 'timm' with options"),
    ],
)
def test_a_network_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        networks.build(networks.describe("timm", **options))
