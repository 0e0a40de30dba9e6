"""Random parts of a protocol, drawn where the labels are: query pairs and noisy answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.tasks import Ints

Bits = npt.NDArray[np.uint8]
_ROWS = 256
"""Rows of answers that are drawn at a time; whole bytes of columns."""


def draw_pairs(n: int, count: int, seed: int) -> Ints:
    """Ordered pairs of two different images, uniformly with replacement.

    Returns:
        int64, (count, 2), values in 0..n-1.

    Raises:
        ValueError: there is but one image.
    """
    if n < 2:
        raise ValueError(f"a pair needs two images, and the target has {n}")
    rng = np.random.default_rng(seed)
    first = rng.integers(n, size=count)
    second = (first + rng.integers(1, n, size=count)) % n
    return np.stack([first, second], axis=1)


def draw_strata(labels: Ints, n_similar: int, n_dissimilar: int, seed: int) -> Ints:
    """Ordered pairs of two different images: some of one class, others of two.

    Each kind is drawn uniformly among all such pairs, with replacement. Of hundreds of classes
    hardly any pair is similar, and few would be among pairs drawn at random.

    Args:
        labels: int64, (N,).
        n_similar: Pairs of one class.
        n_dissimilar: Pairs of two classes.
        seed: Of all draws.

    Returns:
        int64, (n_similar + n_dissimilar, 2), values in 0..N-1, the similar ones first.

    Raises:
        ValueError: no class has two images, or there is but one class.
    """
    rng, order = np.random.default_rng(seed), np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    firsts, n = np.cumsum(sizes) - sizes, len(labels)
    if sizes.max() < 2 or sizes.max() == n:
        raise ValueError("similar and dissimilar pairs need two classes, and two images of one")

    def classes(weights: Ints, count: int) -> Ints:
        return rng.choice(len(sizes), count, p=weights / weights.sum())

    own = classes(sizes * (sizes - 1), n_similar)
    place = rng.integers(sizes[own])
    other = (place + rng.integers(1, sizes[own])) % sizes[own]
    similar = firsts[own][:, None] + np.stack([place, other], axis=1)
    own = classes(sizes * (n - sizes), n_dissimilar)
    first = firsts[own] + rng.integers(sizes[own])
    # Sorted by class, all others follow upon the last image of this one, round to its first.
    second = (firsts[own] + sizes[own] + rng.integers(n - sizes[own])) % n
    pairs: Ints = order[np.concatenate([similar, np.stack([first, second], axis=1)])]
    return pairs


def draw_batches(n: int, batch: int, n_batches: int, seed: int) -> Ints:
    """All ordered pairs of two different images within random batches.

    Args:
        n: Images of the target.
        batch: Different images of a batch.
        n_batches: How many batches, each drawn afresh.
        seed: Of all draws.

    Returns:
        int64, (n_batches * batch * (batch - 1), 2), batch by batch.

    Raises:
        ValueError: the target has fewer images than a batch, or a batch has no pair.
    """
    if not 2 <= batch <= n:
        raise ValueError(f"batch = {batch}: must lie in 2..{n}, the number of images")
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(~np.eye(batch, dtype=bool))
    return np.concatenate([rng.permutation(n)[:batch][pairs] for _ in range(n_batches)])


def draw_episodes(labels: Ints, n_way: int, episodes: int, seed: int) -> Ints:
    """Query and exemplar pairs of an N-way test (Vinyals et al. 2016; CCN table 7).

    Each episode draws `n_way` classes, an exemplar of each and, from one of them, a query that is
    no exemplar. Classes of a single image are never drawn.

    Args:
        labels: int64, (N,).
        n_way: Classes of an episode, >= 2.
        episodes: How many.
        seed: Of all draws.

    Returns:
        int64, (episodes * n_way, 2): the query, and each exemplar in random order.

    Raises:
        ValueError: fewer than `n_way` classes have two images.
    """
    rng, order = np.random.default_rng(seed), np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    firsts, usable = np.cumsum(sizes) - sizes, np.flatnonzero(sizes >= 2)
    if not 2 <= n_way <= len(usable):
        raise ValueError(
            f"n_way = {n_way}: must lie in 2..{len(usable)}, the number of classes with two images"
        )
    pairs = np.empty((episodes, n_way, 2), np.int64)
    for episode in pairs:
        classes = rng.choice(usable, n_way, replace=False)
        places = (rng.random(n_way) * sizes[classes]).astype(np.int64)
        episode[:, 1] = order[firsts[classes] + places]
        # Classes come in random order, so that the query's may be the first of them here.
        size, place = sizes[classes[0]], places[0]
        other = (place + rng.integers(1, size)) % size
        episode[:, 0] = order[firsts[classes[0]] + other]
        rng.shuffle(episode, axis=0)
    return pairs.reshape(-1, 2)


def draw_answers(
    labels: Ints, similar_recall: float, dissimilar_recall: float, density: float, seed: int
) -> tuple[Bits, Bits | None]:
    """Noisy answers to "are these two of one class?" for every pair of images.

    A similar pair is answered "similar" with probability `similar_recall`, a dissimilar one
    "dissimilar" with probability `dissimilar_recall`, and a pair is answered at all with
    probability `density` (CCN figure 8; discovery figure 6). Both orders of a pair get the same
    answer; an image is always known to be similar to itself.

    Returns:
        `similar` and `known`, uint8, (N, ceil(N/8)), bits packed along the second axis; None for
        `known` where all pairs are answered, at a density of 1.

    Raises:
        ValueError: a probability is outside 0..1.
    """
    for name, value in (
        ("similar_recall", similar_recall),
        ("density", density),
        ("dissimilar_recall", dissimilar_recall),
    ):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} = {value} is no probability; it must be in 0..1")
    n = len(labels)
    similar_bits = np.empty((n, (n + 7) // 8), np.uint8)
    known_bits = None if density == 1 else np.empty_like(similar_bits)
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n), dtype=np.uint64)[:, None]
        columns = np.arange(start, n, dtype=np.uint64)
        pair = np.minimum(rows, columns) * np.uint64(n) + np.maximum(rows, columns)
        same = labels[start : start + _ROWS, None] == labels[start:]
        right = _uniform(pair, seed) < np.where(same, similar_recall, dissimilar_recall)
        itself = rows == columns
        _put(similar_bits, start, (same == right) | itself)
        if known_bits is not None:
            _put(known_bits, start, (_uniform(pair, seed + 1) < density) | itself)
    return similar_bits, known_bits


def _put(bits: Bits, start: int, block: npt.NDArray[np.bool_]) -> None:
    """Pack the answers of some rows with all columns from `start` on, and the same of columns.

    Both orders of a pair have one answer, so that half of them are drawn.
    """
    end = start + len(block)
    bits[start:end, start // 8 :] = np.packbits(block, axis=1)
    bits[end:, start // 8 : (end + 7) // 8] = np.packbits(block[:, len(block) :].T, axis=1)


def _uniform(pair: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each pair's index: the splitmix64 mixing function.

    A counter-based generator, because both orders of a pair must draw the same number while the
    answers are made block by block.
    """
    x = pair + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53
