"""Small sets that clusterings are measured on, with the calls of a similarity network on all pairs.

Digits, with independent errors; and images of many classes with errors like a network's own.

Independent errors at CCN's recalls (.927 and .995) are no test of constrained clustering: every
method recovers the classes. Here a pair is called similar where two latent points are near, some
images lie far from their class, and all pairs of such an image are wrong together. The constants
were fitted, on three seeds, so that K-means finds .18 of the classes in the pixels and .97 in the
rows of the calls, as on the set that the expected figures are of and whose generator is not known:
these two figures confirm nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.utils import check_random_state

from bench.tasks import Bools, Floats, Images, Ints

LATENT = 16
"""Dimensions of the space that calls are made in."""
TAIL = 0.25
"""Deviation of the logarithm of an image's own noise: the larger, the heavier the tail."""
DOUBT = 0.02
"""Deviation of a call's own noise, as a share of the threshold: it makes calls asymmetric."""
STRENGTH = 0.17
"""Deviation of a class's pattern in the pixels; that of an image's noise is 1."""


@dataclass(frozen=True)
class Structured:
    """Points, their classes, and what a similarity network says of them."""

    pixels: Floats
    """(N, D)."""
    labels: Ints
    """(N,), in 0..classes-1."""
    similar: Bools
    """(N, N), both orders of a pair apart and self-pairs too."""

    @property
    def images(self) -> Images:
        """The points as images of one column, uint8, (N, D, 1, 1), the pixels' range in 0..255."""
        pixels = self.pixels - self.pixels.min()
        rows: Images = np.round(pixels / pixels.max() * 255).astype(np.uint8)
        return rows[:, :, None, None]


def omni26(
    seed: int,
    *,
    classes: int = 26,
    each: int = 20,
    width: int = 1024,
    recall: float = 0.927,
    dissimilar: float = 0.979,
) -> Structured:
    """A set like an alphabet of Omniglot: precision .62 where both recalls are the defaults.

    Args:
        seed: Of all draws.
        classes: Their number.
        each: Images of a class.
        width: Pixels of an image.
        recall: Share of the similar pairs, self-pairs aside, that are called similar.
        dissimilar: Share of the dissimilar pairs that are called dissimilar.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    pattern = rng.standard_normal((classes, width))
    pixels = STRENGTH * pattern[labels] + rng.standard_normal((len(labels), width))
    centres = rng.standard_normal((classes, LATENT))
    centres = (centres / np.linalg.norm(centres, axis=1, keepdims=True))[labels]
    own = rng.standard_normal((len(labels), LATENT))
    own *= np.exp(TAIL * rng.standard_normal((len(labels), 1)))
    doubt = 1.0 + DOUBT * rng.standard_normal((len(labels), len(labels)))
    same = labels[:, None] == labels
    others = same & ~np.eye(len(labels), dtype=bool)

    def calls(noise: float) -> Bools:
        latent = centres + noise * own
        gaps = cdist(latent, latent) * doubt
        near: Bools = gaps <= np.quantile(gaps[others], recall)
        return near

    low, high = 0.0, 1.0  # the noise that leaves as many dissimilar pairs as wanted
    for _ in range(14):
        noise = (low + high) / 2
        enough = np.mean(~calls(noise)[~same]) >= dissimilar
        low, high = (noise, high) if enough else (low, noise)
    return Structured(pixels, labels, calls(low))


def digits(n: int, *, classes: int = 10, seed: int = 0) -> Structured:
    """Of each of the first classes of scikit-learn's digits n / classes images, drawn at random.

    Calls err independently for each ordered pair, at CCN's recalls.

    Args:
        n: Images in all.
        classes: 1..10.
        seed: Of the calls; the images are always the same.
    """
    known, draw = load_digits(), check_random_state(0)
    every = [np.flatnonzero(known.target == c) for c in range(classes)]
    rows = np.concatenate([draw.permutation(mine)[: n // classes] for mine in every])
    labels = known.target[rows].astype(np.int64)
    same, chance = labels[:, None] == labels, np.random.default_rng(seed).random((n, n))
    return Structured(known.data[rows], labels, np.where(same, chance < 0.927, chance >= 0.995))
