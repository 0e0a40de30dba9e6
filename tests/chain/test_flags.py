"""What is said of mistakes on the command line and in files: one sentence, the right neighbour."""

import sys

import pytest
from harness import bench, make_plan, write_experiment

from bench.errors import BenchError, unknown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stats"], "unknown verb 'stats': did you mean 'status'?"),
        (["run", "digits", "--sedes", "3"], "unknown flag '--sedes': did you mean '--seeds'?"),
        (["rescore", "--all"], "unknown flag '--all': known: --anew, --data-root, "),
        (["run", "--seeds"], "argument --seeds: expected one argument"),
        (["run", "digits", "--seeds", "0"], "'0' is no number of seeds; write 1 or more"),
        (["run", "digits", "--budget", "5d"], "'5d' is no duration; write 90s, 20m or 1.5h"),
        (["list", "method"], "method: it is one of methods, tasks, datasets, experiments ("),
        (["run", "digits", "--device", "gpu"], "--device gpu: it is one of cpu, cuda ("),
        (["run", "digits", "--method", "dec"], "unknown flag '--method': did you mean '--methods'"),
        (["show", "abc", "def"], "one word too many: def ("),
        (["run", "digits", "--methods", "dec", "kcl"], "many: kcl; names are parted by commas ("),
        (["prove", "--update", "--methods", "dec"], "leave --methods and --digits out"),
        (["prove", "--digits", "--methods", "dec"], "--digits compares the whole experiment"),
        (["prove", "--dtype", "bfloat16"], "only --at COMMIT, without --update, takes it"),
        (["prove", "--methods", "dec,kmean"], "unknown method 'kmean': did you mean 'kmeans'?"),
        (["prove", "--methods", "similarity-matrix"], "only rows of others replay it"),
        (["render", "digits", "--results", "typo"], "typo is no folder: no run has left results"),
        (["pack", "x.zip", "digits", "--results", "typo"], "typo is no folder: no run has left"),
        (["prove", "--workers", "0"], "'0' is no number of workers; write 1 or more"),
        (["data", "verify", "digits", "--json"], "--json belongs to `data list`"),
        (["report", "--output", ""], "'' is no folder; write . for this one"),
        (["report", "--against", ""], "'' is no folder; write . for this one"),
        (["data"], "required: ACTION ("),
        (["weights"], "required: ACTION ("),
        (["list", "methods", "--plugins", __file__], "test_flags.py is no folder"),
        (["sweep", "kmeans.n_init=1,2", "zzz"], "`tasks` names all "),
        (["sweep", "dec.alpha=1,2", "digits", "dec.n_init=3"], "the other as --set dec.n_init=3"),
        (["show", "--params", "spektral"], "(your own: name its folder with --plugins)"),
        (["run", "digits", "--timeout", "20"], "'20' is no duration; write 90s, 20m or 1.5h"),
        (["run", "digits", "--set", "kmeans.n_init", "5"], "--set kmeans.n_init: write METHOD.P"),
        (["sweep", "kmeans.n_init", "1,5", "digits/cluster"], "sweep kmeans.n_init: write METHOD."),
        (["run", "kmeans"], "'kmeans' is a method: name an experiment, and --methods kmeans"),
        (["run", "digits/cluster"], "is a task: name an experiment, and --tasks digits/cluster"),
        (["run", __file__], "the name of its file ends in .toml"),
        (["show", "dec"], "dec is a method: `python -m bench show --params dec`"),
        (["export", "--output", "all.xlsx"], "all.xlsx: name a file .csv or .parquet, or say --f"),
        ([], "required: VERB"),
    ],
)
def test_a_mistake_is_one_line(words, said, capsys):
    assert said in one_line(words, capsys)


def test_a_toml_is_named_with_its_ending(tmp_path, capsys):
    write_experiment(tmp_path / "my.toml", "digits/cluster", [{"method": "kmeans"}])
    assert f"the file {tmp_path}/my.toml?" in one_line(["run", tmp_path / "my"], capsys)


@pytest.mark.parametrize("verb", [["status"], ["run", "digits"], ["render"], ["show", "abc"]])
def test_a_folder_within_results_is_not_taken_for_them(verb, tmp_path, capsys):
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "index.jsonl").touch()
    said = one_line([*verb, "--results", runs], capsys)
    assert f"one folder too deep: say --results {tmp_path}" in said
    assert [path.name for path in runs.iterdir()] == ["index.jsonl"]


def test_a_folder_without_results_is_said_to_be_one(tmp_path, capsys):
    assert bench("status", "digits", "--results", tmp_path) == 0
    assert "has left results in" in capsys.readouterr().out
    assert bench("render", "digits", "--results", tmp_path) == 0
    assert "has left results in" in capsys.readouterr().err


def one_line(words, capsys):
    """What a command that cannot be meant says on standard error, which is one line."""
    assert bench(*words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench: ")
    return line


MANY = "9" * 5000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["run", "digits", "--dry-run", "--timeout", f"{MANY}s"],
            "more than 100000 hours, the most",
        ),
        (["run", "digits", "--dry-run", "--budget", f"{MANY}h"], "is more than 100000 hours"),
        (["run", "digits", "--dry-run", "--memory", f"{MANY}G"], "is more than 1000000G, the most"),
        (["run", "digits", "--dry-run", "--gpus", MANY], "is more than 100000 GPUs, the most"),
        (["run", "digits", "--dry-run", "--set", f"kmeans.n_init={MANY}"], "is no whole number"),
        (["sweep", f"kmeans.n_init={MANY},3", "digits"], "is no whole number"),
        (["sweep", f"kmeans.n_init={'[' * 5000}", "digits"], "is no whole number"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_a_number_without_end_is_one_line(words, said, capsys):
    assert said in one_line(words, capsys)


def test_version_names_what_moves_results(capsys):
    assert bench("--version") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("bench ")
    assert "torch " in second


def test_completion_says_what_it_lacks_and_has_every_verb(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert bench("completion", "bash") == 2
    assert "pip install shtab" in capsys.readouterr().err


def test_a_name_in_other_letters_is_the_nearest():
    known = ["accuracy", "ACC", "NMI"]
    assert "did you mean 'ACC'?" in str(unknown("metric", "acc", known))


def test_metric_with_a_list(tmp_path):
    path = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    path.write_text(path.read_text().replace('metric = "ACC"', 'metric = ["ACC", "NMI"]'))
    with pytest.raises(BenchError, match=r"column 'tiny': metric is one name: write metrics = "):
        make_plan(path)


def test_a_range_is_checked_at_planning(tmp_path):
    rows = [{"method": "supervised", "params": {"max_iter": -1}}]
    path = write_experiment(tmp_path / "x.toml", "digits/cluster", rows)
    with pytest.raises(BenchError, match=r"supervised.max_iter = -1 must be 0 or more"):
        make_plan(path)
