"""Mutations of the code, each noticed by the guard that fits it and by no other.

    python -m benchmarks.mutations [NAME …]

Each changes one line in a temporary copy of the clone. The guards: `prove`, a replay of the methods
that the line serves and of one that it does not, against a replay of the clone as it is; the golden
test of the protocol; the fingerprint of what scores. The last three change no result, and `prove`
says so though the fingerprint of the code is another. Takes half a minute each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import ROOT, registry
from bench.prove import elsewhere, evidence
from bench.prove.replay import Replay, replay

CONTROL = "untrained"
"""Replayed beside the others; none of the lines serves it but those of the protocol."""
PROTOCOL, SCORING = "protocol test", "scoring"
_PARTS = ("bench", "methods", "baselines", "tests", "results/reference", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """One line, changed."""

    name: str
    file: str
    old: str
    new: str
    replayed: tuple[str, ...] = ()
    """Methods that are replayed."""
    noticed: tuple[str, ...] = ()
    """What must differ: of the methods, "protocol", and the other guards; and nothing else."""


_LOSS, _SUPREME = "bench/nn/losses/pairs.py", "bench/nn/losses/supreme.py"
MUTATIONS = (
    Mutation("constant", _LOSS, "EPS = 1e-7", "EPS = 1e-6", ("kcl",), ("kcl",)),
    Mutation(
        "sign of a gradient",
        _LOSS,
        "gradient = -(slope.T @ q) / (q * divisor)",
        "gradient = (slope.T @ q) / (q * divisor)",
        ("kcl", "mcl"),
        ("kcl",),
    ),
    Mutation(
        "sign of an entropy",
        _SUPREME,
        "entropy = -(half + half.T)",
        "entropy = half + half.T",
        ("supreme",),
        ("supreme",),
    ),
    Mutation(
        "dropped term",
        _SUPREME,
        "        weights.fill_diagonal_(1.0)",
        "        pass",
        ("supreme",),
        ("supreme",),
    ),
    Mutation(
        "detach",
        "baselines/dtc.py",
        "other = self.model(again()) if",
        "other = self.model(again()).detach() if",
        ("dtc",),
        ("dtc",),
    ),
    Mutation(
        "dropped block",
        "bench/nn/clustering/scaling.py",
        "torch.stack(found).double().sum(dim=0)",
        "found[0].double()",
        ("sela",),
        ("sela",),
    ),
    Mutation(
        "another neighbour",
        "bench/nn/clustering/neighbours.py",
        "distances[:, 2:3] / 2",
        "distances[:, 1:2] / 2",
        ("tsp", "scan"),
        ("tsp",),
    ),
    Mutation(
        "reversal",
        "bench/nn/losses/domain.py",
        "return high * math.tanh(alpha * step / over / 2.0)",
        "return high * math.tanh(alpha * step / over)",
        ("dann", "source-only"),
        ("dann",),
    ),
    Mutation(
        "order of draws",
        "bench/nn/training.py",
        "torch.randperm(n, generator=generator)",
        "torch.randperm(n, generator=generator).flip(0)",
        ("clusternet",),
        ("clusternet",),
    ),
    Mutation(
        "threshold",
        "bench/nn/networks/transferred.py",
        "network.trunk(x)) > 0.5",
        "network.trunk(x)) > 0.51",
        ("kcl", "similarity-test"),
        ("kcl",),
    ),
    Mutation(
        "seeds",
        "bench/plan/cell.py",
        'int.from_bytes(digest[:8], "big") >> 1',
        'int.from_bytes(digest[8:16], "big") >> 1',
        ("protocol",),
        (CONTROL, "protocol", PROTOCOL),
    ),
    Mutation(
        "draws",
        "bench/run/draws.py",
        "_put(known_bits, start, (_uniform(pair, seed + 1) < density) | itself)",
        "_put(known_bits, start, (_uniform(pair, seed + 2) < density) | itself)",
        ("clusternet", "protocol"),
        ("clusternet", "protocol", PROTOCOL),
    ),
    Mutation(
        "answers",
        "bench/tasks.py",
        "shift = (7 - columns % 8).astype(np.uint8)",
        "shift = (columns % 8).astype(np.uint8)",
        ("clusternet", "protocol"),
        ("clusternet", "protocol", PROTOCOL),
    ),
    Mutation(
        "threads",
        "bench/run/worker.py",
        "torch.set_num_threads(job.threads)",
        "torch.set_num_threads(4)",
        ("protocol",),
        ("protocol", PROTOCOL),
    ),
    Mutation(
        "score",
        "bench/score/metrics.py",
        "return max(information, 0.0) / _average(entropies, average) if all(entropies) else 0.0",
        "return max(information, 0.0) / max(entropies) if all(entropies) else 0.0",
        ("kmeans",),
        (SCORING,),
    ),
    Mutation(
        "harmless: a name",
        _LOSS,
        "entropy = (q * log_q).sum(dim=1, keepdim=True)\n"
        "        divergence = torch.addmm(entropy, q,",
        "plogp = (q * log_q).sum(dim=1, keepdim=True)\n        divergence = torch.addmm(plogp, q,",
        ("kcl",),
    ),
    Mutation(
        "harmless: an unused function",
        _SUPREME,
        "@dataclass(frozen=True)\nclass Confidence:",
        "def nobody() -> int:\n    return 3\n\n\n@dataclass(frozen=True)\nclass Confidence:",
        ("supreme",),
    ),
    Mutation(
        "harmless: a message",
        "bench/nn/losses/domain.py",
        "source features have length",
        "features of the source have length",
        ("dann",),
    ),
)


def main(names: list[str]) -> int:
    """Try the mutations of these names, or all; exit status 1 where one is not as it should be."""
    chosen = [m for m in MUTATIONS if not names or m.name in names]
    registry.load()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="bench-mutations-") as folder:
        replayed = {CONTROL, *(name for m in chosen for name in m.replayed)}
        copy = _copy(Path(folder) / "as it is")
        clean = replay(copy, Path(folder) / "clean", replayed.__contains__)
        clean.scoring = _scoring(copy, Path(folder))
        for number, mutation in enumerate(chosen):
            before = _seconds()
            found = _noticed(mutation, clean, Path(folder) / str(number))
            ok = found == set(mutation.noticed)
            wrong += not ok
            said = ", ".join(sorted(found)) or "nothing"
            want = "" if ok else f"; wanted {', '.join(mutation.noticed) or 'nothing'}"
            print(f"{mutation.name:30} {said}{want}  ({_seconds() - before:.0f} CPU s)", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} as they should be")
    return 1 if wrong else 0


def _copy(place: Path) -> Path:
    """The parts of the clone that the guards need."""
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, place / part)
    return place


def _noticed(mutation: Mutation, clean: Replay, folder: Path) -> set[str]:
    """Which guards see the mutation."""
    copy = _copy(folder / "tree")
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.file}: {mutation.old!r} stands there no longer: name another")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    wanted = {CONTROL, *mutation.replayed}
    now = replay(copy, folder / "replay", wanted.__contains__)
    verdicts = evidence.compare(clean, now)
    found = {name for name in wanted if verdicts[name].word == "differs"}
    if evidence.scores(clean, now).word == "differs" or _scoring(copy, folder) != clean.scoring:
        found.add(SCORING)
    test = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", _TEST],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        check=False,
    )
    return found | ({PROTOCOL} if test.returncode else set())


_TEST = "tests/results/test_protocol.py"


def _scoring(tree: Path, folder: Path) -> str:
    return elsewhere.fingerprints(tree, [], folder)[1]


def _seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
