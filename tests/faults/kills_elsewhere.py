"""Kills what computes for a run on Slurm or Dask, and the run, at random moments; see `kills`.

    python tests/faults/slurm_here.py python tests/faults/kills_elsewhere.py slurm --times 30
    python tests/faults/kills_elsewhere.py dask --times 30

After each run the cells that were done must be as they were, and at the end every table and
prediction, byte for byte, those of an undisturbed run on this machine. Exit status 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.kills import done, ended, finished, hunt, kept
from faults.network import address, started
from harness import counted, places, start
from kill_run import kill_tree

OPTIONS = """
[slurm]
minutes = 5
poll_seconds = 1
share_minutes = 5
unknown_minutes = 0.01
[dask]
workers = 1
poll_seconds = 1
"""
KINDS = {
    "slurm": ("job killed", "job requeued", "job cancelled", "job pre-empted", "node down"),
    "dask": ("worker", "scheduler"),
}
ENDING = ("runner", "tree", "SIGTERM")
_PATIENCE = 600.0


def strike(kind: str, process, results: Path) -> bool:
    """Do it; False where there is nothing to strike any more."""
    with contextlib.suppress(psutil.NoSuchProcess, StopIteration):
        if kind == "tree":
            kill_tree(process)
        elif kind in ENDING:
            os.kill(process.pid, signal.SIGKILL if kind == "runner" else signal.SIGTERM)
        elif kind == "worker":
            below = psutil.Process(process.pid).children(recursive=True)
            next(p for p in below if "forkserver" in " ".join(p.cmdline())).parent().kill()
        elif kind == "scheduler":
            next(p for p in psutil.process_iter(["cmdline"]) if _is_scheduler(p, results)).kill()
        elif kind == "job killed":
            next(p for p in psutil.process_iter(["cmdline"]) if _is_job(p, results)).kill()
        else:
            return _by_slurm(kind)
        return True
    return False


def _is_job(process: psutil.Process, results: Path) -> bool:
    words = process.info["cmdline"] or []
    return "submitit.core._submit" in words and str(results) in words[-1]


def _is_scheduler(process: psutil.Process, results: Path) -> bool:
    words = process.info["cmdline"] or []
    return "distributed.cli.dask_scheduler" in words and words[-1].startswith(str(results.parent))


def _by_slurm(kind: str) -> bool:
    job = _said("squeue", "--noheader", "--format=%A").split()
    node = _said("sinfo", "--noheader", "--format=%n").strip()
    if kind == "node down":
        _said("scontrol", "update", f"nodename={node}", "state=down", "reason=a test")
        time.sleep(2)
        _said("scontrol", "update", f"nodename={node}", "state=resume")
    elif kind == "job pre-empted":  # by one of a partition that goes before
        _said("sbatch", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap=sleep 2")
    elif job:
        _said(*(("scancel",) if kind == "job cancelled" else ("scontrol", "requeue")), job[0])
    return bool(job)


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def disturbed(toml: Path, results: Path, kinds: list[str], flags: list[Any], rng) -> Counter[str]:
    """One run with these strikes, each after some more cells; how many came in time.

    Raises:
        AssertionError: a cell that was done is not what it was, or the run ended otherwise.
    """
    with contextlib.ExitStack() as stack:
        if "scheduler" in kinds:
            flags = _of_its_own(stack, results.parent)
        return _disturbed(toml, results, kinds, flags, rng)


def _of_its_own(stack: contextlib.ExitStack, folder: Path) -> list[Any]:
    """The flags for a scheduler that is no part of the run, with one worker."""
    said, options = folder / "scheduler.json", folder / "address.toml"
    said.unlink(missing_ok=True)
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    started(stack, folder, "scheduler", *words, "--scheduler-file", str(said))
    where, local = address(said), str(folder / "worker")
    started(stack, folder, "worker", where, "--nthreads", "1", "--local-directory", local)
    options.write_text(f'[dask]\naddress = "{where}"\npoll_seconds = 1\npatience_seconds = 10\n')
    return ["--executor", "dask", "--executor-options", options]


def _disturbed(
    toml: Path, results: Path, kinds: list[str], flags: list[Any], rng: random.Random
) -> Counter[str]:
    before, struck = done(results), Counter[str]()
    process = start("run", toml, *places(results), *flags)
    for kind in kinds:
        began = time.monotonic()
        enough = len(done(results)) + rng.randrange(4)
        while process.poll() is None and len(done(results)) < enough:
            assert time.monotonic() - began < _PATIENCE, "waited in vain"
            time.sleep(0.05)
        if process.poll() is None:
            struck[kind] += strike(kind, process, results)
    said = ended(process, _PATIENCE)
    ends = (0, 2) if struck["scheduler"] else (0, -9, -15, 143)
    assert process.returncode in ends, (kinds, process.returncode, said)
    assert process.returncode != 2 or "the Dask scheduler is gone; the same command" in said, said
    assert "Traceback" not in said, said
    kept(before, results)
    return +struck


def rounds(executor: str, rng: random.Random) -> Iterator[list[str]]:
    """Strikes of one run after the other: one or two, of which the first may end it."""
    while True:
        first, second = rng.choices(KINDS[executor] + ENDING, k=2)
        yield [first] if first in ENDING or rng.random() < 0.5 else [first, second]


def main() -> int:
    """Strike as often as asked, in as many experiments as that takes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("executor", choices=KINDS)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, broken = Path(name), Path(name) / "broken"
        (folder / "options.toml").write_text(OPTIONS)
        flags = ["--executor", chosen.executor, "--executor-options", folder / "options.toml"]
        toml = counted(folder, rows=10, seeds=4, seconds=0.3)  # 60 cells
        finished(toml, folder / "whole")
        return hunt(
            folder,
            chosen.times,
            rounds(chosen.executor, rng),
            lambda kinds: disturbed(toml, broken, kinds, flags, rng),
            lambda: disturbed(toml, broken, [], flags, rng),
        )


if __name__ == "__main__":
    sys.exit(main())
