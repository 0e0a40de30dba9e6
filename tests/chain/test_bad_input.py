"""What a user may get wrong on the command line or on disk: one clear sentence, exit status 2."""

import time

import numpy as np
import pytest
from harness import FAULTY, PLUGINS, bench, make_plan, places, run, write_experiment

from bench.plan import answers
from bench.store import states
from bench.store.folders import Store

# Words after `bench`, and what is said; {tmp} is an empty folder, {good} an experiment.
BAD_WORDS = [
    ("run", "name an experiment or say --all"),
    ("run digit", "unknown experiment 'digit': did you mean 'digits'?"),
    ("status digit --results {tmp}", "unknown experiment 'digit'"),
    ("render digit --results {tmp}", "unknown experiment 'digit'"),
    ("check digit --results {tmp}", "unknown experiment 'digit'"),
    ("status {good}", "results is no folder: no run has left results there"),
    ("check {good}", "results is no folder: no run has left results there"),
    ("export --results {tmp}/none", "none is no folder: no run has left results there"),
    ("run {tmp}/none.toml", "none.toml: cannot be read: No such file"),
    ("run {good} --methods centroid", "--methods: unknown method 'centroid': did you mean"),
    ("run {good} --tasks tiny/clustr", "--tasks: unknown task 'tiny/clustr': did you mean"),
    ("run {good} --methods probe", "--methods probe: no table or figure of good takes that"),
    ("run {good} --methods centroids --tasks tiny/adapt", "--tasks tiny/adapt: no table or figure"),
    ("run {good} --tasks tiny/adapt", "--tasks tiny/adapt: no table or figure of good is on that"),
    ("run {good} --memory 4G --device cuda", "--memory limits cells on the CPU only"),
    ("run {good} --seeds 0", "'0' is no number of seeds"),
    ("run {good} --seeds -1", "'-1' is no number of seeds"),
    ("run {good} --seeds two", "'two' is no number of seeds"),
    ("run {good} --seed-list x", "'x' is no list of seeds"),
    ("run {good} --seed-list 0,-1", "'0,-1' is no list of seeds"),
    ("run {good} --seed-list ,", "',' is no list of seeds"),
    ("run {good} --seeds 1 --seed-list 1", "not allowed with"),
    ("run {good} --workers 0", "'0' is no number of workers"),
    ("run {good} --timeout soon", "'soon' is no duration"),
    ("run {good} --timeout 0s", "'0s' is no duration"),
    ("run {good} --budget -5m", "budget"),
    ("run {good} --memory lots", "'lots' is no size"),
    ("run {good} --preset papr", "--preset papr: it is one of quick, paper"),
    ("run {good} --device tpu", "--device tpu: it is one of cpu, cuda"),
    ("run {good} --data-root {tmp}/none", "none is no folder"),
    ("run {good} --plugins {tmp}/none", "none does not exist"),
    ("run {good} --nonsense", "unknown flag '--nonsense'"),
    ("render {good} --format html5", "unknown format 'html5'"),
    ("show abcdef", "no cell 'abcdef'"),
    ("data prepare", "name a data set"),
    ("data prepare digit", "unknown dataset 'digit': did you mean 'digits'?"),
    ("data verify nothing", "unknown dataset 'nothing'"),
    ("data eat digits", "eat: it is one of "),
    ("list method", "method: it is one of methods, tasks"),
    ("", "required: VERB"),
    ("fly", "unknown verb 'fly'"),
]


@pytest.mark.parametrize(("words", "expected"), BAD_WORDS, ids=[w for w, _ in BAD_WORDS])
def test_bad_words(words, expected, tmp_path, capsys):
    good = write_experiment(tmp_path / "good.toml", "tiny/cluster", [{"method": "centroids"}])
    words = [w.format(tmp=tmp_path, good=good) for w in words.split()]
    takes_places = words and words[0] in ("run", "status", "render", "check", "show", "data")
    takes_places = takes_places and "--results" not in words
    assert bench(*words, *(places(tmp_path / "results") if takes_places else ())) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "Traceback" not in captured.err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "verb", ["check", "export", "pack x.zip", "render", "report", "rescore", "status"]
)
def test_a_mistyped_folder_is_refused_before_anything_is_planned(verb, tmp_path, capsys):
    """A plan takes seconds: the experiment, which there is not, is not looked at."""
    assert bench(*verb.split(), "digit", "--results", tmp_path / "typo") == 2
    assert "typo is no folder: no run has left results there" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("flag", ["--methods", "--tasks", "--plugins", "--results"])
def test_an_empty_word_is_not_everything(flag, capsys):
    """As an unset variable of a shell leaves it."""
    assert bench("run", "digits", "--dry-run", flag, "") == 2
    assert f"argument {flag}: ''" in capsys.readouterr().err


LONG = "a" * 300
UNSEEN = ["status digits --results", "check digits --against", "report digits --against",
          "status digits --data-root", "status digits --weights", "merge"]  # fmt: skip


@pytest.mark.parametrize("words", UNSEEN)
@pytest.mark.parametrize(
    ("name", "why"), [(LONG, "File name too long"), ("loop", "Too many levels")]
)
def test_a_path_that_cannot_be_looked_at(words, name, why, tmp_path, capsys):
    (tmp_path / "loop").symlink_to("loop")
    assert bench(*words.split(), tmp_path / name) == 2
    said = capsys.readouterr().err
    assert f"{name} cannot be looked at: {why}" in said


PLUGIN = """
from dataclasses import dataclass
from bench.registry import method
from bench.tasks import Prediction

@method("bad-{n}", kinds=("cluster",))
@dataclass(frozen=True)
class Bad:
    a: int = 1

    def fit(self, task, run):
        return Prediction()
"""

# What is replaced in a good plugin by what, and what the error says.
BAD_PLUGINS = {
    "syntax": ("class Bad:", "class Bad", "cannot be imported: SyntaxError"),
    "import": ("from dataclasses", "import no_such\nfrom dataclasses", "No module named 'no_such'"),
    "raises": ("from dataclasses", "1 / 0\nfrom dataclasses", "ZeroDivisionError"),
    "name taken": ("bad-{n}", "centroids", "the name is taken by bench_plugins.references"),
    "no default": ("a: int = 1", "a: int", "parameter 'a' needs a default"),
    "not frozen": ("(frozen=True)", "", "must be a @dataclass(frozen=True)"),
    "no dataclass": ("@dataclass(frozen=True)\n", "", "must be a @dataclass(frozen=True)"),
    "no fit": ("def fit", "def fitt", "has no fit(task, run)"),
    "misspelt need": (
        "    def fit",
        "    def need(self, task):\n        return {{}}\n\n    def fit",
        "defines 'need', which nobody calls: 'needs' is meant",
    ),
    "misspelt unavailable": (
        "    def fit",
        "    def unavailible(self):\n        return ''\n\n    def fit",
        "'unavailable' is meant",
    ),
    "misspelt fit_many": (
        "    def fit",
        "    def fit_mani(self, task, runs):\n        return []\n\n    def fit",
        "'fit_many' is meant",
    ),
    "kind": ('kinds=("cluster",)', 'kinds=("clutser",)', "unknown task kind 'clutser': did you"),
    "quick": ("kinds=", 'quick={{"b": 2}}, kinds=', "unknown parameter 'b'"),
    "neutral": ("kinds=", 'neutral={{"b": 2}}, kinds=', "unknown parameter 'b'"),
    "task taken": (
        "from dataclasses",
        "from bench.datasets import get_task, register_task\n"
        "register_task(get_task('digits/cluster'))\nfrom dataclasses",
        "task 'digits/cluster': the name is taken",
    ),
    "data set taken": (
        "from dataclasses",
        "from bench.datasets import get, register_dataset\n"
        "register_dataset(get('digits'))\nfrom dataclasses",
        "dataset 'digits': the name is taken",
    ),
}


@pytest.mark.parametrize("case", BAD_PLUGINS)
def test_bad_plugins(case, tmp_path, capsys):
    old, new, expected = BAD_PLUGINS[case]
    assert PLUGIN.count(old) == 1
    n = time.monotonic_ns()
    folder = tmp_path / f"bad_{n}"
    folder.mkdir()
    (folder / "it.py").write_text(PLUGIN.replace(old, new).format(n=n))
    assert bench("list", "methods", *places(tmp_path), "--plugins", folder) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("bench: ")


def test_two_plugin_folders_of_one_name_are_no_silent_loss(tmp_path, capsys):
    n = time.monotonic_ns()
    folders = [tmp_path / side / f"mine_{n}" for side in "ab"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "it.py").write_text(PLUGIN.format(n=n))
    words = [w for folder in folders for w in ("--plugins", folder)]
    assert bench("list", "methods", *words) == 2
    assert "rename one" in capsys.readouterr().err


def test_a_broken_plugin_is_named_again_the_second_time(tmp_path, capsys):
    folder = tmp_path / f"twice_{time.monotonic_ns()}"
    folder.mkdir()
    (folder / "it.py").write_text("1 / 0")
    for _ in range(2):
        assert bench("list", "methods", "--plugins", folder) == 2
        assert "ZeroDivisionError" in capsys.readouterr().err


def test_results_that_are_no_folder(tmp_path, capsys, forkserver):
    good = write_experiment(tmp_path / "good.toml", "tiny/cluster", [{"method": "centroids"}])
    (tmp_path / "file").write_text("")
    assert bench("run", good, *places(tmp_path / "file")) == 2
    said = capsys.readouterr().err
    assert f"results folder {tmp_path / 'file'} cannot be written" in said
    assert "--results" in said


def test_results_that_are_read_only(tmp_path, capsys, monkeypatch, forkserver):
    import errno
    from pathlib import Path

    good = write_experiment(tmp_path / "good.toml", "tiny/cluster", [{"method": "centroids"}])

    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)  # the superuser may write anywhere
    assert bench("run", good, *places(tmp_path / "results")) == 2
    assert "cannot be written (Permission denied)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"no archive", b"PK\x03\x04half", "wrong arrays", "wrong shape"]
)
def test_damaged_data_make_their_cells_unavailable_and_stop_no_other(
    content, tmp_path, monkeypatch, capsys, forkserver
):
    root = tmp_path / "data"
    root.mkdir()
    if content == "wrong arrays":
        np.savez(root / "mnist.npz", pixels=np.zeros(3))
    elif content == "wrong shape":
        np.savez(
            root / "mnist.npz",
            images=np.zeros((7, 3, 3, 1), np.uint8),
            labels=np.zeros(7, np.int64),
            split=np.zeros(7, np.int8),
            label_names=np.array([str(i) for i in range(10)]),
        )
    else:
        (root / "mnist.npz").write_bytes(content)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    toml = write_experiment(tmp_path / "x.toml", "mnist/train", [{"method": "centroids"}])
    good = write_experiment(tmp_path / "y.toml", "tiny/cluster", [{"method": "centroids"}])
    assert bench("run", toml, good, *places(tmp_path), "--data-root", root) == 0
    said = capsys.readouterr().out
    assert "1 done, 1 unavailable" in said
    assert "mnist" in said.split("unavailable: ", 1)[1]


def test_absent_data_are_a_state_with_the_mend(tmp_path, monkeypatch, capsys, forkserver):
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    toml = write_experiment(tmp_path / "x.toml", "mnist/train", [{"method": "centroids"}])
    assert bench("run", toml, *places(tmp_path), "--data-root", root) == 3
    said = capsys.readouterr().out
    assert "unavailable: mnist: `python -m bench data fetch mnist --data-root " in said
    assert bench("status", toml, *places(tmp_path), "--data-root", root) == 0
    assert "data fetch mnist" in capsys.readouterr().out


def test_a_missing_device_is_a_state(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    answers.device_lacks.cache_clear()
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    made = make_plan(toml, device="cuda")
    answers.device_lacks.cache_clear()
    assert [str(why) for (why,) in made.unavailable.values()] == [
        "no CUDA device here: choose the device cpu"
    ]
    assert list(states.read(made, Store(tmp_path)).states.values()) == ["unavailable"]


def test_a_prediction_that_cannot_be_scored_ends_its_cell_alone(tmp_path, monkeypatch, forkserver):
    from bench.run import outcome

    def refuse(cell, *_):
        if cell.method == "centroids":
            raise ValueError("ids must be 0..K-1")
        return {"ACC": 0.5}

    monkeypatch.setattr(outcome, "score", refuse)
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    results = run(toml, tmp_path, plugins=(PLUGINS, FAULTY))
    found = {r.cell["method"]: (r.state, r.failure) for r in results.records.values()}
    assert found["centroids"] == ("failed", "invalid prediction")
    assert found["carrier"] == ("done", "")


def test_unknown_names_list_what_is_known_or_the_nearest():
    from bench.errors import unknown

    assert str(unknown("thing", "x", ["a", "b"])) == "unknown thing 'x': known: a, b"
    assert "did you mean 'abc'?" in str(unknown("thing", "abd", ["abc", "xyz"]))
    many = [f"name{i}{i}" for i in range(20)]
    assert "names all 20" in str(unknown("method", "zzz", many))
