"""Does `bench check` notice methods that were broken on purpose?

python -m benchmarks.sabotage [--json] [--seeds 3] [--only dtc,mcl] [--reference DIR]

Breaks methods in a copy of the project, as a slip of the hand would: their code changes, their
parameters and so their cells' names do not. Runs `digits` for them there, then checks each method
on its own against the sound ones, measured on the same machine before. Target: every one is
caught. Two or three minutes a seed on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ROOT
from benchmarks.measure import Target, arguments, report


@dataclass(frozen=True)
class Sabotage:
    """One method with a fault in it."""

    method: str
    what: str
    file: str
    changes: Mapping[str, str]
    """Text that stands in the file once -> what takes its place."""

    def applied(self, text: str) -> str:
        """The file's text with the fault in it.

        Raises:
            SystemExit: the file has changed since the fault was written down.
        """
        for old, new in self.changes.items():
            if text.count(old) != 1:
                raise SystemExit(f"{self.file} has changed: '{old}' does not stand there once")
            text = text.replace(old, new)
        return text


SABOTAGES = (
    Sabotage(
        "dtc",
        "without consistency and refreshes",
        "baselines/dtc.py",
        {
            "loss = loss + self._consistency(q, at, partial(inputs, rows), main)": "pass",
            "due, mode, keep = epoch % self.how.refresh == 0,": "due, mode, keep = False,",
        },
    ),
    Sabotage(
        "mcl",
        "a tenth of the pair labels flipped",
        "methods/ccn.py",
        {
            "from torch import Tensor, nn": "import torch\nfrom torch import Tensor, nn",
            "return pairs.mcl(p, similar)": "draws = torch.rand(similar.shape, generator="
            "torch.Generator().manual_seed(0))\n"
            "        return pairs.mcl(p, similar ^ (draws.to(p.device) < 0.1))",
        },
    ),
    Sabotage(
        "supreme",
        "without cross-entropy of the source",
        "methods/supreme.py",
        {"loss + self.source_weight * functional": "loss + 0.0 * functional"},
    ),
    Sabotage(
        "kcl",
        "half the margin",
        "methods/ccn.py",
        {"margin=self.margin)": "margin=self.margin / 2)"},
    ),
    Sabotage(
        "tsp",
        "weight of the entropy 0",
        "methods/tsp.py",
        {"consistency + self.entropy_weight *": "consistency + 0.0 *"},
    ),
    Sabotage(
        "sela",
        "lambda 1",
        "methods/pseudo_labels.py",
        {"balance(log_p, self.method.sharpness,": "balance(log_p, 1.0,"},
    ),
    Sabotage(
        "dec",
        "targets of the batch",
        "baselines/dec.py",
        {
            "epochs.step(optimiser, kl_divergence(p[rows], assign(data[rows])))": (
                "now = assign(data[rows])\n"
                "                p = target_distribution(now.detach())\n"
                "                epochs.step(optimiser, kl_divergence(p, now))"
            )
        },
    ),
)


@contextlib.contextmanager
def broken(chosen: Sequence[Sabotage], reference: Path | None) -> Iterator[Path]:
    """A copy of the project with these faults, and with another reference if one is given."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("bench", "methods", "baselines", "results/reference", "results/published"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        if reference:
            shutil.copytree(reference, root / "results" / "reference", dirs_exist_ok=True)
        for one in chosen:
            path = root / one.file
            path.write_text(one.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
        yield root


def bench(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m bench` of a copy."""
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(  # what it says on errors is shown as it comes
        command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )


def sound(methods: str, seeds: str, workers: str, folder: Path) -> Path:
    """A reference of the methods as they are, measured here and now."""
    with broken([], None) as root:
        flags = ["digits", "--methods", methods, "--seeds", seeds, "--results", str(folder)]
        run = bench(root, "run", *flags, "--workers", workers)
        kept = bench(root, "check", *flags, "--update", "--drop", "--reason", "sound methods")
        if run.returncode or kept.returncode:
            raise SystemExit("the sound methods could not be measured")
        return shutil.copytree(root / "results" / "reference", folder / "reference")


def tried(one: Sabotage, root: Path, flags: Sequence[str]) -> dict[str, Any]:
    """A line of the table: what the check says of one method."""
    said = bench(root, "check", "digits", "--methods", one.method, *flags, "--format", "json")
    if said.returncode not in (0, 1):
        raise SystemExit(f"check of {one.method} ended with status {said.returncode}")
    found = json.loads(said.stdout)
    moved = [c for c in found if c["verdict"] == "moved"]
    worst = max(found, key=lambda c: abs(c["difference"] or 0.0))
    return {
        "method": one.method,
        "fault": one.what,
        "numbers": len(found),
        "missing": sum(c["verdict"] == "missing" for c in found),
        "changed": sum(c["verdict"] not in ("ok", "missing") for c in found),
        "moved": len(moved),
        "largest (points)": 100 * (worst["difference"] or 0.0),
        "at": f"{worst['row']}, {worst['metric']}",
        "": "caught" if moved else "NOT CAUGHT",
    }


def measured(
    chosen: Sequence[Sabotage], reference: Path, asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """Break, run, check; a row for each method."""
    with broken(chosen, reference) as root:
        results = (asked.results or root / "measured").resolve()
        flags = ["--seeds", asked.seeds, "--results", str(results)]
        # Faults in different methods do not meet: one run has them all, and pretrains once.
        methods = ",".join(one.method for one in chosen)
        run = ["run", "digits", "--methods", methods, *flags, "--workers", asked.workers]
        said = bench(root, *run)
        if said.returncode not in (0, 1):  # 1: a cell failed, which a fault may well lead to
            raise SystemExit(f"the run of the broken methods ended so: {said.stdout}")
        return [tried(one, root, flags) for one in chosen]


def main() -> int:
    """Break, run, check, print."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", default="10", help="the first N of the reference's ten")
    parser.add_argument("--only", help="some of the methods: dtc,mcl")
    parser.add_argument("--reference", type=Path, help="a folder of one, in place of measuring")
    parser.add_argument("--results", type=Path, help="kept, and gone on from")
    parser.add_argument("--workers", default="1")
    asked = parser.parse_args()
    only = asked.only.split(",") if asked.only else [one.method for one in SABOTAGES]
    chosen = [one for one in SABOTAGES if one.method in only]
    methods = ",".join(one.method for one in chosen)
    with tempfile.TemporaryDirectory() as folder:
        before = asked.reference or sound(methods, asked.seeds, asked.workers, Path(folder))
        rows = measured(chosen, before, asked)
    caught = sum(row[""] == "caught" for row in rows)
    target = Target(f"caught of {len(rows)}", caught, len(rows), at_least=True)
    return report(f"sabotage, {asked.seeds} seeds", rows, [target], as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
