"""Positions of a vision transformer's patches, for images of another size than its own."""

from typing import cast

import pytest
import torch
from timm.layers.pos_embed import resample_abs_pos_embed

from bench.nn import networks
from bench.nn.networks.vit import ViT


@pytest.mark.parametrize(("h", "w"), [(2, 2), (3, 2), (5, 6)])
def test_they_are_timms_where_a_gpu_takes_a_product(h, w):
    options = {"size": 28, "patch": 7, "width": 16, "depth": 1, "heads": 2, "narrow": True}
    text = networks.describe("vit", channels=1, outputs=0, **options)
    trunk = cast(ViT, networks.build(text, 0)).trunk
    assert trunk.pos_embed is not None
    expected = resample_abs_pos_embed(trunk.pos_embed, [h, w], list(trunk.patch_embed.grid_size))
    torch.testing.assert_close(trunk.positions(h, w), expected, rtol=0, atol=1e-5)
