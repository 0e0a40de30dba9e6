"""Windows of stored images, beside slices by hand."""

import numpy as np
import pytest
import torch

from bench.nn.images.windows import middle, random_windows


def images(n, height, width):
    return np.random.default_rng(0).integers(256, size=(n, height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("side", "kept"), [(256, 224), (32, 28), (9, 8)])
def test_the_middle_of_images_is_what_a_centred_crop_leaves(side, kept):
    x = images(1, side, side)
    border = (side - kept) // 2
    by_hand = x[:, border : border + kept, border : border + kept]
    np.testing.assert_array_equal(middle(x, 0.875), by_hand)
    np.testing.assert_array_equal(middle(x, 1.0), x)


def test_windows_of_the_middles_size_lie_anywhere_with_equal_chance():
    x = np.repeat(images(1, 6, 9), 4000, axis=0)
    found = random_windows(x, 0.7, torch.Generator().manual_seed(0))
    assert found.shape == middle(x, 0.7).shape == (4000, 4, 6, 3)
    by_hand = [x[0, top : top + 4, left : left + 6] for top in range(3) for left in range(4)]
    counts = [sum(np.array_equal(one, window) for one in found) for window in by_hand]
    assert sum(counts) == 4000
    assert max(abs(count - 4000 / 12) for count in counts) < 4 * (4000 / 12) ** 0.5
    np.testing.assert_array_equal(random_windows(x[:3], 1.0, torch.Generator()), x[:3])
