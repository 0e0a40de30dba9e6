"""Embeddings, training and logarithmic curves as they are drawn, and views of nothing."""

from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from views import bars

from bench.render import figures
from bench.render.style import COLOURS, looks
from bench.render.write import write
from bench.report.view_types import Cloud, Curve, EmbeddingView, FigureView, HeatmapView


def embedding(*panels):
    return EmbeddingView("d", "e", "C", "quick", panels)


CLOUD = Cloud("after", ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0)), (0, 8, 0))


def test_an_embedding_colours_true_classes_and_says_what_is_lacking():
    drawn = figures.draw(embedding(CLOUD, Cloud("before", words="failed")))
    after: Any
    after, before = drawn.axes
    assert [len(c.get_offsets()) for c in after.collections] == [2, 1]
    assert tuple(after.collections[1].get_facecolor()[0]) == to_rgba(COLOURS[1])
    assert (after.get_title(), before.get_title(), [t.get_text() for t in before.texts]) == (
        "after",
        "before",
        ["failed"],
    )


def test_training_has_a_band_even_where_it_is_short():
    curve = Curve("a", (1.0, 2.0), (5.0, 6.0), (1.0, 1.0), (3, 3), 3)
    view = FigureView("d", "t", "C", "quick", "step", "loss", (curve,), kind="training")
    assert len(figures.draw(view).axes[0].collections) == 1


def test_a_curve_may_have_a_logarithmic_axis_and_printed_numbers():
    curve = Curve("a", (0.1, 1.0), (5.0, 6.0), (1.0, 1.0), (3, 3), 3, published=(7.0, 7.0))
    view = FigureView("d", "c", "C", "quick", "t", "ACC (%)", (curve,), x_log=True)
    drawn = figures.draw(view)
    axes = drawn.axes[0]
    assert axes.get_xscale() == "log"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0.1", "1"]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert [np.asarray(line.get_ydata()).tolist() for line in hollow] == [[7.0, 7.0]]
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["a (n=3)", "published"]


def test_files_are_the_same_bytes_each_time(tmp_path):
    one, two = (write(embedding(CLOUD), tmp_path / name) for name in "ab")
    assert [p.suffix for p in one] == [".pdf", ".png", ".tex"]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_a_view_without_panels_is_drawn():
    assert figures.draw(
        HeatmapView("d", "h", "C", "quick", "X", "Y", "NMI", (), (), (), 100.0)
    ).axes
    assert figures.draw(embedding()).axes
    assert figures.draw(bars()).axes


def test_a_method_has_its_colour_in_every_figure():
    first = looks(["kmeans", "dec", "kmeans", "my-own"])
    second = looks(["my-own", "dec"])
    assert first[0][0] == first[2][0] != first[1][0]
    assert (first[0][1], first[2][1]) == (0, 1)  # told apart by line or hatch
    assert (second[1][0], second[0][0]) == (first[1][0], first[3][0])


def test_the_classes_of_an_embedding_are_named():
    texts = figures.draw(embedding(CLOUD)).legends[0].get_texts()
    assert [t.get_text() for t in texts] == [str(c) for c in sorted(set(CLOUD.classes))]


def test_curves_at_one_value_stand_beside_one_another():
    curves = [Curve(n, (1.0, 9.0), (5.0, 6.0), (1.0, 1.0), (3, 3), 3) for n in "ab"]
    axes = figures.draw(FigureView("d", "c", "C", "quick", "t", "y", tuple(curves))).axes[0]
    solid = [line for line in axes.lines if line.get_linestyle() == "-"]
    one, two = (np.asarray(line.get_xdata(), float) for line in solid)
    assert 0 < two[0] - one[0] < 0.2
