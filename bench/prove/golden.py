"""The digests that are committed: `results/reference/witness.json`, and whether they are of today.

{"machines": [{"cpu": …, "versions": …}],  all that gave these digests
 "scoring": …, "codes": {"METHOD NETWORK …": fingerprint}, "cells": {NAME: …}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import SHIPPED
from bench.errors import BenchError
from bench.files import replace
from bench.prove import evidence
from bench.prove.digests import Seen
from bench.prove.replay import Replay
from bench.store import code, equal, machine

PATH = SHIPPED / "results" / "reference" / "witness.json"
DEVICE, DTYPE = "cpu", "float32"
"""What is replayed runs on these."""
Machine = dict[str, Any]
_MEND = "run `python -m bench prove --update` and commit what it writes"


def this_machine() -> Machine:
    """What may change a digest beside the code: processor and versions of libraries."""
    found = machine.versions()
    return {"cpu": machine.hardware(), "versions": {n: found.get(n, "") for n in machine.DECISIVE}}


def read(path: Path = PATH) -> tuple[Replay, list[Machine]]:
    """The committed replay, and the machines that gave it.

    Raises:
        BenchError: there is none, or it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = {k: Seen(**{**c, "needs": tuple(c["needs"])}) for k, c in content["cells"].items()}
        return Replay(cells, content["codes"], content["scoring"]), content["machines"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path}: no witness to compare with ({error}); {_MEND}") from error


def write(found: Replay, machines: list[Machine], path: Path = PATH) -> Path:
    """Write a replay, a line for each fingerprint and cell."""
    lean = {name: asdict(cell) | {"seconds": 0.0} for name, cell in found.cells.items()}
    text = "{\n" + f'"machines": {_lines(machines)},\n"scoring": {json.dumps(found.scoring)},\n'
    text += f'"codes": {_lines(found.codes)},\n"cells": {_lines(lean)}\n' + "}\n"
    return replace(path, text.encode())


def _lines(values: Mapping[str, Any] | list[Any]) -> str:
    if isinstance(values, list):
        return "[\n" + ",\n".join(f"  {json.dumps(v, sort_keys=True)}" for v in values) + "\n]"
    lines = [
        f"  {json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted(values.items())
    ]
    return "{\n" + ",\n".join(lines) + "\n}"


def unproven(path: Path = PATH, known: Path = equal.PATH) -> list[str]:
    """What has other code than when it was last proven, or none that was: sentences.

    Raises:
        BenchError: a file is damaged.
    """
    golden, _ = read(path)
    found, equivalences = [], equal.read(known)
    here = {**evidence.codes(evidence.combinations()), equal.SCORING: code.scoring()}
    there = {**golden.codes, equal.SCORING: golden.scoring}
    for name, now in sorted(here.items()):
        method, was = name.split(" ")[0], there.get(name)
        if was is None:
            found.append(f"{name} has no witness: {_MEND}")
        elif not equivalences.same(method, was, now, device=DEVICE, dtype=DTYPE):
            found.append(f"{name}: its code is {now}, {was} was proven: {_MEND}")
    return found
