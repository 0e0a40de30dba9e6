"""What goes into a paper of one's own: bare tabulars and a command for each number."""

import re

import pytest
from views import SMALL, entry, view

from bench.render import pasted


def commands(*entries):
    text = pasted.macros([view(*entries)])
    return dict(re.findall(r"\\newcommand\{\\(.+?)\}\{(.*)\}\n", text))


def test_a_number_is_its_mean_its_spread_and_what_is_printed():
    found = commands(entry("K-means, 10", values=[0.7, 0.72], published=0.715))
    assert found == {
        "DigitsTKMeansOneZeroCIFAROneZeroACC": "71.0",
        "DigitsTKMeansOneZeroCIFAROneZeroACCStd": "1.4",
        "DigitsTKMeansOneZeroCIFAROneZeroACCPublished": "71.5",
    }


def test_a_lacking_number_has_its_name_and_shows_that_it_lacks():
    measured, lacking = commands(entry(values=[0.5, 0.6])), commands(entry())
    assert measured.keys() == lacking.keys()
    assert set(lacking.values()) == {r"\textbf{??}"}


def test_names_are_letters_and_no_two_are_alike():
    rows = ["a-b", "a b", "ab", "CCN+", "CCN++", "CCN", "λ = 1", "é", "中", "a-bB", "B", "x_{1}%"]
    found = commands(*(entry(row, values=[0.5]) for row in rows))
    assert len(found) == 2 * len(rows)
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


@pytest.mark.parametrize("shown", [view(), view(entry(published=0.5)), view(entry(words="so"))])
def test_without_a_measured_number_there_is_no_tabular(shown):
    assert pasted.paper(shown) == ""
