"""How bars are drawn: side by side, with printed numbers, and signs for what lacks."""

from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.colors import same_color
from views import SITE, bars, curve

from bench.render import figures, latex, legend, pages
from bench.render.write import write


def patches(axes):
    """The bars, curve by curve: centre and height of each."""
    containers = [c for c in axes.containers if isinstance(c, mpl.container.BarContainer)]
    return [[(p.get_x() + p.get_width() / 2, p.get_height()) for p in c] for c in containers]


def diamonds(axes):
    """Where the printed numbers stand, without the legend's sign."""
    lines = [line for line in axes.lines if line.get_marker() == "D"]
    return [tuple(map(float, p)) for line in lines for p in zip(*line.get_data(), strict=True)]


def test_bars_of_a_group_stand_side_by_side_round_its_place():
    axes = figures.draw(bars(curve("a"), curve("b", (30.0, 40.0)))).axes[0]
    (a0, a1), (b0, b1) = patches(axes)
    assert (a0[1], a1[1], b0[1], b1[1]) == (10, 20, 30, 40)
    assert (a0[0] + b0[0]) / 2 == pytest.approx(0)
    assert (a1[0] + b1[0]) / 2 == pytest.approx(1)
    assert a0[0] < b0[0] < a1[0] < b1[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["group 0", "group 1"]


def test_what_has_no_value_has_no_bar_but_a_sign():
    view = bars(curve(mean=(None, 20.0, None), failed=(False, False, True)))
    drawn = figures.draw(view)
    axes: Any = drawn.axes[0]
    assert patches(axes) == [[(pytest.approx(1), 20.0)]]
    assert {t.get_text(): round(t.xy[0]) for t in axes.texts} == {"failed": 2}
    crosses = [line.get_xdata() for line in axes.lines if line.get_marker() == "x"]
    assert [round(float(x)) for xs in crosses for x in xs] == [0]
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["dec", "not measured"]


def test_a_curve_without_any_value_is_the_legends_to_tell():
    axes: Any = figures.draw(bars(curve(), curve("none", (None, None)))).axes[0]
    assert not axes.texts


def test_error_bars_are_the_standard_deviation_of_two_seeds_and_more():
    axes: Any = figures.draw(bars(curve(std=(2.5, None), n=(2, 1), planned=2))).axes[0]
    spreads = [
        segment[:, 1].tolist()
        for c in axes.collections
        for segment in c.get_segments()
        if len(segment)
    ]
    assert spreads == [[7.5, 12.5]]


def test_a_printed_number_is_a_diamond_also_where_nothing_is_measured():
    view = bars(
        curve("a", (None, 20.0), published=(11.0, None)),
        curve("b", published=(None, 22.0)),
        published_source="ccn table 5",
    )
    drawn = figures.draw(view)
    assert [value for _, value in diamonds(drawn.axes[0])] == [11.0, 22.0]
    assert [round(x) for x, _ in diamonds(drawn.axes[0])] == [0, 1]
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == [
        "a",
        "b",
        "published",
        "not measured",
    ]
    assert "Diamonds: published (ccn table 5)." in legend.figure_caption(view)
    assert "published" not in legend.figure_caption(bars(curve()))


def test_the_legend_shows_n_unless_it_is_ten():
    drawn = figures.draw(bars(curve("a", n=(10, 7)), curve("b"), curve("c", (None, None))))
    texts = [t.get_text() for t in drawn.legends[0].get_texts()]
    assert texts == ["a (n=7\N{EN DASH}10/10)", "b", "c (not measured)"]


def test_many_groups_take_both_columns_and_turn_their_names():
    few = figures.draw(bars(curve()))
    view = bars(*(curve(label, (1.0,) * 20) for label in "abc"))
    many = figures.draw(view)
    assert (few.get_figwidth(), many.get_figwidth()) == (3.4, 7.0)
    assert {t.get_rotation() for t in few.axes[0].get_xticklabels()} == {0}
    assert {t.get_rotation() for t in many.axes[0].get_xticklabels()} == {45}
    assert r"\begin{figure*}" in latex.figure(view)
    assert 'class="wide-figure"' in pages.figures(SITE, [view])


def test_bars_start_at_zero_and_differ_in_colour_or_hatch():
    drawn = figures.draw(bars(*(curve(f"c{i}", (90.0, 91.0)) for i in range(14))))
    axes = drawn.axes[0]
    assert axes.get_ylim()[0] == 0
    looks = [
        (c[0].get_facecolor(), c[0].get_hatch()) for c in axes.containers if hasattr(c, "patches")
    ]
    for i, (colour, hatch) in enumerate(looks):
        assert not any(same_color(colour, c) and hatch == h for c, h in looks[:i])


def test_an_empty_figure_says_so():
    drawn = figures.draw(bars(curve(mean=(None, None))))
    assert "nothing measured yet" in [t.get_text() for t in drawn.axes[0].texts]
    assert not patches(drawn.axes[0])[0]


def test_files_are_the_same_bytes_each_time(tmp_path, monkeypatch):
    view = bars(curve("a", (None, 20.0), published=(11.0, None)), curve("b"))
    first = write(view, tmp_path / "a")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with mpl.rc_context({"font.size": 20, "errorbar.capsize": 9, "hatch.linewidth": 3}):
        second = write(view, tmp_path / "b")
    assert [p.name for p in first] == [f"digits-b-quick.{end}" for end in ("pdf", "png", "tex")]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


@pytest.mark.parametrize("length", [1, 8, 16, 29])
def test_the_legend_lies_within_the_figure(length):
    names = [f"{i} Clusters of pixels, K known"[:length] for i in range(5)]
    drawn = figures.draw(bars(*(curve(name) for name in names)))
    drawn.draw_without_rendering()
    (box,) = [found.get_window_extent() for found in drawn.legends]
    assert box.x0 >= 0
    assert box.x1 <= drawn.bbox.x1
