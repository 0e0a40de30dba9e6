"""Heat maps, bars, embeddings and training: gaps that are no zeros, labels, equal bytes."""

import dataclasses

import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Polygon, Rectangle

from bench.errors import BenchError
from bench.render import figures, html, latex, legend
from bench.render.style import COLOURS
from bench.render.write import write
from bench.report.view_types import Cloud, Curve, EmbeddingView, FigureView, Heatmap, HeatmapView

PANEL = Heatmap(
    "K = 4",
    value=((50.0, None, 0.0), (None, 100.0, 3.21)),
    n=((2, 0, 2), (0, 1, 2)),
    failed=((False, True, False), (False, False, False)),
    planned=2,
)


def heatmap(*panels, **fields):
    fields = {"top": 100.0} | fields
    x, y = (0.0, 0.5, 1.0), (0.25, 0.75)
    return HeatmapView("d", "h", "C", "quick", "X", "Y", "NMI (%)", x, y, panels, **fields)


def bars(*curves, **fields):
    return FigureView("d", "b", "C", "quick", "", "ACC (%)", curves, kind="bars", **fields)


def bar(label="a", x=("p", "q"), mean=(10.0, None), **fields):
    n = tuple(0 if m is None else 10 for m in mean)
    return Curve(label, x, mean, tuple(None if m is None else 2.0 for m in mean), n, 10, **fields)


def texts(axes):
    return [t.get_text() for t in axes.texts]


# --- heat maps ----------------------------------------------------------------------------------


def test_what_has_no_value_is_hatched_and_has_no_number():
    drawn = figures.draw(heatmap(PANEL))
    axes = drawn.axes[0]
    fields = [p for p in axes.patches if isinstance(p, Rectangle)]
    places = {(round(f.get_x() + 0.5), round(f.get_y() + 0.5)): f for f in fields}
    assert len(places) == 6
    hatches = {place: f.get_hatch() for place, f in places.items() if f.get_hatch()}
    assert hatches == {(1, 0): "xxxxxx", (0, 1): "//////"}
    assert texts(axes) == ["50.0", "0.0", "100.0", "3.2"]
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["not measured", "failed"]


def test_a_field_with_fewer_seeds_has_its_corner_cut_and_the_title_says_n():
    drawn = figures.draw(heatmap(PANEL))
    (corner,) = [p for p in drawn.axes[0].patches if isinstance(p, Polygon)]
    assert corner.get_xy().min(axis=0) == pytest.approx((1.25, 1.25))
    assert drawn.axes[0].get_title() == "K = 4 (n=1\N{EN DASH}2/2)"
    assert "White corner: fewer seeds" in legend.figure_caption(heatmap(PANEL))
    whole = dataclasses.replace(PANEL, planned=1)
    assert "White corner" not in legend.figure_caption(heatmap(whole))


def test_colours_have_one_scale_over_all_panels():
    low = dataclasses.replace(PANEL, label="low", value=((5.0,) * 3,) * 2)
    drawn = figures.draw(heatmap(PANEL, low))
    one, two = drawn.axes[:2]
    assert one.patches[0].get_facecolor() != two.patches[0].get_facecolor()
    assert drawn.axes[-1].get_ylim() == (0, 100)
    assert drawn.get_size_inches()[0] == 7.0
    assert figures.draw(heatmap(low, top=None)).axes[-1].get_ylim() == (0, 5)


def test_a_fine_grid_has_no_numbers():
    panel = Heatmap("", ((1.0,) * 13,), ((10,) * 13,), ((False,) * 13,), 10)
    wide = dataclasses.replace(heatmap(panel), x=tuple(float(i) for i in range(13)), y=(0.0,))
    assert texts(figures.draw(wide).axes[0]) == []


def test_the_best_of_restarts_is_said_in_the_caption():
    assert "maximum over seeds, chosen after scoring with the labels; n = 10" in (
        legend.figure_caption(heatmap(PANEL, best=True))
    )
    assert "the mean over seeds" in legend.figure_caption(heatmap(PANEL))


def test_a_panel_needs_one_shape():
    with pytest.raises(BenchError, match=r"'p'.*one shape"):
        Heatmap("p", ((1.0, 2.0),), ((1,),), ((False, False),), 1)
    with pytest.raises(BenchError, match="one shape"):
        Heatmap("p", ((1.0, 2.0), (1.0,)), ((1, 1), (1,)), ((False, False), (False,)), 1)


# --- bars ---------------------------------------------------------------------------------------


def test_what_was_not_measured_has_a_word_and_no_bar():
    drawn = figures.draw(bars(bar(), bar("b", mean=(None, 20.0), failed=(True, False))))
    axes = drawn.axes[0]
    assert [p.get_height() for p in axes.patches] == [10, 20]
    assert texts(axes) == ["not measured", "failed"]


def test_bars_stand_side_by_side_in_their_group_with_the_printed_number_on_them():
    one = bar(mean=(10.0, 30.0))
    two = bar("b", mean=(20.0, 40.0), published=(25.0, None))
    axes = figures.draw(bars(one, two)).axes[0]
    centres = [p.get_x() + p.get_width() / 2 for p in axes.patches]
    assert centres == pytest.approx([-0.2, 0.8, 0.2, 1.2])
    assert [p.get_facecolor() for p in axes.patches[::2]] == [to_rgba(c) for c in COLOURS[:2]]
    (diamond,) = [line for line in axes.lines if line.get_marker() == "D" and len(line.get_xdata())]
    assert (*diamond.get_xdata(), *diamond.get_ydata()) == pytest.approx((0.2, 25.0))
    assert [t.get_text() for t in axes.get_xticklabels()] == ["p", "q"]
    caption = legend.figure_caption(bars(one, two, published_source="ccn table 5"))
    assert caption.endswith("Diamonds: published (ccn table 5).")


def test_many_bars_take_both_columns_and_lean_their_names():
    names = tuple(f"Alphabet_{i}" for i in range(20))
    view = bars(bar(x=names, mean=(1.0,) * 20))
    drawn = figures.draw(view)
    assert drawn.get_size_inches()[0] == 7.0
    assert drawn.axes[0].get_xticklabels()[0].get_rotation() == 45
    assert r"\begin{figure*}" in latex.figure(view)
    assert '<img class="wide"' in html.page([view], "quick")
    assert figures.draw(bars(bar())).get_size_inches()[0] == pytest.approx(3.4)


def test_bars_without_any_number_say_so():
    drawn = figures.draw(bars(bar(mean=(None, None))))
    assert "nothing measured yet" in texts(drawn.axes[0])


# --- the others ---------------------------------------------------------------------------------


def embedding(*panels):
    return EmbeddingView("d", "e", "C", "quick", panels)


CLOUD = Cloud("after", ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0)), (0, 8, 0))


def test_an_embedding_colours_true_classes_and_says_what_is_lacking():
    drawn = figures.draw(embedding(CLOUD, Cloud("before", words="failed")))
    after, before = drawn.axes
    assert [len(c.get_offsets()) for c in after.collections] == [2, 1]
    assert tuple(after.collections[1].get_facecolor()[0]) == to_rgba(COLOURS[1])
    assert (after.get_title(), before.get_title(), texts(before)) == ("after", "before", ["failed"])


def test_training_has_a_band_even_where_it_is_short():
    curve = Curve("a", (1.0, 2.0), (5.0, 6.0), (1.0, 1.0), (3, 3), 3)
    view = FigureView("d", "t", "C", "quick", "step", "loss", (curve,), kind="training")
    assert len(figures.draw(view).axes[0].collections) == 1


def test_a_curve_may_have_a_logarithmic_axis_and_a_printed_line():
    curve = Curve("a", (0.1, 1.0), (5.0, 6.0), (1.0, 1.0), (3, 3), 3, published=(7.0, 7.0))
    view = FigureView("d", "c", "C", "quick", "t", "ACC (%)", (curve,), x_log=True)
    drawn = figures.draw(view)
    axes = drawn.axes[0]
    assert axes.get_xscale() == "log"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0.1", "1"]
    assert [line.get_ydata() for line in axes.lines if line.get_linestyle() == ":"] == [[7.0, 7.0]]
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["a (n=3)", "published"]


@pytest.mark.parametrize(
    "view",
    [heatmap(PANEL, PANEL, PANEL), bars(bar(), bar("b", published=(1.0, 2.0))), embedding(CLOUD)],
    ids=["heatmap", "bars", "embedding"],
)
def test_files_are_the_same_bytes_each_time(view, tmp_path):
    one, two = (write(view, tmp_path / name) for name in "ab")
    assert [p.suffix for p in one] == [".pdf", ".png", ".tex"]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_a_view_without_panels_is_drawn():
    assert figures.draw(heatmap()).axes
    assert figures.draw(embedding()).axes
    assert figures.draw(bars()).axes
