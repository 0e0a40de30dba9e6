"""How tables say n once, and published numbers stand alone."""

import pytest
from views import entry, view

from bench.render import grid, latex, legend, tables


def test_the_seeds_of_most_values_are_said_once():
    many = view(*(entry(f"r{n}", values=[0.5] * n, planned=n) for n in (3, 3 + 1)),
                entry("r3b", values=[0.5] * 3, planned=3),
                entry("part", values=[0.5], planned=3))  # fmt: skip
    assert "n = 3 unless shown" in legend.caption(many)
    shown = [row.cells[0][0].small for row in grid.rows(many, grid.columns(many))]
    assert shown == ["", "(n=4)", "", "(n=1/3)"]
    # Where no value has all its seeds, those that most ask for.
    parts = view(entry("a", values=[0.5], planned=3), entry("b", planned=3), entry(planned=10))
    assert "n = 3 unless shown" in legend.caption(parts)


def test_published_numbers_stand_alone_where_nothing_was_measured():
    shown = view(entry(published=0.5, states={"missing": 10}), entry("dec", "SVHN"),
                 entry("top", published=0.75, states={"unavailable": 10}),
                 lacks=("data set mnist",))  # fmt: skip
    text = latex.latex(shown)
    assert "measured & " not in text
    assert "SVHN" not in text
    assert "kmeans & 50.0 \\\\" in text
    assert "nothing is measured: 1 missing, 1 not measured, 1 unavailable; not here: data" in text
    assert "missing" in tables.markdown(shown)


def rows_of_floats(n, **fields):
    text = latex.latex(view(*(entry(f"row {i}", values=[0.5] * 10) for i in range(n)), **fields))
    return [one.count("\nrow ") for one in text.split(r"\end{table}")[:-1]]


@pytest.mark.parametrize("n", range(49, 55))
def test_no_float_goes_on_with_a_row_or_two(n):
    found = rows_of_floats(n)
    assert sum(found) == n
    assert min(found) >= 3


def test_notes_take_room_in_the_last_float_alone():
    notes = tuple(f"note {i}" for i in range(20))
    assert rows_of_floats(60, notes=notes) == rows_of_floats(60) == [50, 10]
    assert max(rows_of_floats(45, notes=notes)) < 45  # they do not fit below


def test_a_table_without_rows_still_has_its_caption():
    for show in (latex.latex, tables.markdown, tables.console):
        assert "A table. Preset: quick." in show(view())
    assert len(tables.csv(view()).splitlines()) == 1
