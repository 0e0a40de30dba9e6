"""The vision transformer for small images."""

import pytest
import torch

from bench.nn import networks
from bench.nn.networks.vit import ViT

SMALL = {"size": 8, "patch": 2, "width": 16, "depth": 2, "heads": 2}


def build(seed=0, channels=1, outputs=3, **changes):
    text = networks.describe("vit", channels=channels, outputs=outputs, **SMALL | changes)
    return networks.build(text, seed)


def test_its_blocks_features_and_logits():
    network, x = build(), torch.rand(5, 1, 8, 8)
    blocks = network.blocks(x)
    assert {n: tuple(b.shape) for n, b in blocks.items()} == {
        "block1": (5, 16, 4, 4),
        "block2": (5, 16, 4, 4),
    }
    features = network.features(x)
    assert features.shape == (5, 16)
    torch.testing.assert_close(network(x), network.head(features))
    assert torch.equal(build(outputs=0)(x), build(outputs=0).features(x))


def test_features_are_the_cls_token_after_the_final_norm():
    network, x = build(), torch.rand(5, 1, 8, 8)
    trunk = network.trunk
    tokens = trunk.patch_embed.proj(2 * x - 1).flatten(2).transpose(1, 2)
    tokens = torch.cat([trunk.cls_token.expand(5, 1, -1), tokens], dim=1) + trunk.pos_embed
    for block in trunk.blocks:
        tokens = block(tokens)
    torch.testing.assert_close(network.features(x), trunk.norm(tokens)[:, 0])


def test_images_are_standardised():
    plain, other = build(mean=0.0, std=1.0), build(mean=0.3, std=0.2)
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(other(x), plain((x - 0.3) / 0.2))


def test_a_narrow_network_knows_where_a_patch_lies():
    """How much features change when the two halves of an image change places."""
    x = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    swapped = torch.cat([x[:, :, 4:], x[:, :, :4]], dim=2)
    shifts = []
    for narrow in (False, True):
        network = build(width=64, narrow=narrow)
        with torch.no_grad():
            both = network.features(x), network.features(swapped)
        shifts.append(float((both[0] - both[1]).norm(dim=1).mean()))
    assert shifts[1] > 5 * shifts[0]


def test_smaller_images_are_taken_and_others_refused():
    network = build()
    assert network.features(torch.rand(2, 1, 4, 4)).shape == (2, 16)
    with pytest.raises(AssertionError, match="divisible by patch size"):
        network.features(torch.rand(2, 1, 5, 5))


def test_the_same_seed_the_same_network_in_training_too():
    a, b, c = build(), build(), build(seed=1)
    x = torch.rand(4, 1, 8, 8)
    assert torch.equal(a.train()(x), b.eval()(x))
    assert not torch.equal(a(x), c(x))


@pytest.mark.parametrize(
    "bad", [{"patch": 3}, {"heads": 3}, {"depth": 0}, {"patch": 0}], ids=lambda bad: str(bad)
)
def test_sizes_that_cannot_be(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        ViT(1, 2, **SMALL | bad)
