"""What goes into a paper of one's own: bare tabulars and a command for each number."""

import dataclasses
import re

import pytest
from views import SMALL, entry, view

from bench.render import pasted


def commands(*entries, preset="quick"):
    text = pasted.macros([dataclasses.replace(view(*entries), preset=preset)])
    found = dict(re.findall(r"\\newcommand\{\\(.+?)\}\{(.*)\}\n", text))
    return {name: value for name, value in found.items() if not name.endswith("Preset")}


def test_a_number_is_its_mean_its_spread_and_what_is_printed():
    found = commands(entry("K-means, 10", values=[0.7, 0.72], published=0.715, planned=2))
    assert found == {
        "DigitsTKMeansOneZeroCIFAROneZeroACC": "71.0",
        "DigitsTKMeansOneZeroCIFAROneZeroACCStd": "1.4",
        "DigitsTKMeansOneZeroCIFAROneZeroACCSeeds": "2",
        "DigitsTKMeansOneZeroCIFAROneZeroACCPublished": "71.5",
    }


def test_a_lacking_number_has_its_name_and_shows_that_it_lacks():
    measured, lacking = commands(entry(values=[0.5, 0.6])), commands(entry())
    assert measured.keys() == lacking.keys()
    assert set(lacking.values()) == {r"\textbf{??}", "0"}


def test_a_mean_carries_its_n_where_that_is_not_the_usual():
    whole = [entry(row, values=[0.5, 0.6], planned=2) for row in "ab"]
    found = commands(*whole, entry("few", values=[0.5]), entry("more", values=[0.5] * 3, planned=3))
    assert found["DigitsTACIFAROneZeroACC"] == "55.0"
    assert found["DigitsTFewCIFAROneZeroACC"] == r"50.0\textsubscript{(n=1/10)}"
    assert found["DigitsTMoreCIFAROneZeroACC"] == r"50.0\textsubscript{(n=3)}"
    assert found["DigitsTMoreCIFAROneZeroACCSeeds"] == "3"


def test_a_name_is_of_its_row_whatever_stands_beside_it():
    """A row before or after others renames none of them; what was unique stays as it was."""
    a, b, c = (entry(row, values=[0.1 * i]) for i, row in enumerate(("a-b", "a b", "a_b"), 1))
    alone = commands(a)
    assert alone["DigitsTABCIFAROneZeroACC"].startswith("10.0")
    first, second, both = commands(a, b), commands(b, a), commands(c, b, a)
    assert first == second
    assert first.items() <= both.items()
    assert not alone.keys() & first.keys()  # an article that names it is told
    for rows in ([("中", "ACC"), ("丁", "ACC"), ("上", "ACC")], [("x", "ACC"), ("x", "ACCStd")]):
        entries = [entry(row, "", metric, values=[0.5]) for row, metric in rows]
        assert len(commands(*entries)) == 3 * len(rows)
        assert commands(*entries) == commands(*entries[::-1])


def test_what_the_command_line_set_is_in_the_names():
    names = [
        commands(entry(), preset=f"{preset}{given}").keys()
        for preset in ("quick", "paper")
        for given in ("", ", dec.rate=1e-05", ", dec.rate=1e05", ", dec.rate=0.1", ", dec.rate=-1")
    ]
    assert names[:5] == names[5:]
    assert "DigitsTKmeansCIFAROneZeroACCDecRateIsMinusOneStd" in names[4]
    assert all(not one & other for i, one in enumerate(names[:5]) for other in names[:i])


def test_names_are_letters_and_no_two_are_alike():
    rows = ["a-b", "a b", "ab", "CCN+", "CCN++", "CCN", "λ = 1", "é", "中", "a-bB", "B", "x_{1}%"]
    found = commands(*(entry(row, values=[0.5]) for row in rows))
    assert len(found) == 3 * len(rows)
    assert all(re.fullmatch("[A-Za-z]+", name) for name in found)


def test_a_bare_tabular_has_what_was_measured_and_no_float():
    text = pasted.paper(SMALL)
    assert "begin{table" not in text
    assert "caption" not in text
    assert "published" not in text
    assert r"kmeans & 71.0 & $\pm$\,1.4" in text
    assert r"\bfseries 62.5" in text
    rows = view(entry("measured", values=[0.5]), entry("lacking"), entry("also", "SVHN"))
    assert "lacking" not in pasted.paper(rows)
    assert "SVHN" not in pasted.paper(rows)


@pytest.mark.parametrize("shown", [view(), view(entry(published=0.5))])
def test_without_a_measured_number_an_article_can_still_be_set(shown):
    text = pasted.paper(shown)
    assert text == "% digits t, quick: nothing was measured\n\\textbf{??}\n"


def test_a_table_of_words_has_no_tabular():
    assert pasted.paper(view(entry(words="so"))) == ""
