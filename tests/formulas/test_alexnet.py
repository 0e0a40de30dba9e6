"""AlexNet with batch-norm: its shapes, its size and how its weights are drawn."""

import pytest
import torch

from bench.nn.networks import build, describe


def network(variant, channels=3, outputs=20):
    options = {"channels": channels, "outputs": outputs, "variant": variant}
    return build(describe("alexnet", **options), seed=0)


@pytest.mark.parametrize("variant", ["big", "small"])
def test_its_maps_at_224_pixels_are_the_papers(variant):
    net, x = network(variant).eval(), torch.rand(2, 3, 224, 224)
    widths = {"big": (96, 256, 384, 384, 256), "small": (64, 192, 384, 256, 256)}[variant]
    with torch.no_grad():
        blocks = net.blocks(x)
        assert net.features(x).shape == (2, 4096)
        assert net(x).shape == (2, 20)
    sides = (55, 27, 13, 13, 13)
    wanted = [(2, w, s, s) for w, s in zip(widths, sides, strict=True)]
    assert [tuple(b.shape) for b in blocks.values()] == wanted
    assert list(blocks) == [f"conv{i}" for i in range(1, 6)]
    assert all((b >= 0).all() for b in blocks.values())


def test_its_convolutions_have_the_published_numbers_of_weights():
    convs = [c[0] for c in network("big").convs]
    counted = [sum(p.numel() for p in c.parameters()) for c in convs]
    assert counted == [34_944, 614_656, 885_120, 1_327_488, 884_992]


def test_its_weights_are_drawn_as_released():
    net = network("big")
    conv, linear = net.convs[1][0], net.hidden[1]
    assert conv.weight.std().item() == pytest.approx((2 / (25 * 256)) ** 0.5, rel=0.01)
    assert linear.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert not linear.bias.any()


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (1, 28), (3, 32)])
def test_the_tiny_one_takes_small_images(channels, side):
    net, x = network("tiny", channels).eval(), torch.rand(2, channels, side, side)
    with torch.no_grad():
        assert net(x).shape == (2, 20)
        half = -(-side // 2)
        assert net.blocks(x)["conv1"].shape == (2, 16, half, half)
        assert net.blocks(x)["conv5"].shape[2] == -(-half // 2)


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="variant = 'huge' is none of big, small, tiny"):
        network("huge")
