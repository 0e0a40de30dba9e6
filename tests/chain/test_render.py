"""Tables and figures: what every format shows, and that nothing is cut, dropped or dated."""

# ruff: noqa: RUF001 - look-alikes are what the escapes are tested with.
import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from views import SMALL, entry, view

from bench.errors import BenchError
from bench.render import escape, grid, latex, legend, tables
from bench.render.wording import measured_cell, spread

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize(
    ("show", "ending"),
    [(latex.latex, "tex"), (tables.markdown, "md"), (tables.csv, "csv"), (tables.console, "txt")],
)
def test_a_small_table_reads_as_the_golden_file_says(show, ending):
    assert show(SMALL) == (GOLDEN / f"render_small.{ending}").read_text()


# --- numbers and states -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "std", "unit", "text"),
    [
        (0.7214, 0.0123, "percent", "72.1 ± 1.2"),
        (0.7214, None, "percent", "72.1"),
        (0.7214, 0.0123, "fraction", "0.721 ± 0.012"),
        (1.0, 0.0, "percent", "100.0 ± 0.0"),
        (-0.0001, None, "percent", "0.0"),
        (-0.02, None, "percent", "\N{MINUS SIGN}2.0"),
        (26.0, None, "count", "26"),
        (26.3, 1.25, "count", "26.3 ± 1.2"),
        (26.0, 0.5, "count", "26.0 ± 0.5"),
        (None, None, "percent", ""),
    ],
)
def test_numbers_have_the_digits_of_their_unit(mean, std, unit, text):
    assert spread(mean, std, unit) == text


@pytest.mark.parametrize(
    ("unit", "value", "verdict", "text"),
    [
        ("percent", 0.004, "reproduced", ["+0.4", "R"]),
        ("percent", -0.031, "worse", ["\N{MINUS SIGN}3.1", "W"]),
        ("percent", 0.0, "reproduced", ["0.0", "R"]),
        ("percent", 0.0001, "better", ["0.0", "B"]),
        ("fraction", 0.0151, "", ["+0.015", ""]),
        ("count", 6.0, "not comparable", ["+6", "N"]),
        ("count", None, "open", ["", "O"]),
        ("count", None, "", ["", ""]),
    ],
)
def test_differences_carry_their_sign_and_verdicts_stand_beside_them(unit, value, verdict, text):
    shown = view(entry(unit=unit, difference=value, verdict=verdict, published=0.5))
    (row,) = grid.rows(shown, grid.columns(shown))
    assert [cell.text for cell in row.cells[0][2:]] == text


@pytest.mark.parametrize(
    ("n", "planned", "states", "small"),
    [
        (10, 10, {"done": 10}, ""),
        (3, 3, {"done": 3}, "(n=3)"),
        (1, 1, {"done": 1}, "(n=1)"),
        (7, 10, {"done": 7, "failed": 3}, "(n=7/10)"),
        (10, 20, {"done": 10}, "(n=10/20)"),
        (10, 10, {"done": 9, "stale": 1}, "†stale"),
        (7, 10, {"done": 6, "stale": 1}, "(n=7/10) †stale"),
    ],
)
def test_n_is_shown_unless_it_is_ten(n, planned, states, small):
    cell = measured_cell(entry(values=[0.5] * n, planned=planned, states=states))
    assert cell.text == ("50.0" if n == 1 else "50.0 ± 0.0")
    assert cell.small == small


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ({"failed": 10}, ("failed", "")),
        ({"missing": 10}, ("missing", "")),
        ({"blocked": 10}, ("blocked", "")),
        ({"unavailable": 10}, ("unavailable", "")),
        ({"missing": 8, "failed": 2}, ("failed", "(2/10)")),
        ({"done": 0, "failed": 0}, ("not measured", "")),
        ({}, ("not measured", "")),
    ],
)
def test_without_a_value_a_cell_shows_its_state_and_no_number(states, text):
    cell = measured_cell(entry(states=states))
    assert (cell.text, cell.small) == text
    for show in (latex.latex, tables.markdown, tables.console):
        assert text[0] in show(view(entry(states=states)))


def test_failed_seeds_are_named_once_for_all_metrics_of_a_cell():
    pair = [entry(metric=m, values=[0.5] * 7, states={"failed": 3}) for m in ("ACC", "NMI")]
    assert legend.notes(view(*pair)) == [
        ("", "Failed seeds, left out of the mean: kmeans, CIFAR-10 (3 of 10).")
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"mean": float("nan"), "values": [0.1, 0.2]},
        {"values": [0.1, float("inf")], "mean": 0.1, "std": 0.1},
        {"mean": 0.0},
        {"values": [0.1], "mean": None},
    ],
)
def test_a_failure_cannot_become_a_number(fields):
    with pytest.raises(BenchError, match="kmeans"):
        entry(**fields)


def test_a_view_refuses_doubled_cells_and_mixed_units():
    with pytest.raises(BenchError, match="'kmeans' stands there twice"):
        view(entry(), entry())
    with pytest.raises(BenchError, match="two units"):
        view(entry(), entry("dec", unit="fraction"))


# --- caption and notes --------------------------------------------------------------------------


def test_the_caption_explains_only_the_marks_that_the_table_shows():
    assert "n = " not in legend.caption(view(entry()))
    plain = legend.caption(view(entry(values=[0.5] * 10)))
    assert plain.endswith(
        "Preset: quick. ± is the sample standard deviation (ddof 1) over seeds; "
        "n = 10 unless shown."
    )
    two = view(entry(values=[0.5] * 10), entry("dec", values=[0.6] * 10))
    assert "Bold: best of its column by a paired t-test over shared seeds" in legend.caption(two)
    assert "(Holm-corrected over the column, p < .05)" in legend.caption(two)
    oracle = view(entry(values=[0.5] * 10), entry("top", values=[0.6] * 10, oracle=True))
    assert "Bold" not in legend.caption(oracle)
    assert "(oracle)" in legend.caption(oracle)


def test_the_caption_says_why_numbers_do_not_compare():
    fields: dict[str, Any] = {"values": [0.5], "published": 0.9, "verdict": "not comparable"}
    both = view(
        entry(reason="quick preset", **fields), entry("dec", reason="part of the data", **fields)
    )
    assert "N not comparable (quick preset; part of the data)." in legend.caption(both)
    assert "reproduced" not in legend.caption(both)


def test_equal_notes_share_a_letter_and_letters_do_not_run_out():
    many = view(*(entry(f"r{i}", note=f"note {i % 30}") for i in range(60)))
    letters = [letter for letter, _ in legend.notes(many)]
    assert letters[:2] == ["a", "b"]
    assert letters[25:] == ["z", "aa", "ab", "ac", "ad"]


# --- escaping -----------------------------------------------------------------------------------

NASTY = (
    'a_b_c_d 100% A&B #1 $x$ {y} ~ ^ \\z < > | "q" `b` é ő ł ± λ Ω – “x” [2pt] * -- '
    "\N{CJK UNIFIED IDEOGRAPH-4E2D} \a end"
)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b_c_d", r"a\_b\_c\_d"),
        ("100% & #1 $", r"100\% \& \#1 \$"),
        ("{}", r"\{\}"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("<|>", r"\textless{}\textbar{}\textgreater{}"),
        ('"`', r"\texttt{\char34}\texttt{\char96}"),
        ("[*]", "{[}{*}{]}"),
        ("--- ,, ''", "-{}-{}- ,{}, '{}'"),
        ("éÅő", r"\'{e}\r{A}\H{o}"),
        ("e\u0301", r"\'{e}"),
        ("łß", r"\l{}\ss{}"),
        ("λΛΑο", r"$\lambda$$\Lambda$$\mathrm{A}$$\mathrm{o}$"),
        ("±×−≤", r"$\pm$$\times$$-$$\leq$"),
        ("–—", r"\textendash{}\textemdash{}"),
        ("a\n\tb", "a b"),
        ("\N{SNOWMAN}", "{[}SNOWMAN{]}"),
        ("ế", "{[}LATIN SMALL LETTER E WITH CIRCUMFLEX AND ACUTE{]}"),
        ("\a", "{[}U+0007{]}"),
    ],
)
def test_latex_escapes(text, escaped):
    assert escape.latex(text) == escaped


def test_no_character_of_the_first_planes_breaks_latex_or_vanishes():
    for code in [*range(0x2100), *range(0x2190, 0x2300), 0x4E2D, 0x1F600]:
        escaped = escape.latex(chr(code))
        assert escaped
        assert escaped.isascii()
        assert escaped.isprintable()
        bare = re.sub(r"\\([a-zA-Z]+|.)", "", escaped)
        assert bare.count("{") == bare.count("}"), escaped
        assert bare.count("$") % 2 == 0, escaped
        assert not set(re.sub(r"\$[^$]*\$", "", bare)) & set("&%#_^\\"), escaped


@pytest.mark.parametrize("char", list("\\`*_{}[]<>#|~&$"))
def test_markdown_escapes_each_time(char):
    assert escape.markdown(f"a{char}b{char}") == f"a\\{char}b\\{char}"


def test_markdown_rows_have_one_cell_a_column_whatever_the_labels_hold():
    table = tables.markdown(view(entry(NASTY + "\nnext", NASTY, NASTY, values=[0.5])))
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [3, 3, 3]


def test_latex_rows_have_one_cell_a_column_whatever_the_labels_hold():
    lines = latex.latex(view(entry(NASTY, NASTY, NASTY, values=[0.5]))).splitlines()
    body = lines[lines.index(r"\midrule") + 1]
    assert len(re.findall(r"(?<!\\)&", body)) == 2
    assert body.endswith(r" \\")


def test_long_cells_are_never_cut():
    label, note = "a very long label of a row " * 10, "a long note " * 30
    long = view(
        entry(label.strip(), "column " * 20, values=[0.5, 0.6], best=True, note=note.strip()),
        caption="word " * 200,
    )
    for show in (latex.latex, tables.markdown, tables.csv):
        assert label.strip() in show(long)
        assert note.strip() in show(long)
    assert label.strip() in tables.console(long)
    for line in latex.latex(long).splitlines():
        if " & " in line:
            assert line.count("{") == line.count("}")
    assert r"\bfseries 55.0 & \bfseries $\pm$\,7.1" in latex.latex(long)
    assert "**55.0 ± 7.1**" in tables.markdown(long)


# --- layout -------------------------------------------------------------------------------------


def test_groups_and_columns_stand_in_the_order_wanted():
    places = [("a", "SVHN", "g"), ("b", "CIFAR", "h"), ("c", "SVHN", "g")]
    entries = [entry(row, column, group=group) for row, column, group in places]
    mixed = view(*entries, columns=("CIFAR", "SVHN"))
    columns = grid.columns(mixed)
    assert [c.label for c in columns] == ["CIFAR", "SVHN"]
    assert [row.label.text for row in grid.rows(mixed, columns)] == ["a", "c", "b"]


def test_a_wide_table_becomes_panels_that_fit_and_hold_every_column_once():
    names = [f"data set {i}" for i in range(12)]
    wide = view(*(entry(r, c, m, values=[0.5] * 10, published=0.5)
                  for r in ("kmeans", "dec") for c in names for m in ("ACC", "NMI")))  # fmt: skip
    panels = grid.panels(wide, latex.WIDTH)
    assert len(panels) > 2
    assert all(panel.width <= latex.WIDTH for panel in panels)
    shown = [(c.label, c.metric) for panel in panels for c in panel.columns]
    assert shown == [(c, m) for c in names for m in ("ACC", "NMI")]
    assert max(map(len, tables.console(wide, 100).splitlines())) <= 100
    assert len(grid.panels(wide)) == 1


def test_a_long_table_goes_on_in_floats_under_one_number():
    text = latex.latex(view(*(entry(f"row {i}", values=[0.5] * 10) for i in range(130))))
    floats = text.split(r"\end{table}")[:-1]
    assert len(floats) == 3
    assert [f.count("\nrow ") for f in floats] == [50, 53, 27]
    assert [r"\addtocounter{table}{-1}" in f for f in floats] == [False, True, True]
    assert text.count(r"\label") == 1


def test_csv_gives_every_number_back_exactly():
    e = entry(
        NASTY, values=[0.1 + 0.2, 1 / 3, np.float64(0.7)], published=2 / 3, states={"done": 3}
    )
    (row,) = csv.DictReader(io.StringIO(tables.csv(view(e))))
    assert row["row"] == NASTY
    assert float(row["mean"]) == e.summary.mean
    assert float(row["std"]) == e.summary.std
    pairs = (pair.split(":") for pair in row["values"].split(";"))
    assert {int(seed): float(value) for seed, value in pairs} == e.values
    assert (row["states"], row["published_std"], row["best"]) == ("done:3", "", "0")
