"""What is a user's own stays apart from what comes with the project, and both are told apart."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from harness import bench, places, write_experiment

from bench import ROOT
from bench.datasets import get
from bench.plan import FOLDER, experiment
from bench.report import reference

# A TOML of the name of one of ours.


@pytest.mark.parametrize("way", ["absolute", "relative", "link to ours"])
def test_an_experiment_of_ones_own_has_a_reference_of_its_own(way, tmp_path, monkeypatch):
    path = tmp_path / "digits.toml"
    if way == "link to ours":
        path.symlink_to(FOLDER / "digits.toml")
    else:
        shutil.copy(FOLDER / "digits.toml", path)
    monkeypatch.chdir(tmp_path)
    mine = experiment.load("digits.toml" if way == "relative" else str(path))
    ours = experiment.load("digits")
    assert mine.name == ours.name
    assert not mine.shipped
    assert ours.shipped
    assert reference.path_of(mine, "quick").resolve() == tmp_path / "reference/digits-quick.csv"
    assert reference.path_of(ours, "quick").parent == reference.FOLDER


def test_both_at_once_are_refused(tmp_path, capsys):
    toml = write_experiment(tmp_path / "digits.toml", "tiny/cluster", [{"method": "centroids"}])
    assert bench("status", toml, "digits", *places(tmp_path)) == 2
    assert "two experiments are called 'digits': rename" in capsys.readouterr().err


def test_two_of_which_one_writes_over_the_other_are_refused(tmp_path, capsys):
    rows = [{"method": "centroids"}]
    for name, table in (("a", "b-c"), ("a-b", "c")):
        path = write_experiment(tmp_path / f"{name}.toml", "tiny/cluster", rows)
        path.write_text(re.sub("(?m)^name = .*", f'name = "{table}"', path.read_text(), count=1))
    words = ["status", tmp_path / "a.toml", tmp_path / "a-b.toml", *places(tmp_path)]
    assert bench(*words) == 2
    said = "table 'b-c' of a and table 'c' of a-b would be one file"
    assert said in capsys.readouterr().err


def test_a_run_says_whose_tables_it_replaces(tmp_path, capsys):
    toml = write_experiment(tmp_path / "digits.toml", "tiny/cluster", [{"method": "centroids"}])
    assert bench("run", toml, *places(tmp_path), "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"note   {toml} has the name of the project's experiment 'digits'" in said


# A folder of our name.


@pytest.mark.parametrize("content", ["empty", "a package's parts", "a clone's"])
def test_a_folder_called_bench_in_the_current_one_is_in_nobodys_way(content, tmp_path):
    (tmp_path / "bench").mkdir()
    if content == "a package's parts":
        (tmp_path / "bench/run").mkdir()
        (tmp_path / "bench/errors.py").write_text("raise SystemExit('shadowed')\n")
    if content == "a clone's":
        (tmp_path / "bench/bench").mkdir()
    # As an editable install has it: the clone behind the current folder on the path.
    options = {"cwd": tmp_path, "capture_output": True, "text": True}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for words in (
        ["-m", "bench"],
        ["-c", "import sys; from bench import cli; sys.exit(cli.main())"],
    ):
        done = subprocess.run(
            [sys.executable, *words, "list", "datasets"], env=environment, **options
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "digits" in done.stdout


def test_an_editable_install_puts_the_clone_on_the_path():
    """A finder, setuptools' default, is asked after folders that happen to be called bench."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert content["tool"]["distutils"]["editable_wheel"]["mode"] == "compat"
    assert content["project"]["scripts"] == {"bench": "bench.cli:main"}


# What is not pinned is listed.

TITLES = {
    "svhn": "SVHN",
    "stl10": "STL-10",
    "voc07": "VOC2007",
    "places205": "Places205",
    "office31": "Office-31",
    "sample-photos": "`sample-photos`",
    **dict.fromkeys(("cub", "flo", "sun", "awa2"), "zero-shot sets"),
}


def test_the_readme_lists_every_data_set_that_is_not_pinned():
    said = re.search(r"\n- ([^\n]*(?:\n  [^\n]*)*)\"unpinned\"", (ROOT / "README.md").read_text())
    assert said is not None
    text = " ".join(said[1].split())
    modules = (ROOT / "bench/datasets").glob("*.py")
    names = {n for m in modules for n in re.findall(r'name="([\w-]+)"', m.read_text())}
    names |= {"cub", "flo", "sun", "awa2"}
    unpinned = {name for name in names if get(name).pins.keys() < get(name).counts.keys()}
    assert unpinned == TITLES.keys()
    for name in unpinned:
        assert TITLES[name] in text
    assert "ImageNet" in text
