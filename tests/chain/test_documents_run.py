"""The documents' own text is run: README's commands, a stranger's method and data, the notebook."""

import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from harness import bench, write_experiment

from bench import ROOT, cli
from bench.cli import mistakes

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = ROOT / "docs" / "python.md"
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def commands(text):
    """Every `python -m bench` line of a document's blocks, without comments and redirection."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    found = [m[1] for line in lines if (m := re.match(r"python -m bench (.*)", line))]
    return [re.sub(r"\s*(#|>).*", "", line) for line in found]


def python_blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.S)


def test_every_command_of_the_readme_is_one():
    lines = commands(README)
    assert len(lines) > 20
    for line in lines:
        found, rest = cli.parser().parse_known_args(shlex.split(line))
        mistakes.refuse_rest(found, rest)


@pytest.mark.parametrize("word", ["--set dec.batch_size", "sweep dec.batch_size", "show --params"])
def test_changing_one_parameter(word, tmp_path, capsys):
    """Planned, which checks names and values; the tables are those of other tests."""
    (line,) = [line for line in commands(README) if word in line]
    words = [*shlex.split(line), "--results", tmp_path]
    assert bench(*words, *(["--dry-run"] if words[0] != "show" else [])) == 0
    assert "batch" in capsys.readouterr().out


@pytest.fixture(scope="module")
def stranger(tmp_path_factory, forkserver):
    """A folder with what "Add a method" and "Add a data set" say, and drawings of shapes."""
    folder = tmp_path_factory.mktemp("stranger")
    blocks = python_blocks(README)
    method = next(block for block in blocks if "@method(" in block)
    data = next(block for block in blocks if "register_dataset(" in block)
    (folder / "my").mkdir()
    (folder / "my" / "spectral.py").write_text(method)
    (folder / "my" / "shapes.py").write_text(data)
    root, rng = folder / "data", np.random.default_rng(0)
    root.mkdir()
    labels = np.arange(700) % 3
    images = rng.integers(40, size=(700, 28, 28)) + 80 * labels[:, None, None]
    names = np.array(["circle", "square", "star"])[labels]
    split = np.where(np.arange(700) % 7 < 6, "train", "test")
    np.savez(root / "shapes.npz", images=images.astype(np.uint8), labels=names, split=split)
    return folder, root


def test_a_strangers_method_and_data(stranger, monkeypatch, capsys):
    folder, root = stranger
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_CACHE", "")
    places = ["--data-root", root, "--results", folder / "results"]
    (line,) = [line for line in commands(README) if "--methods kmeans,spectral" in line]
    planned = []
    for words in (line, line.replace(",spectral", "")):
        capsys.readouterr()
        narrow = ["--tasks", "digits/cluster", "--dry-run"]
        assert bench(*shlex.split(words), *places, *narrow) == 0
        (count,) = re.findall(r": (\d+) cells", capsys.readouterr().out)
        planned.append(int(count))
    assert planned[0] > planned[1] > 0  # it joins the tables that it fits
    (prepare,) = re.findall(r"`python -m bench (data prepare shapes [^`]*)`", README)
    assert bench(*shlex.split(prepare), "--data-root", root) == 0
    (run,) = re.findall(r"`python -m bench (run my.toml [^`]*)`", README)
    rows = [{"method": "spectral", "params": {"n_init": 1}}]
    write_experiment(folder / "my.toml", "shapes/cluster", rows)
    assert bench(*shlex.split(run), *places) == 0
    (export,) = [line for line in commands(README) if line.startswith("export --predictions")]
    capsys.readouterr()
    selection = ["my.toml", "--plugins", "my"]
    assert bench(*shlex.split(export), *selection, *places, "--output", "clusters.csv") == 0
    # Rows of the stranger's own file, whose classes are easy to tell.
    found = pd.read_csv("clusters.csv")
    assert found["index"].tolist() == list(range(700))
    labels = np.arange(700) % 3
    assert [len(set(found.cluster[labels == k])) for k in range(3)] == [1, 1, 1]
    assert found.cluster.nunique() == 3


SCRIPT = """
import json, sys
for path in sys.argv[1:]:
    names = {"__name__": "__main__"}
    for source in json.load(open(path)):
        exec(compile(source, path, "exec"), names)
        print("ran")
"""


def test_the_notebook_and_the_blocks_of_python_md_run(tmp_path):
    """As one script without `if __name__ == "__main__"`, in a process with threads of its own."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []
    told = 'assert (kmeans.labels_ == cell.predictions.cluster).all(), "not the harness\'s own"'
    sources = ["".join(cell["source"]) for cell in code]
    at = next(i for i, source in enumerate(sources) if "kmeans.fit_predict" in source)
    sources[at] += f"\n{told}"
    sources.append('figure.savefig("figure.png")')
    scripts = {"notebook": sources, "python": python_blocks(PYTHON.read_text(encoding="utf-8"))}
    for name, parts in scripts.items():
        (tmp_path / name).write_text(json.dumps(parts))
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *scripts],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("ran\n") == sum(map(len, scripts.values()))
    assert (tmp_path / "figure.png").stat().st_size > 5000
    assert (tmp_path / "notebook-results" / "tables").is_dir()
