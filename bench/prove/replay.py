"""Replays the witness: short tiny cells of every method, by the code of any commit.

Only what every commit has is used: `python -m bench run FILE.toml --plugins DIR`, the records and
what lies beside them. What an older commit does not know of the witness is left out there.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.prove import digests
from bench.prove.digests import Seen

HERE = Path(__file__).parent
WITNESS = HERE / "witness"
"""Plug-ins: small tasks of every kind, and methods that bear witness to what is no method."""
BLOCKS = HERE / "blocks"
"""A plug-in that makes blocks small, so that a tiny input has many of them."""
Item = tuple[str, str, Any]
"""Section of an experiment file ("params" or a table's name), name in it, content."""
_MODEL = "test_resnet"
"""A model of timm that is small."""
_USAGE = 2
"""Exit status of `bench` where it does not know what it was asked for."""


@dataclass
class Replay:
    """What the witness gave with one code."""

    cells: dict[str, Seen] = field(default_factory=dict)
    """What each cell is, whatever its key (see `bench.prove.digests`) -> what came of it."""
    codes: dict[str, str] = field(default_factory=dict)
    """Method, and networks that its parameters name, parted by blanks -> fingerprint."""
    scoring: str = ""
    seconds: float = 0.0
    """Processor time of all processes."""


def replay(
    tree: Path,
    folder: Path,
    wanted: Callable[[str], bool] = lambda _: True,
    workers: int = 1,
    dtype: str = "float32",
) -> Replay:
    """Run the witness twice: as it is, and with small blocks.

    Args:
        tree: A clone or an unpacked commit; its own `bench`, `methods` and `baselines` run.
        folder: Empty; for what the runs write.
        wanted: Of which methods; a row counts by the method, or by what it is a witness of.
        workers: Cells at a time.
        dtype: What networks compute in; methods that refuse it are left out.

    Raises:
        BenchError: the code there cannot run even one row of it.
    """
    found, words = Replay(), ["--workers", str(workers)]
    if dtype != "float32":  # a flag that not every commit has
        words += ["--dtype", dtype]
    before = _children()
    for name, plugins in (("", [WITNESS]), ("in blocks: ", [WITNESS, BLOCKS])):
        place = folder / (name[:2] or "as")
        place.mkdir(parents=True)
        if rows := [item for item in _witness(blocks=bool(name)) if wanted(_subject(item))]:
            _run(tree, place, rows, plugins, words)
            found.cells |= {
                name + key: cell for key, cell in digests.read(place / "results").items()
            }
    found.seconds = _children() - before
    return found


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def subjects() -> set[str]:
    """The methods, and networks, that the rows are witnesses of."""
    found = {_subject(item) for blocks in (False, True) for item in _witness(blocks=blocks)}
    return found - {""}


def _witness(*, blocks: bool) -> list[Item]:
    """What either file has, the one of small blocks or the other."""
    file = HERE / ("blocks.toml" if blocks else "witness.toml")
    return _items(tomllib.loads(file.read_text(encoding="utf-8")))


def _items(content: dict[str, Any]) -> list[Item]:
    """The rows of an experiment file, and before them its presets' parameters."""
    params = content["preset"]["quick"].get("params", {})
    items: list[Item] = [("params", name, value) for name, value in params.items()]
    for table in content["table"]:
        head = {k: v for k, v in table.items() if k != "row"}
        items += [("row", json.dumps(head), row) for row in table["row"]]
    return items


def _subject(item: Item) -> str:
    """The method, or the network, that a row is a witness of; "" for parameters."""
    section, _, content = item
    return (
        "" if section == "params" else digests.subject(content["method"], content.get("params", {}))
    )


def _text(items: Sequence[Item]) -> str:
    """An experiment file of these items alone."""
    params = {name: content for section, name, content in items if section == "params"}
    tables: dict[str, list[Any]] = {}
    for section, name, content in items:
        if section == "row":
            tables.setdefault(name, []).append(content)
    whole = {"seeds": 1, "params": params}
    found = [{**json.loads(head), "row": rows} for head, rows in tables.items()]
    return f'title = "Witness"\npreset.quick = {_toml(whole)}\ntable = {_toml(found)}\n'


def _toml(value: Any) -> str:
    """A value as TOML, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def _run(tree: Path, place: Path, items: list[Item], plugins: list[Path], words: list[str]) -> None:
    """Run what the code knows of these items."""
    done = _bench(tree, place, items, plugins, words)
    if done.returncode == _USAGE:
        known = _known(tree, place, items, plugins)
        if not any(section == "row" for section, *_ in known):
            raise BenchError(f"{tree}: its code runs no row of the witness: {_last(done)}")
        done = _bench(tree, place, known, plugins, words)
    if done.returncode not in (0, 1):
        raise BenchError(f"{tree}: the witness did not run: {_last(done)}")


def _known(tree: Path, place: Path, items: list[Item], plugins: list[Path]) -> list[Item]:
    """Those items that the code there can plan, found by halving."""
    if _bench(tree, place, [*items, _GIVEN], plugins, ["--dry-run"]).returncode != _USAGE:
        return items
    if len(items) == 1:
        return []
    half = len(items) // 2
    return _known(tree, place, items[:half], plugins) + _known(tree, place, items[half:], plugins)


_GIVEN: Item = (
    "row",
    json.dumps(
        {
            "name": "given",
            "caption": "Given.",
            "column": [{"label": "tiny", "task": "tiny/cluster", "metric": "ACC"}],
        }
    ),
    {"label": "given", "method": "given"},
)
"""A row that any code can plan: parameters are looked at beside one."""


def _bench(
    tree: Path, place: Path, items: Sequence[Item], plugins: list[Path], words: list[str]
) -> subprocess.CompletedProcess[str]:
    """`python -m bench run` of that code, with data of its own and nothing of the user's."""
    file, data = place / "witness.toml", place / "data"
    file.write_text(_text(items), encoding="utf-8")
    data.mkdir(exist_ok=True)
    _write_weights(place / "weights")
    folders = [word for folder in plugins for word in ("--plugins", str(folder))]
    places = ["--results", str(place / "results"), "--data-root", str(data)]
    return python(
        tree,
        ["-m", "bench", "run", str(file), "--seeds", "1", *folders, *places, *words],
        BENCH_CACHE=str(place / "cache"),
        BENCH_WEIGHTS=str(place / "weights"),
    )


def _write_weights(folder: Path) -> None:
    """A file of weights as somebody else might have trained them, the same bytes everywhere."""
    import numpy as np
    import timm
    from safetensors.numpy import save_file

    if folder.is_dir():
        return
    folder.mkdir()
    rng, tensors = np.random.default_rng(0), {}
    for name, tensor in sorted(timm.create_model(_MODEL).state_dict().items()):
        drawn = rng.uniform(0.5, 1.5, size=tuple(tensor.shape))  # variances above 0
        tensors[name] = np.asarray(drawn - (tensor.ndim > 1), dtype=tensor.numpy().dtype)
    save_file(tensors, folder / f"{_MODEL}.witness.safetensors")


def python(tree: Path, words: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Python in another tree, whose packages come before all others."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("BENCH_")}
    own |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(
        [sys.executable, *words], cwd=tree, env=own, capture_output=True, text=True, check=False
    )


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
