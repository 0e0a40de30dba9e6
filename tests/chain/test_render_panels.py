"""Images, confusion and embeddings as they are drawn."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from views import SITE

from bench.render import figures, latex, legend, pages
from bench.render.style import DASHES, FRAMES
from bench.render.write import write as write_view
from bench.report.picture_types import ImagesView, Picture, Sheet, Strip
from bench.report.view_types import ConfusionView, EmbeddingView, Matrix


def picture(frame=None, shape=(4, 8, 1)):
    return Picture(shape, bytes(range(int(np.prod(shape)))), frame)


def images_view(*panels, **fields):
    fields = {"show": "clusters", "pick": "random"} | fields
    return ImagesView("d", "i", "C", "quick", panels=panels, **fields)


SHEET = Sheet("a", (Strip((picture(0), picture(8)), "0.25"), Strip((picture(15),), "1.00")))
MATRIX = Matrix(
    "m", ((75.0, 25.0, 0.0), (0.2, 0.0, 99.8)), (0, 2), (0, 2, None), (40.0, 10.0, 50.0)
)


def confusion_view(*panels):
    return ConfusionView("d", "c", "C", "quick", panels)


def test_pictures_are_framed_by_class_and_rows_labelled():
    axes, other = figures.draw(images_view(SHEET, Sheet("b", words="failed"))).axes
    frames = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert [f.get_edgecolor() for f in frames] == [to_rgba(FRAMES[i]) for i in (0, 1, 1)]
    assert [f.get_linestyle() for f in frames] == list(DASHES)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0.25", "1.00"]
    assert (axes.get_title(), [t.get_text() for t in other.texts]) == ("a", ["failed"])
    shown_pixels = np.asarray(axes.images[0].get_array())
    assert shown_pixels.shape == (4, 8, 3)
    assert shown_pixels[1, 2].tolist() == [10, 10, 10]
    left, right, bottom, top = axes.images[0].get_extent()
    assert right - left == pytest.approx(2 * (bottom - top))


def test_colour_is_shown_as_it_is_and_filters_have_no_frame():
    sheet = Sheet("a", (Strip((picture(shape=(2, 2, 3)),)),))
    view = images_view(sheet, show="filters", pick="")
    axes = figures.draw(view).axes[0]
    assert np.asarray(axes.images[0].get_array())[0, 1].tolist() == [3, 4, 5]
    assert not axes.patches
    assert "Filters of the first convolution" in legend.figure_caption(view)


def test_captions_say_what_is_seen():
    caption = legend.figure_caption(images_view(SHEET))
    assert "clusters drawn at random" in caption
    assert "entropy of the true classes in the cluster, nats" in caption
    assert "frame (colour and dashes): true class" in caption
    assert "lowest entropy" in legend.figure_caption(images_view(SHEET, pick="purest"))
    near = legend.figure_caption(images_view(SHEET, show="neighbours", pick=""))
    assert "First column: queries" in near
    assert "percent of a class's images" in legend.figure_caption(confusion_view(MATRIX))


def test_confusion_has_bars_over_its_map_and_no_number_for_what_rounds_to_nothing():
    drawn = figures.draw(confusion_view(MATRIX, Matrix("n", words="not measured")))
    bars: Any
    bars, _, fields, empty = drawn.axes[:4]
    assert [p.get_height() for p in bars.patches] == [40, 10, 50]
    assert [t.get_text() for t in fields.texts] == ["75", "25", "100"]
    assert [t.get_text() for t in fields.get_xticklabels()] == ["0", "2", "\N{EN DASH}"]
    assert [t.get_text() for t in fields.get_yticklabels()] == ["0", "2"]
    assert [t.get_text() for t in empty.texts] == ["not measured"]


def test_many_clusters_have_no_numbers_and_few_ticks():
    wide = Matrix("w", ((1.0,) * 100,), (0,), (0, *[None] * 99), (1.0,) * 100)
    fields = figures.draw(confusion_view(wide)).axes[1]
    assert not fields.texts
    assert len(fields.get_xticks()) == 25


@pytest.mark.parametrize(
    ("view", "wide"),
    [
        (images_view(SHEET, SHEET), False),
        (images_view(Sheet("a", (Strip((picture(1),) * 6),)), SHEET), True),
        (confusion_view(MATRIX, MATRIX), True),
        (confusion_view(MATRIX), False),
    ],
)
def test_files_are_the_same_bytes_each_time(view, wide, tmp_path):
    one, two = (write_view(view, tmp_path / name) for name in "ab")
    assert [p.suffix for p in one] == [".pdf", ".png", ".tex"]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    assert (r"\begin{figure*}" in latex.figure(view)) == wide
    assert ('class="wide-figure"' in pages.figures(SITE, [view])) == wide


def test_views_without_panels_are_drawn():
    for view in (images_view(), confusion_view(), EmbeddingView("d", "e", "C", "quick", ())):
        assert figures.draw(view).axes
