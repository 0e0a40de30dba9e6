"""Multi-crop: crops of their own image, and jitter of brightness and contrast."""

from typing import Any

import torch

from bench.nn.images.multicrop import MultiCrop, jittered

CROPS: dict[str, Any] = {
    "size": 8,
    "local_size": 4,
    "global_scale": (0.7, 1.0),
    "local_scale": (0.4, 0.8),
}


def test_views_are_crops_of_their_own_image_view_by_view():
    views = MultiCrop(**CROPS, local_crops=3, mirror=True)
    # Images of one grey level each: every crop of an image is of its level.
    x = torch.arange(4.0)[:, None, None, None].expand(4, 1, 8, 8) / 4
    glob, local = views(x, torch.Generator().manual_seed(0))
    assert (glob.shape, local.shape) == ((8, 1, 8, 8), (12, 1, 4, 4))
    torch.testing.assert_close(glob.mean(dim=(1, 2, 3)), x[:, 0, 0, 0].repeat(2))
    torch.testing.assert_close(local.mean(dim=(1, 2, 3)), x[:, 0, 0, 0].repeat(3))
    assert len(MultiCrop(**CROPS, local_crops=0)(x, torch.Generator())) == 1


def test_crops_have_the_area_that_is_said():
    """In an image whose level rises to the right, a crop's range tells its width."""
    x = (torch.arange(64.0) / 64).expand(500, 1, 64, 64)
    views = MultiCrop(**CROPS | {"size": 64, "local_size": 64}, local_crops=1)
    for cut, (low, high) in zip(
        views(x, torch.Generator().manual_seed(0)), ((0.7, 1.0), (0.4, 0.8)), strict=True
    ):
        widths = cut[..., -1].mean(dim=(1, 2)) - cut[..., 0].mean(dim=(1, 2))
        assert (low * 3 / 4) ** 0.5 - 0.05 < widths.min() < widths.max() <= 1.0
        # Sides that are log-uniform about the square root of the area.
        assert abs(float(widths.mean()) - ((low + high) / 2) ** 0.5) < 0.06


def test_jitter_scales_brightness_and_contrast_of_most_images():
    x = 0.4 + 0.1 * torch.rand(2000, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    found = jittered(x, 0.5, torch.Generator().manual_seed(0))
    means = [image.mean(dim=(1, 2, 3)) for image in (x, found)]
    spreads = [image.std(dim=(1, 2, 3)) for image in (x, found)]
    brightness = means[1] / means[0]
    changed = brightness != 1
    assert abs(float(changed.float().mean()) - 0.8) < 0.03
    torch.testing.assert_close(found[~changed], x[~changed])
    for factor in (brightness[changed], (spreads[1] / spreads[0] / brightness)[changed]):
        assert 0.5 - 1e-4 <= factor.min() < 0.52
        assert 1.48 < factor.max() <= 1.5 + 1e-4
    assert torch.equal(jittered(x, 0.0, torch.Generator()), x)
    assert jittered(torch.ones(50, 1, 2, 2), 1.0, torch.Generator()).max() == 1.0
