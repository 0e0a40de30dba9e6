"""How a check is told: few rows, seeds in words, a heading that is true."""

from typing import Any

import pytest

from bench.render import verdicts
from bench.report.verdict_types import Comparison, seeds_in_words


def compared(row, verdict, name="t", note="", seeds=()):
    numbers: Any = {"reference": 0.8, "measured": 0.8, "difference": 0.0, "tolerance": 0.01}
    place = {"experiment": "x", "preset": "quick", "name": name, "group": "", "column": "c"}
    return Comparison(
        **place, row=row, metric="ACC", unit="percent", **numbers, n=2, verdict=verdict,
        seeds=seeds, note=note,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ((3,), "seed 3"),
        ((0, 1), "seeds 0, 1"),
        ((2, 3, 4, 5), "seeds 2 to 5"),
        ((9, 0, 1, 2, 4, 5), "seeds 0 to 2, 4, 5, 9"),
    ],
)
def test_seeds_in_words(seeds, words):
    assert seeds_in_words(seeds) == words


def test_numbers_that_lack_the_same_share_a_row():
    lacking = [compared(f"r{i}", "missing", note="seeds 2 to 9 lack: 8 missing") for i in range(30)]
    others = [
        compared("r", "missing", note="seed 9 lacks: 1 failed"),
        compared("r", "missing", name="u", note="seeds 2 to 9 lack: 8 missing"),
        compared("r", "moved", seeds=(7,)),
        compared("s", "moved", seeds=(7,)),
        compared("r", "ok"),
    ]
    rows = verdicts.listed([*lacking, *others])
    assert [row["row"] for row in rows] == ["r", "s", "30 numbers of r0 and 29 others", "r", "r"]
    assert [row["note"] for row in rows[:3]] == ["seed 7", "seed 7", "seeds 2 to 9 lack: 8 missing"]
    assert (rows[2]["measured"], rows[3]["measured"]) == ("", "80.00")


def test_a_summary_for_ci_calls_no_number_moved_that_lacks_seeds():
    said = verdicts.markdown([compared("a", "missing", note="x"), compared("b", "ok")])
    assert said.startswith("### Numbers: 1 lack seeds")
    both = verdicts.markdown([compared("a", "missing"), compared("b", "moved")])
    assert both.startswith("### Numbers: 1 moved, 1 lack seeds")
    assert verdicts.markdown([compared("b", "ok")]).startswith("### No number moved")
