"""Random colours, against torchvision's functions image by image."""

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from bench.nn.images import colour


def images(n=6, channels=3):
    return torch.rand(n, channels, 5, 7, generator=torch.Generator().manual_seed(0))


def column(*values):
    return torch.tensor(values)[:, None, None, None]


@pytest.mark.parametrize(
    ("ours", "theirs", "amounts"),
    [
        (colour.brightness, reference.adjust_brightness, (0.6, 1.0, 1.4)),
        (colour.contrast, reference.adjust_contrast, (0.6, 1.0, 1.4)),
        (colour.saturation, reference.adjust_saturation, (0.6, 1.0, 1.4)),
        (colour.hue, reference.adjust_hue, (-0.4, 0.0, 0.25)),
    ],
)
def test_each_change_is_torchvisions(ours, theirs, amounts):
    x = images(3)
    wanted = torch.stack([theirs(one, amount) for one, amount in zip(x, amounts, strict=True)])
    torch.testing.assert_close(ours(x, column(*amounts)), wanted, rtol=0, atol=2e-5)


def test_hue_leaves_grey_black_and_white_alone():
    x = torch.tensor([0.0, 0.3, 1.0]).expand(2, 3, 1, 3)
    torch.testing.assert_close(colour.hue(x, column(0.2, -0.4)), x)


def test_jitter_is_one_of_torchvisions_orders_for_each_image():
    """Every image must be what some order of the four changes makes of it, not all the same."""
    x, orders = images(24), set()
    out = colour.jitter(x, 0.4, torch.Generator().manual_seed(1))
    draws = torch.Generator().manual_seed(1)
    amounts = 0.4 * (2 * torch.rand(24, 4, generator=draws) - 1)
    order = torch.rand(24, 4, generator=draws).argsort(dim=1)
    changes = [
        reference.adjust_brightness,
        reference.adjust_contrast,
        reference.adjust_saturation,
        reference.adjust_hue,
    ]
    for i, image in enumerate(x):
        for number in order[i].tolist():
            amount = float(amounts[i, number]) + (number != 3)
            image = changes[number](image, amount)
        torch.testing.assert_close(out[i], image, rtol=0, atol=5e-5)
        orders.add(tuple(order[i].tolist()))
    assert len(orders) > 8


def test_strength_bounds_what_changes():
    x = images(200, 1)
    out = colour.jitter(x, 0.4, torch.Generator().manual_seed(2))
    assert out.shape == x.shape
    assert ((out >= 0) & (out <= 1)).all()
    assert (out.mean(dim=(1, 2, 3)) <= 1.4 * x.mean(dim=(1, 2, 3)) + 1e-6).all()
    assert not torch.equal(out, x)
    assert torch.equal(colour.jitter(x, 0.0, torch.Generator()), x)


def test_a_share_of_the_images_loses_its_colour():
    x = images(400)
    out = colour.greyed(x, 0.2, torch.Generator().manual_seed(3))
    grey = (out[:, 0] == out[:, 1]).flatten(1).all(dim=1)
    assert 50 < int(grey.sum()) < 110
    assert torch.equal(out[~grey], x[~grey])
    wanted = reference.rgb_to_grayscale(x[grey], num_output_channels=3)
    torch.testing.assert_close(out[grey], wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 0.6, float("nan")])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match="must lie in"):
        colour.jitter(images(), strength, torch.Generator())
