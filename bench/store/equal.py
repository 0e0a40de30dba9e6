"""Codes of a method that were shown to give the same results: `results/reference/equal.json`.

    {"proofs": {"1": {"cpu": …, "versions": …}},
     "equal": [{"method": "dec", "device": "cpu", "dtype": "float32", "was": …, "is": …, "by": …}]}

Each line says that two fingerprints of `bench.store.code` gave the same digests in a proof, on one
device, in one type, under the versions that the proof names. Lines are followed in both directions
and from one to the next. They hold for other versions as well: what a proof compares is two codes,
both under the same. Another device or type wants a proof of its own, as it takes other branches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench import SHIPPED
from bench.errors import BenchError
from bench.files import replace

PATH = SHIPPED / "results" / "reference" / "equal.json"
SCORING = "scoring"
"""Stands for a method where two codes that score are the same; "" is that of the oldest records."""


class Line(NamedTuple):
    """One equivalence."""

    method: str
    device: str
    dtype: str
    was: str
    now: str
    by: str
    """Which proof showed it."""


@dataclass(frozen=True)
class Equal:
    """All equivalences that are known."""

    proofs: Mapping[str, Mapping[str, Any]]
    """Name -> "cpu" and "versions"."""
    lines: tuple[Line, ...]
    classes: Mapping[tuple[str, str, str, str], str]
    """Method, device, dtype, fingerprint -> one fingerprint of all that are the same."""

    def same(self, method: str, one: str, other: str, *, device: str, dtype: str) -> bool:
        """Whether two fingerprints are the same or lead to one another."""
        if one == other:
            return True
        found = self.classes.get((method, device, dtype, one))
        return found is not None and found == self.classes.get((method, device, dtype, other))


def shown() -> Callable[[str, str, str, str, str], bool]:
    """Whether two fingerprints are the same or were shown to be, each question asked once.

    Returns:
        A function of method, two fingerprints, device and type. The file is read when it is first
        needed, since for cells of the code as it is nobody needs it.
    """

    def same(method: str, one: str, other: str, device: str, dtype: str) -> bool:
        return one == other or read().same(method, one, other, device=device, dtype=dtype)

    return cache(same)


def read(path: Path = PATH) -> Equal:
    """The equivalences in a file; none where it is not there.

    Raises:
        BenchError: it is damaged.
    """
    try:
        status = path.stat()
    except OSError:
        return Equal({}, (), {})
    return _read(path, status.st_mtime_ns, status.st_size)


@cache
def _read(path: Path, _changed: int, _size: int) -> Equal:
    """The file as it is now: time and size are there for the cache."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lines = [
            Line(e["method"], e["device"], e["dtype"], e["was"], e["is"], e["by"])
            for e in content["equal"]
        ]
        return make(content["proofs"], lines)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(
            f"{path}: damaged ({error!r}); take it back with `git checkout`"
        ) from error


def make(proofs: Mapping[str, Mapping[str, Any]], lines: Iterable[Line]) -> Equal:
    """Equivalences from lines: each class is named after the smallest fingerprint in it."""
    classes: dict[tuple[str, str, str, str], str] = {}
    members: dict[tuple[str, str, str, str], set[str]] = {}
    for line in lines:
        where = line[:3]
        ends = [classes.get((*where, code), code) for code in (line.was, line.now)]
        joined = set[str]().union(*(members.pop((*where, end), {end}) for end in ends))
        name = min(joined)
        members[*where, name] = joined
        classes |= dict.fromkeys(((*where, code) for code in joined), name)
    return Equal(proofs, tuple(sorted(set(lines))), classes)


def add(
    found: Equal,
    pairs: Iterable[tuple[str, str, str]],
    *,
    proof: Mapping[str, Any],
    device: str,
    dtype: str,
) -> Equal:
    """With more equivalences, those left out that follow from what is there.

    Args:
        found: What is known.
        pairs: Method and two fingerprints.
        proof: "cpu" and "versions" of the machine that compared them.
        device: They were compared on.
        dtype: They were compared in.
    """
    names = [name for name, known in found.proofs.items() if known == proof]
    name = names[0] if names else str(len(found.proofs) + 1)
    for method, was, now in sorted(set(pairs)):
        if not found.same(method, was, now, device=device, dtype=dtype):
            line = Line(method, device, dtype, was, now, name)
            found = make({**found.proofs, name: proof}, [*found.lines, line])
    return found


def write(found: Equal, path: Path = PATH) -> Path:
    """Write them, a line each, sorted."""
    proofs = [
        f"  {json.dumps(n)}: {json.dumps(p, sort_keys=True)}" for n, p in found.proofs.items()
    ]
    lines = [
        "  "
        + json.dumps(
            {
                "method": one.method,
                "device": one.device,
                "dtype": one.dtype,
                "was": one.was,
                "is": one.now,
                "by": one.by,
            }
        )
        for one in found.lines
    ]
    text = '{"proofs": {\n' + ",\n".join(proofs) + '\n},\n"equal": [\n' + ",\n".join(lines)
    return replace(path, (text + "\n]}\n").encode())
