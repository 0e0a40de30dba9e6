"""Figures and files: gaps, legends, bytes that hold no date, atomic writes."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from views import SITE, SMALL, entry, view

from bench.errors import BenchError
from bench.render import article, figures, latex, pages
from bench.render.write import write, write_document
from bench.report.view_types import Curve, FigureView

# --- figures ------------------------------------------------------------------------------------


def curve(label="dec", x=(1, 2, 3, 4, 5), mean=(10.0, 20.0, None, 30.0, None), n=None, planned=10):
    n = tuple(0 if m is None else 10 for m in mean) if n is None else n
    return Curve(label, x, mean, tuple(None if m is None else 1.0 for m in mean), n, planned)


def figure(*curves, **fields):
    fields = {"truth": None} | fields
    return FigureView("digits", "k", "Curves", "quick", "K", "ACC (%)", curves, **fields)


def legend_texts(drawn):
    return [text.get_text() for text in drawn.legends[0].get_texts()]


def test_what_was_not_measured_is_a_gap_and_no_zero():
    line = figures.draw(figure(curve())).axes[0].lines[-1]
    np.testing.assert_array_equal(line.get_ydata(), [10, 20, np.nan, 30, np.nan])
    assert figures.draw(figure(curve())).axes[0].get_ylim()[0] > 0


def test_a_point_alone_between_gaps_of_a_long_curve_has_a_marker():
    mean = tuple(None if i in (36, 38) else 1.0 for i in range(80))
    line: Any = figures.draw(figure(curve(x=tuple(range(80)), mean=mean))).axes[0].lines[-1]
    assert 37 in line.get_markevery()
    assert len(line.get_markevery()) < 12


@pytest.mark.parametrize(
    ("n", "planned", "text"),
    [
        ((10, 10), 10, "dec"),
        ((7, 7), 10, "dec (n=7/10)"),
        ((10, 7), 10, "dec (n=7\N{EN DASH}10/10)"),
        ((3, 3), 3, "dec (n=3)"),
    ],
)
def test_the_legend_shows_n_unless_it_is_ten(n, planned, text):
    drawn = figures.draw(figure(curve(x=(1, 2), mean=(1.0, 2.0), n=n, planned=planned)))
    assert legend_texts(drawn) == [text]


def test_the_legend_names_curves_that_matplotlib_would_hide_and_the_truth():
    drawn = figures.draw(figure(curve("_a"), curve("$b$"), truth=3, truth_label="true K"))
    assert [t.strip() for t in legend_texts(drawn)] == ["_a", "$b$", "true K"]
    assert drawn.axes[0].lines[-1].get_xdata() == [3, 3]


def test_words_on_the_x_axis_keep_their_order():
    drawn = figures.draw(figure(curve(x=("c", "a"), mean=(1.0, 2.0)), curve(x=("b",), mean=(1.0,))))
    assert [t.get_text() for t in drawn.axes[0].get_xticklabels()] == ["c", "a", "b"]


def test_an_empty_figure_says_so():
    drawn = figures.draw(figure(curve(mean=(None,) * 5)))
    assert drawn.axes[0].texts[0].get_text() == "nothing measured yet"
    assert legend_texts(drawn) == ["dec (not measured)"]
    assert figures.draw(figure()).axes[0].texts[0].get_text() == "nothing measured yet"


def test_curves_differ_in_colour_and_marker():
    drawn = figures.draw(figure(*(curve(f"c{i}") for i in range(56))))
    looks = [(h.get_color(), h.get_marker()) for h in drawn.legends[0].legend_handles]
    assert len(set(looks)) == 56
    for one, two in pairwise(looks):
        assert one[0] != two[0]
        assert one[1] != two[1]


def test_a_curve_needs_equal_lengths():
    with pytest.raises(BenchError, match=r"'dec'.*one length"):
        Curve("dec", (1, 2), (1.0,), (None,), (1,), 10)


# --- files --------------------------------------------------------------------------------------


def test_files_are_the_same_bytes_each_time_and_hold_no_date(tmp_path, monkeypatch):
    views = [SMALL, figure(curve(), truth=3)]
    first = [p for v in views for p in write(v, tmp_path / "a")] + [
        write_document(views, tmp_path / "a", "quick")
    ]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with mpl.rc_context({"font.size": 20, "axes.grid": True}):
        second = [p for v in views for p in write(v, tmp_path / "b")] + [
            write_document(views, tmp_path / "b", "quick")
        ]
    assert [p.relative_to(tmp_path / "a").as_posix() for p in first] == [
        "tables/digits-t-quick.tex", "tables/digits-t-quick.md", "tables/digits-t-quick.csv",
        "figures/digits-k-quick.pdf", "figures/digits-k-quick.png", "figures/digits-k-quick.tex",
        "all-quick.tex",
    ]  # fmt: skip
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
        for word in (b"CreationDate", b"Software", b"Matplotlib v"):
            assert word not in one.read_bytes(), one.name


def test_the_document_inputs_every_view():
    text = article.document([SMALL, figure(curve())], {})
    assert r"\input{tables/digits-t-quick}" in text
    assert r"\input{figures/digits-k-quick}" in text
    assert latex.figure(figure(curve(), truth=3)).count("Dashed: true value.") == 1


def test_names_become_safe_file_names(tmp_path):
    (path,) = write(view(name="omniglot/Old Church_Slavonic"), tmp_path, ["csv"])
    assert path == tmp_path / "tables" / "digits-omniglot-Old-Church-Slavonic-quick.csv"


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    (path,) = write(SMALL, tmp_path, ["csv"])
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BenchError, match=r"cannot write .*digits-t-quick\.csv: No space left"):
        write(view(entry()), tmp_path, ["csv"])
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["digits-t-quick.csv"]


def test_an_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "tables").write_text("a file in the way")
    with pytest.raises(BenchError, match=r"cannot write .*digits-t-quick\.md"):
        write(SMALL, tmp_path, ["md"])


@pytest.mark.parametrize(("what", "name"), [(SMALL, "htm"), (figure(curve()), "jpg")])
def test_an_unknown_format_is_named(what, name, tmp_path):
    with pytest.raises(BenchError, match=f"format '{name}'"):
        write(what, tmp_path, [name])


def test_pages_show_every_view_and_escape_what_is_data():
    text = pages.table(SITE, [view(entry("<b>&x", values=[0.5, 0.7]), caption="A < B")])
    assert "&lt;b&gt;&amp;x" in text
    assert "A &lt; B." in text
    assert "60.0 ± 14.1 <small>(n=2/10)</small>" in text
    assert "<b>&" not in text
    assert '<img src="figures/digits-k-quick.png"' in pages.figures(
        SITE, [figure(curve(), truth=3)]
    )
