"""Small sets that clusterings are measured on, with the calls of a similarity network on all pairs.

Digits, with independent errors; and images of many classes with errors like a network's own.

Independent errors at CCN's recalls (.927 and .995) are no test of constrained clustering: every
method recovers the classes. Here a pair is called similar where two latent points are near, some
images lie far from their class, and all pairs of such an image are wrong together. The generator of
the set that the expected figures are of is not known but for this. The shape of this one and its
constants were chosen among some hundred, on seeds 0 to 2, by all of those figures: that it meets
them says that these methods and such errors bring them about together, and confirms no single one.
On seeds 3 to 9 (`--first 3 --seeds 7`) ten of the twelve are within .05; ITML with K known is .07
above, SKKm .06 below.
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
POWER, TAIL = 2.0, 0.25
"""An image's noise there is multiplied by 1 + TAIL * a draw of Pareto's distribution of POWER."""
STRENGTH = 0.25
"""Deviation of a class's pattern in the pixels; that of an image's own noise is about 1."""


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
    centres = rng.standard_normal((classes, LATENT))
    # Between those of one length and those of all lengths.
    centres = (centres / np.sqrt(np.linalg.norm(centres, axis=1, keepdims=True)))[labels]
    own = rng.standard_normal((len(labels), LATENT))
    own *= 1.0 + TAIL * rng.pareto(POWER, (len(labels), 1))
    far = np.linalg.norm(own, axis=1, keepdims=True)
    blur = np.sqrt(far / np.median(far))
    pattern = rng.standard_normal((classes, width))
    pixels = STRENGTH * pattern[labels] + blur * rng.standard_normal((len(labels), width))
    same = labels[:, None] == labels
    others = same & ~np.eye(len(labels), dtype=bool)

    def calls(noise: float) -> Bools:
        latent = centres + noise * own
        gaps = cdist(latent, latent)
        near: Bools = gaps <= np.quantile(gaps[others], recall)
        return near

    low, high = 0.0, 3.0  # the noise that leaves as many dissimilar pairs as wanted
    for _ in range(16):
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
