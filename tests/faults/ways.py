"""Ways in which a file on disk comes to be another: `way(path, rng, other)`, all seeded."""

from __future__ import annotations

import os
import random
from pathlib import Path


def flip(path: Path, rng: random.Random, _other: Path) -> None:
    """One to three bits."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def digit(path: Path, rng: random.Random, other: Path) -> None:
    """One digit for another, the worst of flips in a text."""
    data = bytearray(path.read_bytes())
    places = [i for i, byte in enumerate(data) if 48 <= byte < 58]
    if not places:
        return flip(path, rng, other)
    place = rng.choice(places)
    data[place] = rng.choice([d for d in range(48, 58) if d != data[place]])
    path.write_bytes(data)
    return None


def truncate(path: Path, rng: random.Random, _other: Path) -> None:
    """Some of the end is gone."""
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def empty(path: Path, _rng: random.Random, _other: Path) -> None:
    """All of it is gone."""
    path.write_bytes(b"")


def foreign(path: Path, rng: random.Random, other: Path) -> None:
    """Another cell's file, or noise, or JSON of something else."""
    choices = [other.read_bytes(), rng.randbytes(500), b'{"a": [1, 2]}', b"[" * 100_000]
    path.write_bytes(rng.choice(choices))


def missing(path: Path, _rng: random.Random, _other: Path) -> None:
    """It is not there."""
    path.unlink()


def pipe(path: Path, _rng: random.Random, _other: Path) -> None:
    """Opening it blocks for ever."""
    path.unlink()
    os.mkfifo(path)


def loop(path: Path, _rng: random.Random, _other: Path) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path)


def link(path: Path, _rng: random.Random, other: Path) -> None:
    """A link to another cell's file."""
    path.unlink()
    path.symlink_to(other)


def folder(path: Path, _rng: random.Random, _other: Path) -> None:
    """A folder stands in its place."""
    path.unlink()
    path.mkdir()


HOW = (flip, digit, flip, digit, truncate, empty, foreign, missing, pipe, loop, link, folder)
