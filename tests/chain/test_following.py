"""Commands that are printed to be copied do what they say: they have the flags of this one."""

import re
import shlex
from typing import Any

import pytest
from harness import bench, places, write_experiment

from bench import cli
from bench.cli import following
from bench.render import verdicts

EVERY = (
    "--methods", "centroids", "--tasks", "tiny/cluster", "--seed-list", "0,3", "--preset", "paper",
    "--set", "centroids.x=1", "--set", "centroids.y=2", "--device", "cuda", "--dtype", "bfloat16",
    "--data-root", "d a", "--weights", "w", "--plugins", "p", "--plugins", "q", "--results", "r",
)  # fmt: skip
ALIKE = ("experiments", "methods", "tasks", "seed_list", "given", "device", "dtype", "data_root",
         "weights", "plugins", "results")  # fmt: skip


def parsed(*words):
    return cli.parser().parse_args([*map(str, words)])


def commands(text):
    """The words of each command in a text, behind `python -m bench`."""
    found = re.findall(r"python -m bench ([^`\n)]*)", text)
    return [shlex.split(one) for one in found]


@pytest.mark.parametrize(
    "verb", ["run", "status", "check", "render", "report", "rescore", "export"]
)
def test_a_verb_that_takes_experiments_is_given_the_same_selection(verb):
    one = parsed("run", "digits", "mine.toml", *EVERY)
    other = parsed(verb, *shlex.split(following.words(one, verb)))
    assert {n: getattr(other, n) for n in ALIKE} == {n: getattr(one, n) for n in ALIKE}
    # A report has every preset of which something was measured, and would lose the others.
    assert other.preset == (None if verb == "report" else "paper")


def test_others_are_given_what_they_use():
    one = parsed("run", "digits", *EVERY)
    assert following.words(one, "show") == " --results r"
    assert following.words(one, "weights") == " --weights w"
    assert following.words(one, "data") == " --data-root 'd a' --plugins p --plugins q"
    assert following.words(one, "prove") == ""
    assert following.words(parsed("run", "--all"), "report") == ""
    assert following.words(parsed("run", "--all", "sela"), "report") == " sela --all"
    assert following.words(parsed("run", "digits", "--seeds", "3"), "pack") == " digits --seeds 3"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "get it: `python -m bench data fetch x`, or",
            "data fetch x --data-root d --plugins p`, or",
        ),
        (
            "`python -m bench rescore` does",
            "rescore digits --data-root d --plugins p --results r` ",
        ),
        (
            "`python -m bench status --json --results s` names",
            "--results s digits --data-root d --plugins p` ",
        ),
        ("`python -m bench run mine.toml`", "run mine.toml --data-root d --plugins p --results r`"),
        ("`bench prove` and `python -m bench nothing`", "`python -m bench nothing`"),
    ],
)
def test_a_sentence_is_completed(said, expected):
    words = ["--data-root", "d", "--plugins", "p", "--results", "r"]
    assert expected in following.completed(said, parsed("status", "digits", *words))


def test_printed_commands_run(tmp_path, forkserver, monkeypatch, capsys):
    rows: list[dict[str, Any]] = [
        {"method": "centroids"},
        {"method": "fault", "params": {"way": "raises"}},
    ]
    toml = write_experiment(tmp_path / "one.toml", "tiny/cluster", rows, n=2)
    flags = [*places(tmp_path / "r"), "--data-root", tmp_path, "--preset", "paper", "--seeds", "1"]
    assert bench("run", toml, *flags, "--methods", "fault,carrier") == 1
    status, report = commands(capsys.readouterr().out)
    assert bench(*report) == 0
    (page,) = (tmp_path / "r" / "report" / "tables").glob("*.html")
    assert "carrier" in page.read_text()
    assert bench("run", toml, *flags, "--methods", "fault,carrier") == 1
    assert "1 failed before, left so without --retry-failed" in capsys.readouterr().out
    assert bench(*status) == 0
    show, retry = commands(capsys.readouterr().out)
    assert bench(*show) == 0
    assert capsys.readouterr().out.startswith("fault tiny/cluster seed 0: failed")
    assert retry[-1] == "--retry-failed"
    assert bench(*retry) == 1
    assert "1 to compute" in capsys.readouterr().out
    assert bench(*status, "--methods", "carrier") == 0
    assert capsys.readouterr().out == "none of these cells failed: 2 done\n"
    flags += ["--methods", "carrier"]
    assert bench("check", toml, *flags, "--update", "--reason", "first") == 0
    capsys.readouterr()
    with monkeypatch.context() as patch:  # as if it had moved
        patch.setattr(verdicts, "status", lambda _: 1)
        assert bench("run", toml, *flags) == 0
    _, check = commands(capsys.readouterr().out)
    assert check[0] == "check"
    assert bench(*check) == 0
    assert "1 number against their reference: 1 ok" in capsys.readouterr().out
