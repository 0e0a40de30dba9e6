"""Bench where it is not the current folder: as a wheel, and from the folder that holds a clone."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from bench import ROOT

RUN = ["run", "digits", "--methods", "kmeans", "--seeds", "1", "--tasks", "digits/cluster"]


def call(words, folder, **environment):
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """What `pip install .` would install, unpacked, from a copy of the tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
        if name and not name.startswith(("tests/", "benchmarks/")) and (ROOT / name).exists():
            (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "clone" / name)
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation"]
    # Newer pips pass on what older setuptools say, such as that a table is experimental.
    subprocess.run([*build, "-w", ".."], cwd=folder / "clone", check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_carries_every_shipped_file_once(wheel):
    for folder, kind in (("methods", "py"), ("baselines", "py"), ("results/published", "csv"),
                         ("results/reference", "csv"), ("results/reference", "json")):  # fmt: skip
        here = {p.name: p.read_bytes() for p in (ROOT / folder).glob(f"*.{kind}")}
        there = {
            p.name: p.read_bytes() for p in (wheel / "bench/_shipped" / folder).glob(f"*.{kind}")
        }
        assert there == here
    assert {p.name for p in wheel.iterdir()} - {"bench"} == {
        p.name for p in wheel.glob("*.dist-info")
    }
    for kind in ("*.py", "*.toml", "templates/*", "static/*"):
        shipped = {p.relative_to(wheel) for p in wheel.glob(f"bench/**/{kind}")}
        own = {p.relative_to(ROOT) for p in ROOT.glob(f"bench/**/{kind}")}
        assert {p for p in shipped if "_shipped" not in p.parts} == own


def test_a_wheel_runs_outside_the_clone(wheel, tmp_path):
    elsewhere = {"PYTHONPATH": str(wheel)}
    bench = [sys.executable, "-m", "bench"]
    assert "kmeans" in call([*bench, "list", "methods"], tmp_path, **elsewhere)
    call([*bench, *RUN], tmp_path, **elsewhere)
    assert [p.name for p in tmp_path.iterdir()] == ["results"]
    assert list(tmp_path.glob("results/runs/digits-cluster/kmeans/seed0-*/record.json"))
    call([*bench, "report", "digits"], tmp_path, **elsewhere)
    assert (tmp_path / "results" / "report" / "static" / "tablesort.LICENCE").exists()
    # Its numbers are held against the reference that came with it.
    said = call([*bench, "check", *RUN[1:]], tmp_path, **elsewhere)
    assert "ok" in said


def test_bench_is_a_command(wheel):
    (told,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "bench = bench.cli:main" in told.read_text()


@pytest.mark.parametrize(
    "words", [["-m", "bench"], ["-c", "import sys; sys.path.pop(0); from bench.cli import main; "
                                "sys.exit(main())"]], ids=["module", "script"]
)  # fmt: skip
def test_from_the_folder_that_holds_a_clone_called_bench(words, tmp_path):
    (tmp_path / "bench").symlink_to(ROOT)
    path = {"PYTHONPATH": "" if words[0] == "-m" else str(ROOT)}
    call([sys.executable, *words, *RUN, "--results", str(tmp_path / "r")], tmp_path, **path)
    assert list((tmp_path / "r").glob("runs/digits-cluster/kmeans/seed0-*/record.json"))
