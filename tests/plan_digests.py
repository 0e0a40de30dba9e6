"""What every table and figure of every experiment asks for, as one digest each.

`python tests/plan_digests.py` writes them anew, where the plan has changed on purpose.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from bench import registry
from bench.plan import experiment, graph, published
from bench.plan.experiment import Experiment, Table
from bench.plan.figure import Figure

KEPT = Path(__file__).with_name("plan_digests.json")
SPELLED_OUT = ("row", "column", "curve", "group", "tasks", "published")
"""Fields that the entries' own lines tell."""


def told(one: Experiment, preset: str, root: Path) -> dict[str, list[str]]:
    """Lines of a table or figure by its name: its words first, then an entry or point each.

    An entry's published number stands there as it was found, and not the filter that found it.
    """
    plan = graph.make([one], graph.Options(preset=preset, data_root=root))
    written: tuple[Table | Figure, ...] = (*one.table, *one.figure)
    lines = {output.name: [_words(output)] for output in written}
    head = [one.title, one.paper, list(one.notes), one.by_name, dataclasses.asdict(one)["preset"]]
    lines[""] = [json.dumps(head, sort_keys=True)]
    for slot in plan.slots:
        part = slot.entry
        number = part.published and published.find(part.published, metric=part.metric, where="")
        entry = [
            slot.column,
            _said(part, ("published",)),
            dataclasses.astuple(number) if number else None,
            {str(seed): keys for seed, keys in slot.cells.items()},
        ]
        lines[slot.name].append(json.dumps(entry, sort_keys=True))
    return lines


def _said(one: Any, apart: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a dataclass that say something, but for some."""
    fields = {f.name: getattr(one, f.name) for f in dataclasses.fields(one)}
    return {name: value for name, value in fields.items() if value and name not in apart}


def _words(output: Table | Figure) -> str:
    return json.dumps(_said(output, SPELLED_OUT), sort_keys=True, default=dataclasses.asdict)


def digests() -> dict[str, Any]:
    """Experiment -> preset -> table or figure ("" the file's head) -> entries and digest.

    No data lie there and none are prepared, so that the fingerprints in the cells' keys are the
    pinned ones alone.
    """
    registry.load([])
    found: dict[str, Any] = {}
    with TemporaryDirectory() as folder, patch.dict(os.environ, BENCH_CACHE=folder):
        for name in experiment.names():
            one = experiment.load(name)
            for preset in ("quick", "paper"):
                found.setdefault(name, {})[preset] = {
                    output: f"{len(lines) - 1} {_digest(lines)}"
                    for output, lines in told(one, preset, Path(folder)).items()
                }
    return found


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


if __name__ == "__main__":
    KEPT.write_text(json.dumps(digests(), indent=1) + "\n")
