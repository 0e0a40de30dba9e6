"""What two replays say of each method: the same results, others, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from bench import registry
from bench.nn.networks import known
from bench.prove.replay import Replay
from bench.store import code

OURS = ("bench_methods.", "bench_baselines.", "bench.score.")
"""Modules of the methods that come with the project."""
Word = Literal["equal", "differs", "unjudged", "new", "gone"]


@dataclass(frozen=True)
class Verdict:
    """What a comparison says of one method, or network, or the protocol."""

    word: Word
    """unjudged: the cells that it reads are not what they were. new, gone: on one side only."""
    cells: int
    """How many cells both sides have."""
    seconds: float
    why: str = ""


def compare(before: Replay, now: Replay) -> dict[str, Verdict]:
    """A verdict on everything that either replay is a witness of, by its name."""
    names = {cell.method for side in (before, now) for cell in side.cells.values()} - {""}
    return {name: _verdict(name, before, now) for name in sorted(names)}


def _verdict(name: str, before: Replay, now: Replay) -> Verdict:
    old, new = ({k for k, c in side.cells.items() if c.method == name} for side in (before, now))
    seconds = sum(now.cells[key].seconds for key in new)
    if not old & new:
        return Verdict("new" if new else "gone", 0, seconds)
    word: Word = "equal"
    why = ""
    for key in sorted(old & new):
        was, found = before.cells[key], now.cells[key]
        if was.trace == found.trace:
            continue
        prefix = key[: key.rindex(": ") + 2] if ": " in key else ""
        changed = [n for n in found.needs if not _alike(prefix + n, before, now)]
        if not changed:
            return Verdict("differs", len(old & new), seconds, key)
        word, why = "unjudged", f"{changed[0]} differs"
    return Verdict(word, len(old & new), seconds, why)


def _alike(key: str, before: Replay, now: Replay) -> bool:
    """Whether a cell that another one reads is what it was."""
    sides = (before.cells.get(key), now.cells.get(key))
    return None not in sides and len({side.output for side in sides if side}) == 1


def scores(before: Replay, now: Replay) -> Verdict:
    """Whether the same predictions were scored alike."""
    both = sorted(before.cells.keys() & now.cells.keys())
    same = [k for k in both if before.cells[k].trace == now.cells[k].trace]
    other = [k for k in same if before.cells[k].scores != now.cells[k].scores]
    if not same:
        return Verdict("unjudged", 0, 0.0, "no prediction is what it was")
    return Verdict("differs" if other else "equal", len(same), 0.0, other[0] if other else "")


def pairs(before: Replay, now: Replay) -> list[tuple[str, str, str]]:
    """Method and two fingerprints of its code that were shown to give the same results.

    A fingerprint covers networks as well, those that the method names and those that a cell's
    parameters name: each of them must be equal, too.
    """
    verdicts = compare(before, now)
    found = []
    for name, fingerprint in now.codes.items():
        method, *networks = name.split(" ")
        was = before.codes.get(name, "")
        covered = code.networks_of(registry.get(method).module, networks)
        asked = [method, *(f"network {n}" for n in sorted(covered))]
        if was and all(n in verdicts and verdicts[n].word == "equal" for n in asked):
            found.append((method, was, fingerprint))
    return found


def combinations() -> list[tuple[str, tuple[str, ...]]]:
    """Methods, each alone and with every network that a parameter may add to its fingerprint."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for name, info in sorted(registry.load().items()):
        if not info.module.startswith(OURS):
            continue
        alone = code.fingerprint(info.module)
        found.append((name, ()))
        if any(f.type in (str, "str") for f in fields(info.cls)):
            found += [
                (name, (network,))
                for network in sorted(known())
                if code.fingerprint(info.module, (network,)) != alone
            ]
    return found


def codes(asked: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """The fingerprints of the code as it is here, by method and networks."""
    return {
        " ".join((name, *networks)): code.fingerprint(registry.get(name).module, networks)
        for name, networks in asked
    }
