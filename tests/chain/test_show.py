"""`show` of a cell's log, however long its lines are."""

import io

from bench.cli import show


def test_a_log_s_last_lines_are_counted_as_lines():
    lines = [f"line {i}" for i in range(40)]
    count, last = show._tail(io.BytesIO("\n".join(lines).encode()))
    assert (count, last) == (40, lines[-30:])
    assert show._tail(io.BytesIO(b"")) == (0, [])


def test_a_long_line_is_one_line_and_shown_by_its_beginning():
    count, last = show._tail(io.BytesIO(b"a\n" + b"x" * 50_000 + b"\nz\n"))
    assert (count, last) == (3, ["a", "x" * 10_000, "z"])
