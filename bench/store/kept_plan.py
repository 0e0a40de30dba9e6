"""Plans of earlier commands, kept so that commands which only look need not import every method.

Planning asks all methods for their parameters and needs, and so imports them with torch: seconds,
of which nothing new comes when nothing has changed. `run`, `render` and `report`, which write
anyway, keep their plans in the cache of prepared data; a command takes one where everything that
planning reads is as it was: what was asked, every source and table of the project, the packages
installed, the environment, weights, and what is here of each data set. Some experiments are also
taken out of the plan of all. Anything else, a damaged file among it, means to plan anew. With
plug-ins, which may import from anywhere, nothing is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import pickle
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import SHIPPED, registry, weights
from bench.datasets import get_task
from bench.datasets.cache import cache_root
from bench.plan import graph
from bench.plan.planned import Options, Plan
from bench.store import code, collecting

_MOST = 32
"""Plans kept in one cache; the oldest go."""
_COMPILERS = ("cc", "gcc", "clang")
"""What a head that is compiled when it is first used looks for (`bench.nn.networks.rectified`)."""
_SUFFIXES = (".py", ".toml", ".csv")
_PLAIN = {"builtins", "collections", "pathlib"}
_OURS = ("bench.plan.", "bench.datasets.", "bench.errors")


@dataclass(frozen=True)
class Asked:
    """What a command line asks of a plan, and where plans are kept."""

    words: Mapping[str, Any]
    """Flag -> value, as parsed, of all that choose cells."""
    data_root: Path
    files: tuple[Path, ...] = ()
    """Experiments that do not come with the project."""

    @cached_property
    def name(self) -> str:
        """Thirty-two hexadecimal digits of a SHA-256 over all that planning reads, data aside."""
        digest = hashlib.sha256()
        for part in self._parts():
            digest.update(part)
            digest.update(b"\0")
        return digest.hexdigest()[:32]

    def _parts(self) -> Iterator[bytes]:
        yield repr(sorted(self.words.items())).encode()
        yield f"{self.data_root}\0{sys.version}\0{sys.prefix}".encode()
        for name, value in sorted(os.environ.items()):
            if name.startswith("BENCH_") and name != registry.PLUGINS:  # none, or nothing is kept
                yield f"{name}={value}".encode()
        yield repr([shutil.which(name) for name in _COMPILERS]).encode()
        installed = {path.name for top in sys.path for path in Path(top).glob("*-info")}
        yield repr(sorted(installed)).encode()
        yield repr(sorted(_seen(weights.folder()))).encode()
        for path in (*_sources(), *self.files):
            yield str(path).encode()
            yield path.read_bytes() if path.is_file() else b""

    @property
    def file(self) -> Path:
        """Where its plan is, or would be."""
        return cache_root(self.data_root) / "plans" / f"{self.name}.plan"

    @property
    def of_all(self) -> Asked:
        """The same asked of all experiments."""
        return dataclasses.replace(self, words={**self.words, "experiments": [], "every": True})


def recall(asked: Asked) -> Plan | None:
    """The plan that was kept for this or for all, None where there is none that still holds."""
    plan = _read(asked)
    if plan or asked.files or asked.words.get("every"):
        return plan
    whole, names = _read(asked.of_all), list(dict.fromkeys(asked.words["experiments"]))
    if whole is None or whole.filtered or whole.given:
        return None
    has_them = {one.name for one in whole.experiments}.issuperset(names)
    return whole.only(names) if has_them else None


def _read(asked: Asked) -> Plan | None:
    """The plan in its file."""
    try:
        digest, _, content = asked.file.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        with collecting.put_off():
            plan, codes, scoring = _Plain(io.BytesIO(content)).load()
    except (OSError, pickle.UnpicklingError, AttributeError, ImportError, EOFError, ValueError):
        return None
    fresh = Plan(plan.preset)
    for task in plan.data:
        graph.look_at(fresh, get_task(task), Options(plan.preset, data_root=asked.data_root))
    if (fresh.data, fresh.unprepared) != (plan.data, plan.unprepared):
        return None
    code.tell(codes, scoring)
    kept: Plan = dataclasses.replace(plan, seen=fresh.seen)
    return kept


def keep(asked: Asked, plan: Plan) -> None:
    """Keep a plan for the next command that asks the same; a full or read-only disk forbids it."""
    codes = {key: code.of_cell(cell) for key, cell in plan.cells.items()}
    content = pickle.dumps((dataclasses.replace(plan, stems={}), codes, code.scoring()), 5)
    folder, own = asked.file.parent, asked.file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        own.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        own.replace(asked.file)
        kept = sorted(folder.glob("*.plan"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MOST]:
            path.unlink(missing_ok=True)


class _Plain(pickle.Unpickler):
    """Makes what plans are made of and nothing else: the cache may be somebody else's."""

    def find_class(self, module: str, name: str) -> Any:
        """A class of the plan's; raises UnpicklingError for any other."""
        found = super().find_class(module, name) if self._known(module) else None
        if isinstance(found, type) and (module in _PLAIN or dataclasses.is_dataclass(found)):
            return found
        raise pickle.UnpicklingError(f"a plan has no {module}.{name}")

    @staticmethod
    def _known(module: str) -> bool:
        return module in _PLAIN or module.startswith(_OURS)


def _sources() -> Iterable[Path]:
    """Every source and table of the project, in one order."""
    package = Path(__file__).parents[1]
    for top in (package, *(SHIPPED / n for n in ("methods", "baselines", "results/published"))):
        for folder, below, files in os.walk(top):
            below.sort()
            for name in sorted(files):
                if name.endswith(_SUFFIXES):
                    yield Path(folder, name)


def _seen(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of each file of weights."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            status = entry.stat()
            yield entry.name, status.st_size, status.st_mtime_ns
