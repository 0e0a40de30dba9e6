"""A cell: one method on one task with one seed, and the key that names its folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from bench import registry

Pairs = tuple[tuple[str, Any], ...]
PRESETS = ("quick", "paper")
PROTOCOL = 1
"""The version of what the harness does before a method starts: seeds, draws, settings of workers,
the order of images, what is handed over. Raise it when any of that changes what a method is given,
and every cell is another one; `tests/results/test_protocol.py` shows when. At 1 it is left out of
the key, so that cells stay valid which were measured before there was a number."""
MOST_SEEDS = 10_000
"""That a table or a command may ask for: with more, planning alone would take for ever."""
LARGEST_SEED = 2**31 - 1
"""What every library takes."""
_NAME = re.compile(r"\w[\w .,+()=-]{0,99}")
"""What a folder may be called after."""


def frozen(mapping: Mapping[str, Any]) -> Pairs:
    """The items of a mapping, sorted by name, hashable."""
    return tuple(sorted(mapping.items()))


@dataclass(frozen=True)
class Cell:
    """Everything that decides a result, apart from the code.

    Two cells with the same fields are the same computation: tables that need it share it.
    """

    task: str
    setting: Pairs
    """The protocol's settings that differ from the task's own, such as n_clusters = 100."""
    method: str
    params: Pairs
    """Every parameter of the method, resolved; the preset's budget is among them."""
    preset: str
    seed: int
    device: str
    """"cpu" or "cuda"."""
    dtype: str
    threads: int
    data: str
    """Fingerprint of the images and labels that the cell is given or scored with."""
    needs: tuple[tuple[str, str], ...] = ()
    """Role -> key of the cell whose output it reads."""

    def identity(self) -> dict[str, Any]:
        """What the key covers, as plain data; parameters at their neutral value are left out."""
        neutral = registry.get(self.method).neutral
        params = {k: v for k, v in self.params if k not in neutral or v != neutral[k]}
        protocol = {} if PROTOCOL == 1 else {"protocol": PROTOCOL}
        return protocol | {
            "task": self.task,
            "setting": dict(self.setting),
            "method": self.method,
            "params": params,
            "preset": self.preset,
            "seed": self.seed,
            "device": self.device,
            "dtype": self.dtype,
            "threads": self.threads,
            "data": self.data,
            "needs": dict(self.needs),
        }

    @cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of the identity."""
        return key_of(self.identity())

    @property
    def folder(self) -> str:
        """Where its record lies below `runs/`, readable by people."""
        return folder_of(self.task, self.method, self.seed, self.key)

    def __str__(self) -> str:
        return words({**vars(self), "setting": dict(self.setting)})


@dataclass(frozen=True)
class Address:
    """A cell known by its identity alone, whose method may be registered nowhere here."""

    key: str
    folder: str


def address(identity: Mapping[str, Any]) -> Address:
    """The key and folder of a cell, from its identity as a record holds it.

    Raises:
        ValueError: as `names`.
    """
    called = names(identity)
    key = key_of(identity)
    return Address(key, folder_of(*called, key))


def words(identity: Mapping[str, Any]) -> str:
    """Method, task, setting and seed of a cell, from its identity."""
    chosen = identity.get("setting")
    items = chosen.items() if isinstance(chosen, dict) else ()
    setting = "".join(f" {name}={value}" for name, value in items)
    method, task, seed = (identity.get(name) for name in ("method", "task", "seed"))
    return f"{method} {task}{setting} seed {seed}"


def names(identity: Mapping[str, Any]) -> tuple[str, str, int]:
    """Task, method and seed of a cell.

    Raises:
        ValueError: it lacks one of them that a folder can be called after.
    """
    task, method, seed = identity.get("task"), identity.get("method"), identity.get("seed")
    for name in (task, method):
        if not isinstance(name, str) or not _can_be_a_folder(name):
            raise ValueError(f"{str(name)[:60]!r} is no name of a task or method")
    if "/" in str(method) or type(seed) is not int or seed < 0:
        raise ValueError(f"method {method!r} with seed {str(seed)[:60]!r} names no folder")
    return str(task), str(method), seed


@cache
def _can_be_a_folder(name: str) -> bool:
    """Whether a name, its slashes aside, is one that a folder may have."""
    return _NAME.fullmatch(name.replace("/", "-")) is not None


def key_of(identity: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of an identity."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def folder_of(task: str, method: str, seed: int, key: str) -> str:
    """Where a cell's record lies below `runs/`."""
    return f"{task.replace('/', '-')}/{method}/seed{seed}-{key}"


def seed_for(seed: int, task: str, axis: str) -> int:
    """A seed in 0..2^63-1 for one axis of randomness of one repetition.

    The method's name takes no part: methods compared on one task share their splits and the
    order of their data, and a repetition changes only what it should.
    """
    digest = hashlib.sha256(f"{seed}|{task}|{axis}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
