"""What a run prints outlives its reader, its terminal and its characters."""

import io
import os
import subprocess
import sys

import pytest
from harness import make_plan, places, start, states_of, write_experiment

from bench import ROOT
from bench.cli import progress

PRINTS = """
import sys
from bench.cli import streams
found = streams.make_lasting()
for i in range(20000):
    print("line", i, "gr\\u00f6\\u00dfer \\udc80")
print("the end", file=sys.stderr)
sys.exit(7 if streams.said(found) else 1)
"""


def shell(line, **environment):
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, PRINTS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ('"$1" -c "$2" | head -1; exit ${PIPESTATUS[0]}', 7),
        ('"$1" -c "$2" | true; exit ${PIPESTATUS[0]}', 7),
        ('"$1" -c "$2" 2>&1 | head -1; exit ${PIPESTATUS[0]}', 7),
        ('"$1" -c "$2" >&-', 7),
        ('"$1" -c "$2" >&- 2>&-', 7),
        ('"$1" -c "$2" >/dev/full', 1),
    ],
)
def test_the_status_is_that_of_the_work(line, status):
    done = shell(line)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert ("output was lost: No space left" in done.stderr) == ("full" in line)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
def test_characters_that_a_terminal_lacks_are_spelled_out(encoding):
    done = shell(
        '"$1" -c "$2" | tail -1 >/dev/null; exit ${PIPESTATUS[0]}', PYTHONIOENCODING=encoding
    )
    assert done.returncode == 7
    assert "Traceback" not in done.stderr
    assert "the end" in done.stderr.replace("\0", "")


def test_a_run_goes_on_when_its_reader_has_gone_and_its_terminal_is_ascii(tmp_path, monkeypatch):
    """With a cell that fails in words that the terminal cannot show."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    rows = [{"method": "speaks"}, {"method": "centroids"}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=2)
    process = start("run", toml, *places(tmp_path / "results"), "--workers", 1)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=240) == 1  # a cell failed
    assert sorted(states_of(toml, tmp_path / "results").values()) == ["done"] * 2 + ["failed"] * 2
    again = start("run", toml, *places(tmp_path / "results"), "--retry-failed")
    said, _ = again.communicate(timeout=240)
    assert "failed speaks" in said
    assert "gr\\xf6\\xdfer \\x1b[31m \\udc80" in said
    assert "Traceback" not in said
    (log,) = (tmp_path / "results" / "runs").glob("*/speaks/seed0-*/log.txt")
    assert log.read_bytes() == "größer \x1b[31m \\udc80\n".encode()


class Terminal(io.StringIO):
    """A terminal, as far as anybody asks."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("term", "bar"),
    [("xterm-256color", True), ("dumb", False), ("unknown", False), ("DUMB", False)],
)
def test_a_terminal_that_cannot_move_back_gets_lines(term, bar, monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", term)
    assert isinstance(progress.make(Terminal()), progress.Live) is bar
    assert not isinstance(progress.make(io.StringIO()), progress.Live)


def test_a_cell_that_is_given_up_leaves_the_bar(tmp_path):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}])
    (cell,) = make_plan(toml).cells.values()
    bar = progress.Live(Terminal())
    with bar.over({cell.key: 1.0}, workers=1):
        bar.started(cell)
        bar.gave_up(cell, "its data are damaged")
    assert not bar._running
    assert bar._bar.finished


def test_a_message_moves_no_cursor():
    out = io.StringIO()
    progress.Lines(out).say("failed \x1b]0;title\x07 \x9b2J \r\n second \u202e größer")
    assert out.getvalue() == (
        "failed \\x1b]0;title\\x07 \\x9b2J \\x0d\\x0a second \\u202e größer\n"
    )
