"""Kills workers, runners and whole trees of processes at random moments, and starts them again.

    python tests/faults/kills.py --times 300 --seed 0

Every round: some workers of a run are killed or made to hang, then the run itself is ended in one
of the ways below, and the same command goes on. A cell that was done must stay as it was, and at
the end every table and prediction must be, byte for byte, those of a run that nobody disturbed.
Exit status 1: something was lost, done twice or differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import counted, outputs, places, predictions, start
from kill_run import kill_tree

WORKER = ("worker", "worker hangs")
ENDING = ("runner", "tree", "SIGTERM", "SIGINT", "server")
STATUS = {"runner": -9, "tree": -9, "SIGTERM": 143, "SIGINT": 130, "server": 2}
TIMEOUT = "20s"
_PATIENCE = 300.0


def done(results: Path) -> dict[str, tuple[int, str]]:
    """Folder of each cell that is done -> when its record was written, and its output's digest."""
    found = {}
    for path in results.glob("runs/*/*/*/record.json"):
        content = json.loads(path.read_text())
        if content["state"] == "done":
            found[path.parent.name] = (path.stat().st_mtime_ns, content["output"])
    return found


def server(process) -> psutil.Process | None:
    """The process that a run's workers are forked from."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children():
            if "forkserver" in " ".join(child.cmdline()):
                return child
    return None


def workers(process) -> list[psutil.Process]:
    """The workers of a run."""
    found = server(process)
    with contextlib.suppress(psutil.NoSuchProcess):
        return found.children() if found else []
    return []


def _leads(pid: int) -> bool:
    """Whether a process leads a session."""
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(pid) == pid
    return False


def strike(kind: str, process, rng: random.Random) -> bool:
    """Do it once there is a worker, at a moment of chance; False where the run ended before."""
    end = time.monotonic() + _PATIENCE
    while not workers(process):
        if process.poll() is not None:
            return False
        if time.monotonic() > end:
            raise TimeoutError(f"no worker within {_PATIENCE:g} s")
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.4))
    there = workers(process)
    if kind == "worker hangs":  # in a cell's code: one that has begun has a session of its own
        there = [worker for worker in there if _leads(worker.pid)]
    with contextlib.suppress(psutil.NoSuchProcess):
        if kind in WORKER:
            if not there:
                return False
            how = signal.SIGKILL if kind == "worker" else signal.SIGSTOP
            rng.choice(there).send_signal(how)
        elif process.poll() is not None:
            return False
        elif kind == "tree":
            kill_tree(process)
        elif kind == "server":
            server(process).kill()
        else:
            how = signal.SIGKILL if kind == "runner" else signal.Signals[kind]
            os.kill(process.pid, how)
        return True
    return False


def disturbed(toml: Path, results: Path, kinds: Sequence[str], rng: random.Random) -> Counter[str]:
    """One run with these strikes; how many of each came in time.

    Raises:
        AssertionError: a cell that was done is not what it was, the run left something alive, or
            ended with another status than it should.
    """
    before, struck, below = done(results), Counter[str](), []
    flags = ["--workers", 2, "--retry-failed", "--timeout", TIMEOUT]
    process = start("run", toml, *places(results), *flags)
    for kind in kinds:
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(process.pid).children(recursive=True)
        struck[kind] += strike(kind, process, rng)
    said = ended(process)
    last = kinds[-1] if kinds else ""
    if last in ENDING and struck[last]:
        # It may have been over before the signal was seen; or Python was shutting down, which then
        # dies of the signal itself, and shells give the same status for it.
        status = STATUS[last]
        ends = (status, 128 - status) if status > 128 else (status,)
        assert process.returncode in (*ends, 0, 1), (last, process.returncode, said)
    assert "Traceback" not in said, said
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive, f"outlived their run: {alive}"
    kept(before, results)
    return +struck


def ended(process: subprocess.Popen[str], patience: float = _PATIENCE) -> str:
    """What a run said, once it has ended.

    Raises:
        AssertionError: it hangs; with where each of its threads is.
    """
    if process.stdout is None or process.stdout.closed:
        return ""
    try:
        return process.communicate(timeout=patience)[0]
    except subprocess.TimeoutExpired:
        said = kill_tree(process, signal.SIGABRT)  # PYTHONFAULTHANDLER: it writes its stacks
        raise AssertionError(f"no end within {patience:g} s:\n{said}") from None


def kept(before: dict[str, tuple[int, str]], results: Path) -> None:
    """Raise an AssertionError where a cell that was done is not what it was."""
    now = done(results)
    lost = [folder for folder, what in before.items() if now.get(folder) != what]
    assert not lost, f"lost or done twice: {lost}"


def finished(toml: Path, results: Path) -> None:
    """Let a run end in peace, which must find all it left undone.

    Raises:
        AssertionError: it failed, or a cell that was done is not what it was.
    """
    before = done(results)
    process = start("run", toml, *places(results), "--retry-failed", "--workers", 2)
    said = ended(process)
    assert process.returncode == 0, said
    kept(before, results)
    for place in ("work", "locks"):
        left = [path for path in (results / place).iterdir() if path.name != "shared"]
        assert not left, f"{place} holds {left}"


def same(results: Path, whole: Path) -> bool:
    """Whether tables, figures and predictions are the same bytes."""
    return outputs(results) == outputs(whole) and predictions(results) == predictions(whole)


def rounds(rng: random.Random) -> Iterator[list[str]]:
    """Strikes of one run after the other: some at workers, and one that ends it."""
    while True:
        hits = rng.choices(WORKER, weights=(12, 1), k=rng.randrange(6))
        yield [*hits, rng.choice(ENDING)]


def hunt(
    folder: Path,
    times: int,
    strikes: Iterator[list[str]],
    disturb: Callable[[list[str]], Counter[str]],
    finish: Callable[[], object],
) -> int:
    """Strike so often, in as many experiments as that takes; the exit status.

    Args:
        folder: Of results: those of an undisturbed run in `whole`, the others in `broken`.
        times: Strikes.
        strikes: Those of one run after the other.
        disturb: One run with its strikes; how many of each came in time.
        finish: Let what was disturbed end in peace.
    """
    whole, broken = folder / "whole", folder / "broken"
    struck, faults, runs = Counter[str](), 0, 0
    while struck.total() < times:
        kinds = next(strikes)
        try:
            struck += disturb(kinds)
            runs += 1
            if struck.total() >= times or len(done(broken)) == len(done(whole)):
                finish()
                assert same(broken, whole), "tables or predictions differ"
                shutil.rmtree(broken)
        except AssertionError as error:
            faults += 1
            print(f"FAULT after {kinds}: {error}", flush=True)
            shutil.rmtree(broken, ignore_errors=True)
        print(f"{struck.total():4}: {', '.join(kinds)}", flush=True)
    print(f"{struck.total()} strikes in {runs} runs ({dict(struck)}): {faults} faults")
    return int(faults > 0)


def main() -> int:
    """Strike as often as asked, in as many experiments as that takes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    os.environ["PYTHONFAULTHANDLER"] = "1"
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, broken = Path(name), Path(name) / "broken"
        toml = counted(folder, rows=8, seconds=0.1)
        finished(toml, folder / "whole")
        return hunt(
            folder,
            chosen.times,
            rounds(rng),
            lambda kinds: disturbed(toml, broken, kinds, rng),
            lambda: finished(toml, broken),
        )


if __name__ == "__main__":
    sys.exit(main())
