"""Random damage to all that is read: no wrong number, no traceback, no hang, each named once.

    python tests/faults/damage.py [--cases 540] [--seed 0]

Each case copies a sound folder, damages one file and looks at all that is made from it: either
nothing differs, or one sentence names the damage and all else is as it was. Exit status 1: a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
    for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[_name] = "1"

from faults.sound import METHOD, STATE, Sound, make, part, said, views, worker_run
from faults.ways import HOW
from harness import DATA

from bench.datasets import verify
from bench.errors import BenchError
from bench.report import reference
from bench.store import merging, packing
from bench.store.folders import CHECKPOINT, CURVES, PREDICTION, SNAPSHOTS, Store

SECONDS = 60
"""What takes longer hangs."""


class Fault(AssertionError):
    """What a user would call a bug."""


def once(text: str, name: str) -> None:
    """Raises Fault unless exactly one line of a text names something, and in a clear sentence."""
    if "Traceback" in text:
        raise Fault(f"a traceback: {text[-300:]}")
    lines = [line for line in text.splitlines() if name in line]
    if len(lines) != 1:
        raise Fault(f"{name} is named {len(lines)} times: {text[-600:]!r}")


def record_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """A record: its cell is missing and named, every other is as it was."""
    folders = rng.sample(s.folders, 2)
    files = [s.root / "results" / "runs" / f / "record.json" for f in folders]
    index = files[0].parents[3] / "index.jsonl"
    if rng.random() < 0.3:
        index.unlink()
    whole = Store(s.root / "results", read_only=True).records()
    hurt(*files)
    found = Store(s.root / "results", read_only=True).records()
    status, text = said("status", s.toml, "--results", s.root / "results")
    lost = whole.keys() - found.keys()
    if {k: whole[k] for k in found.keys() & whole.keys()} != found or len(lost) > 1 or status:
        raise Fault(f"other records: {status} {text}")
    if lost:
        once(text, Path(folders[0]).name)
        if whole[lost.pop()].cell["seed"] != int(Path(folders[0]).name[4:].split("-")[0]):
            raise Fault("another record is lost")


def index_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """The index: costs time and nothing else."""
    runs = s.root / "results" / "runs"
    sound = views(s.plan, s.root / "results")
    hurt(runs / "index.jsonl", runs / rng.choice(s.folders) / "record.json")
    if views(s.plan, s.root / "results") != sound:
        raise Fault("other numbers")
    Store(s.root / "results").records()  # which would write to it
    status, text = said("status", s.toml, "--results", s.root / "results")
    if status or "Traceback" in text or "damaged record" in text:
        raise Fault(text)


def curves_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """Curves: their seed is left out and named, in the figure and by `status`."""
    results = s.root / "results"
    seeds = rng.sample(range(10), 2)
    files = [results / "runs" / s.folders[seed] / CURVES for seed in seeds]
    sound = views(s.plan, results)
    hurt(*files)
    found = views(s.plan, results)
    if found == sound:
        return
    shown = [view.curves[0] for view in found[1:3]]
    if any(curve.damaged != (seeds[0],) or set(curve.n) != {9} for curve in shown):
        raise Fault(f"the figure does not say so: {shown}")
    if [found[0], found[3]] != [sound[0], sound[3]]:
        raise Fault("another view differs")
    once(said("status", s.toml, "--results", results)[1], Path(s.folders[seeds[0]]).name)


def _kept(s: Sound, name: str, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """A file that figures, `pack` and `rescore` read."""
    results = s.root / "results"
    seeds = [0, 1] if rng.random() < 0.5 else rng.sample(range(10), 2)
    files = [results / "runs" / s.folders[seed] / name for seed in seeds]
    sound = views(s.plan, results)
    hurt(*files)
    words = Path(s.folders[seeds[0]]).name
    found = views(s.plan, results)
    if found[:3] != sound[:3]:
        raise Fault("another view differs")
    if found[3] != sound[3] and "damaged" not in found[3].panels[0].words:
        raise Fault(f"another confusion: {found[3].panels[0].words}")
    done = packing.write(s.root / "new.zip", Store(results), s.plan.cells)
    if (s.root / "new.zip").read_bytes() != (s.root / "pack.zip").read_bytes():
        if list(done.damaged) != [s.folders[seeds[0]]]:
            raise Fault(f"packed: {done.damaged}")
        one = ["--seed-list", seeds[0], "--results", results]
        once(said("rescore", s.toml, "--anew", *one)[1], words)


def prediction_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """A prediction."""
    _kept(s, PREDICTION, hurt, rng)


def snapshots_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """Snapshots."""
    _kept(s, SNAPSHOTS, hurt, rng)


def checkpoint_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """A checkpoint: the cell goes on from what was written, or starts over and says so."""
    work = s.root / "results" / "work" / min(p.name for p in (s.root / "results/work").iterdir())
    other = s.root / "results" / "work" / "0123456789abcdef"
    worker_run(other).checkpoint({**STATE, "step": 5})
    hurt(work / CHECKPOINT, other / CHECKPOINT)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        state = worker_run(work).resume()
    if state is not None:
        same = state.pop("weights").equal(STATE["weights"])
        if not same or state != {k: v for k, v in STATE.items() if k != "weights"}:
            raise Fault(f"goes on from {state}")
    elif os.path.lexists(work / CHECKPOINT) or out.getvalue():
        once(out.getvalue(), "starting over")
    worker_run(work).checkpoint(STATE)
    if worker_run(work).resume() is None:
        raise Fault("cannot be written again")


def prepared_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """Prepared data: the same arrays, or one sentence that names a file."""
    cache = s.root / "cache" / "digits"
    whole = part()
    files = sorted(p for p in cache.rglob("*") if p.suffix in (".npy", ".npz", ".json"))
    chosen = rng.choice(files)
    hurt(chosen, rng.choice([p for p in files if p != chosen and p.name != "images.npy"]))
    if "parts" not in chosen.parts:
        shutil.rmtree(cache / "parts")  # made again from what is damaged
    named = ""
    for look in (part, lambda: verify("digits", DATA)):
        try:
            found = look()
            if look is part and found != whole:
                raise Fault("other images or labels")
        except BenchError as error:
            named = str(error)
            if str(cache) not in named or "\n" in named:
                raise Fault(f"not named: {named}") from error


def pack_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """A pack: nothing of it comes in, and one line says why."""
    path, store = s.root / "pack.zip", Store(s.root / "merged")
    hurt(path, s.root / "results" / "runs" / rng.choice(s.folders) / "record.json")
    status, text = said("merge", path, "--results", store.root)
    if not status or store.records() or "Traceback" in text:
        raise Fault(f"{status}: {text}")
    if str(path) not in text:
        raise Fault(f"not named: {text}")
    if path.is_file() and not path.is_symlink():
        with contextlib.suppress(merging.DamagedPack):
            merging.merge(path, store)
            raise Fault("merged")


def reference_(s: Sound, hurt: Callable[[Path, Path], None], rng: random.Random) -> None:
    """A reference: the same numbers, or one sentence that names the file."""
    path = reference.path_of(s.plan.experiments[0], "quick")
    sound = reference.read(path)
    names = [path, path.with_suffix(".json")]
    chosen = rng.choice(names)
    hurt(chosen, names[chosen == path])
    try:
        found = reference.read(path)
    except BenchError as error:
        if path.stem not in str(error):
            raise Fault(f"not named: {error}") from error
        words = ("check", s.toml, "--results", s.root / "results")
        once(said(*words)[1].replace(str(s.toml), ""), path.stem)
        return
    lost = not os.path.lexists(path.with_suffix(".json"))  # as before there were such files
    if {k: n.values for k, n in found.items()} != {k: n.values for k, n in sound.items()} or (
        found != sound and not lost
    ):
        raise Fault("other numbers")


KINDS = (
    record_,
    index_,
    curves_,
    prediction_,
    snapshots_,
    checkpoint_,
    prepared_,
    pack_,
    reference_,
)


def judge(sound: Sound, number: int, seed: int) -> tuple[str, str]:
    """One case: what was damaged and how, and the fault; "" where there is none."""
    kind, how = KINDS[number % len(KINDS)], HOW[number // len(KINDS) % len(HOW)]
    rng = random.Random(f"{seed} {number}")
    name = f"{number} {kind.__name__.strip('_')} {how.__name__}"

    def late(_signal: int, _frame: object) -> None:
        raise Fault("hangs")

    def hurt(path: Path, other: Path) -> None:
        how(path, rng, other)

    before = signal.signal(signal.SIGALRM, late)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "all"
        shutil.copytree(sound.root, copy)
        os.environ["BENCH_CACHE"] = str(copy / "cache")
        moved = [replace(one, path=copy / "sound.toml") for one in sound.plan.experiments]
        plan = replace(sound.plan, experiments=moved)
        signal.alarm(SECONDS)
        try:
            kind(Sound(copy, plan), hurt, rng)
        except Fault as fault:
            return name, str(fault)
        except Exception:
            return name, traceback.format_exc()
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            os.environ["BENCH_CACHE"] = str(sound.root / "cache")
    return name, ""


def main() -> int:
    """All cases; a line for each fault."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=5 * len(KINDS) * len(HOW))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case")
    arguments = parser.parse_args()
    numbers = range(arguments.cases) if arguments.only is None else [arguments.only]
    start, faults = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder_:
        sound = make(Path(folder_))
        for number in numbers:
            name, fault = judge(sound, number, arguments.seed)
            if fault:
                faults[name.split()[1]] += 1
                print(f"{name}: {fault}", flush=True)
    seconds = time.monotonic() - start
    print(f"{len(numbers)} cases of {METHOD}: {sum(faults.values())} faults, {seconds:.0f} s")
    print(json.dumps(faults) if faults else "0 wrong numbers, 0 tracebacks, 0 hangs")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
