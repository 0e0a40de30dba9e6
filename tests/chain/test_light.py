"""Verbs that only look start at once: they import no torch and write nothing."""

import json
import os
import subprocess
import sys

import pytest

from bench import ROOT, registry
from bench.cli import glance
from bench.plan import experiment

HEAVY = ("torch", "torchvision", "timm", "sklearn", "scipy", "pandas", "matplotlib")
SCRIPT = """
import sys
from bench import cli
try:
    status = cli.main(sys.argv[1:])
except SystemExit as end:
    status = end.code or 0
print([name for name in %r if name in sys.modules], file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize(
    "words",
    ["--help", "run --help", "list methods", "list tasks", "list datasets --json",
     "list experiments", "data list"],
)  # fmt: skip
def test_what_only_looks_imports_nothing_heavy_and_writes_nothing(words, tmp_path):
    if words.split()[0] in ("list", "data"):
        words += f" --data-root {tmp_path} --results {tmp_path}"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT % (HEAVY,), *words.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"
    assert len(done.stdout.splitlines()) > 5
    assert list(tmp_path.iterdir()) == []


def test_methods_at_a_glance_are_those_that_are_registered():
    shipped = ("bench_methods.", "bench_baselines.", "bench.score.")
    infos = {n: i for n, i in registry.load().items() if i.module.startswith(shipped)}
    assert glance.methods() == [glance.method(info) for _, info in sorted(infos.items())]


def test_experiments_at_a_glance_are_those_that_are_read():
    expected = [
        {
            "name": one.name,
            "title": one.title,
            "tables": [t.name for t in one.table],
            "figures": [f.name for f in one.figure],
        }
        for one in map(experiment.load, experiment.names())
    ]
    assert glance.experiments() == expected


def test_a_plugin_is_listed_beside_ours(tmp_path, capsys):
    from harness import PLUGINS, bench

    assert bench("list", "methods", "--json", "--plugins", PLUGINS) == 0
    found = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert {"centroids", "kmeans"} <= found
