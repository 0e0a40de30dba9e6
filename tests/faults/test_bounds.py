"""Names, numbers of seeds and cores: refused or bounded before anything runs."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from harness import bench, places, write_experiment

from bench import ROOT, registry
from bench.errors import BenchError
from bench.plan.cell import MOST_SEEDS, address
from bench.run import cores
from bench.tasks import Prediction

BAD_NAMES = [
    "a/b",
    "../../../esc",
    "..",
    ".hidden",
    "",
    " ",
    "a ",
    "a  b",
    "a,b",
    "a\nb",
    "a\0b",
    "a\\b",
    "\x1b[31m",
    "~root",
    "-flag",
    "ü" * 60,
    "x" * 300,
    7,
]


def register(name, monkeypatch):
    monkeypatch.setattr(registry, "_methods", dict(registry.load()))

    @registry.method(name, kinds=("cluster",))
    @dataclass(frozen=True)
    class Named:
        def fit(self, task, run):
            return Prediction()


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name)[:20])
def test_a_method_of_a_bad_name_is_refused_at_registration(name, monkeypatch):
    with pytest.raises(BenchError, match=r"method .* in test_bounds: .*(name|longer)") as error:
        register(name, monkeypatch)
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "name", ["kmeans++", "a b", "K = 10 (ours)", "v1.2_x", "größer", "x" * 100]
)
def test_a_name_that_is_taken_has_a_folder(name, monkeypatch):
    register(name, monkeypatch)
    identity = {"task": "tiny/cluster", "method": name, "seed": 0}
    assert address(identity).folder.split("/")[1] == name


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--seeds", "99999999"], f"more than {MOST_SEEDS} seeds"),
        (["--seeds", str(MOST_SEEDS + 1)], f"more than {MOST_SEEDS} seeds"),
        (["--seeds", "9" * 5000], f"more than {MOST_SEEDS} seeds"),
        (["--seeds", "1e26"], "no number of seeds"),
        (["--seed-list", "1," + "9" * 30], "the largest seed"),
        (["--seed-list", "9" * 5000], "the largest seed"),
        (["--seed-list", ",".join(map(str, range(MOST_SEEDS + 1)))], f"more than {MOST_SEEDS}"),
        (["--workers", "99999999"], "more than 1024 workers"),
        (["--workers", "9" * 5000], "more than 1024 workers"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_would_plan_for_ever_is_refused(flags, said, tmp_path, capsys):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    began = time.monotonic()
    assert bench("run", toml, *places(tmp_path), "--dry-run", *flags) == 2
    assert said in capsys.readouterr().err
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("seeds", ["1" + 26 * "0", "99999999", "1e26"])
@pytest.mark.parametrize("place", ["[preset.quick]\n", "[[table]]\n", "[[table.row]]\n"])
def test_a_file_that_asks_for_too_many_seeds_is_refused(seeds, place, tmp_path, capsys):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    text = toml.read_text().replace("seeds = 1\n", "")
    toml.write_text(text.replace(place, f"{place}seeds = {seeds}\n"))
    assert bench("run", toml, *places(tmp_path), "--dry-run") == 2
    said = capsys.readouterr().err
    assert "x.toml" in said
    assert f"more than {MOST_SEEDS}" in said or "is no whole number" in said


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def test_cores_are_those_of_affinity():
    line = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    line += "; from bench.run import cores; print(cores.usable())"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == [b"1"]


@pytest.mark.parametrize(
    ("quota", "wanted"),
    [("200000 100000", 2), ("150000 100000", 1), ("20000 100000", 1), ("max 100000", 8), ("", 8)],
)
def test_cores_are_those_that_a_quota_pays_for(quota, wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    control, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("0::/slice/job\n")
    group(control / "slice" / "job")
    assert cores.usable(control, own) == 8
    group(control / "slice", cpu_max=quota)  # of the group above it
    assert cores.usable(control, own) == wanted
    group(control / "slice" / "job", cpu_max="100000 100000")
    assert cores.usable(control, own) == 1


def test_cores_in_a_container_and_by_the_first_version(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    control, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("5:cpuacct,cpu:/docker/abc\n3:cpuset:/\n")
    group(control / "cpu")
    (control / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (control / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores.usable(control, own) == 8
    (control / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    assert cores.usable(control, own) == 3
    assert cores.usable(control, tmp_path / "none") == 8
