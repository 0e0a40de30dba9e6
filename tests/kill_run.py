"""Kills a run at random moments, starts it again, and compares the tables with a whole run's.

    python tests/kill_run.py --times 20 digits --seeds 2

What is not `--times` or `--seed` goes to `bench run`. Exit status 1: tables differ, or a finished
cell was computed again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from harness import outputs, stamps, start


def kill_tree(process: subprocess.Popen[str], how: signal.Signals = signal.SIGKILL) -> str:
    """A signal for a process, SIGKILL for all below it, as one loses a machine; what it said."""
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, how)
        for child in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    return process.communicate()[0]


def run_and_kill(words: list[str], results: Path, seconds: float) -> int | None:
    """Start a run and kill it after so long; its exit status where it ended before."""
    process = start("run", *words, "--results", results)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            process.communicate()
            return process.returncode
        time.sleep(0.01)
    kill_tree(process)
    return None


def rewritten(before: dict[str, int], results: Path) -> list[str]:
    """Cells that were finished before and whose record is no longer the same."""
    now = stamps(results)
    return [folder for folder, stamp in before.items() if now.get(folder) != stamp]


def main() -> int:
    """Kill as often as asked, over as many runs as that takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments, words = parser.parse_known_args()
    rng, kills, rounds, faults = random.Random(arguments.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        began = time.monotonic()
        status = start("run", *words, "--results", whole).wait()
        length = time.monotonic() - began
        wanted = outputs(whole)
        print(f"uninterrupted: {length:.1f} s, {len(stamps(whole))} cells, status {status}")
        while kills < arguments.times:
            before = stamps(broken)
            ended = run_and_kill(words, broken, rng.uniform(0.2, length))
            again = rewritten(before, broken)
            faults += bool(again)
            kills += ended is None
            say = "killed" if ended is None else f"ended with {ended}"
            print(f"{kills:3}: {say}, {len(before)} -> {len(stamps(broken))} cells {again or ''}")
            if ended is not None or kills == arguments.times:
                ended = start("run", *words, "--results", broken).wait()
                same = outputs(broken) == wanted and ended == status
                faults += not same
                rounds += 1
                print(f"     tables {'are the same' if same else 'DIFFER'}")
                shutil.rmtree(broken)
    print(f"{kills} kills over {rounds} runs: {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
