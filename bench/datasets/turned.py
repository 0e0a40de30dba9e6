"""Labelled classes made more: a class turned is a class of its own.

So few-shot work multiplies Omniglot's characters (Santoro et al., "Meta-learning with
memory-augmented neural networks", ICML 2016: quarter turns of a character are new classes).
"""

from __future__ import annotations

import numpy as np

from bench.tasks import Images, Ints

VERSIONS = (1, 4, 8)
"""As they are; turned by quarters; these and their mirror images."""


def turned(images: Images, labels: Ints, n_classes: int, versions: int) -> tuple[Images, Ints]:
    """Every image in all its versions.

    Version v is turned by v % 4 quarters counterclockwise, from 4 on mirrored left to right before.
    Place j * N + i holds image i in version (i + j) % versions: the first N are each image once,
    the first 2 N twice, and a limit takes all versions evenly.

    Args:
        images: uint8, (N, side, side, channels).
        labels: int64, (N,), 0..n_classes-1.
        n_classes: Of the images as they are.
        versions: One of `VERSIONS`.

    Returns:
        Images, (versions * N, side, side, channels), and labels: class c in version v is
        c + v * n_classes.

    Raises:
        ValueError: another number of versions, or images that are no squares.
    """
    if versions not in VERSIONS:
        raise ValueError(f"versions = {versions}: must be one of {', '.join(map(str, VERSIONS))}")
    n, height, width, _ = images.shape
    if height != width:
        raise ValueError(f"images of {height} by {width} pixels cannot be turned by quarters")
    which = np.arange(versions)[:, None] + np.arange(n)
    which %= versions
    made = np.empty((versions, *images.shape), dtype=images.dtype)
    for v in range(versions):
        place, row = np.nonzero(which == v)
        some = images[row]
        made[place, row] = np.rot90(some[:, :, ::-1] if v >= 4 else some, v % 4, axes=(1, 2))
    return made.reshape(-1, *images.shape[1:]), (labels + which * n_classes).ravel()
