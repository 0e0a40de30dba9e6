"""Another commit's code: unpacked into a folder, asked for its fingerprints."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from bench import ROOT
from bench.errors import BenchError
from bench.prove.replay import python

_ASK = """
import importlib, json, sys
from bench import registry
for place in ("bench.store.code", "bench.code"):
    try:
        code = importlib.import_module(place)
    except ModuleNotFoundError:
        continue
    break
from bench.nn.networks import known
methods, found = registry.load(), {}
for name, networks in json.load(open(sys.argv[1])):
    if name in methods and all(n in known() for n in networks):
        found[" ".join([name, *networks])] = code.fingerprint(methods[name].module, tuple(networks))
print(json.dumps({"codes": found, "scoring": code.scoring() if hasattr(code, "scoring") else ""}))
"""
"""Knows where a commit keeps `fingerprint`, and nothing else of its inside."""


def unpack(commit: str, folder: Path) -> None:
    """Put a commit's files into a folder.

    Raises:
        BenchError: there is no such commit, or no clone to ask for it.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "archive", commit],  # noqa: S607
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise BenchError(f"--at {commit}: git cannot be run ({error.strerror})") from error
    if done.returncode:
        raise BenchError(f"--at {commit}: {done.stderr.decode().strip().splitlines()[-1]}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def fingerprints(
    tree: Path, asked: Iterable[tuple[str, tuple[str, ...]]], folder: Path
) -> tuple[dict[str, str], str]:
    """What a tree's code calls itself: by method and networks, and what scores, "" if nothing.

    Raises:
        BenchError: the code there cannot be asked.
    """
    question = folder / "asked.json"
    question.write_text(json.dumps(list(asked)), encoding="utf-8")
    done = python(tree, ["-c", _ASK, str(question)])
    try:
        answer = json.loads(done.stdout)
        return answer["codes"], answer["scoring"]
    except (ValueError, KeyError) as error:
        raise BenchError(f"{tree}: its code has no fingerprints: {done.stderr[-300:]}") from error
