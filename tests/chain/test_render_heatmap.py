"""How heat maps are drawn; what was not measured is hatched and no zero."""

import matplotlib as mpl
import pytest
from harness import bench, outputs, places
from matplotlib.patches import Polygon, Rectangle
from views import SITE, heatmap

from bench.errors import BenchError
from bench.render import figures, legend, pages
from bench.render.write import write
from bench.report.view_types import Heatmap


def fields(axes):
    """Column and row -> the field's patch."""
    found = [p for p in axes.patches if isinstance(p, Rectangle)]
    return {(round(p.get_x() + 0.5), round(p.get_y() + 0.5)): p for p in found}


def test_fields_without_a_value_are_hatched_and_say_which():
    drawn = figures.draw(heatmap([[None, None], [0.0, 50.0]], failed=[[True, False], [False] * 2]))
    at = fields(drawn.axes[0])
    hatches = {place: at[place].get_hatch() for place in at}
    assert hatches[0, 1] is hatches[1, 1] is None
    assert len({None, hatches[0, 0], hatches[1, 0]}) == 3
    zero = mpl.colormaps["cividis"](0.0)
    assert at[0, 1].get_facecolor() == pytest.approx(zero)
    assert at[0, 0].get_facecolor() != pytest.approx(zero)
    # Neither is the number nought: only two fields have numbers.
    assert sorted(t.get_text() for t in drawn.axes[0].texts) == ["0.0", "50.0"]
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["not measured", "failed"]


def test_a_field_has_the_colour_of_its_value_on_a_scale_that_all_panels_share():
    drawn = figures.draw(heatmap([[25.0, 75.0]], panels=3))
    for axes in drawn.axes[:3]:
        at = fields(axes)
        for column, share in ((0, 0.25), (1, 0.75)):
            wanted = mpl.colormaps["cividis"](share)
            assert at[column, 0].get_facecolor() == pytest.approx(wanted)
    bars = [axes for axes in drawn.axes if axes.get_ylabel() == "NMI (%)"]
    assert [axes.get_ylim() for axes in bars] == [(0.0, 100.0)]


def test_a_count_has_its_largest_value_as_the_end_of_the_scale():
    drawn = figures.draw(heatmap([[4.0, 12.0]], top=None, value_label="NDC"))
    assert drawn.axes[-1].get_ylim() == (0.0, 12.0)
    assert [t.get_text() for t in drawn.axes[0].texts] == ["4", "12"]


def test_y_grows_upwards_and_ticks_are_the_values():
    view = heatmap([[1.0, 2.0], [3.0, 4.0]])
    axes = figures.draw(view).axes[0]
    assert axes.get_ylim() == (-0.5, 1.5)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "1"]
    texts = {t.get_text(): t.get_position() for t in axes.texts}
    assert texts == {"1.0": (0, 0), "2.0": (1, 0), "3.0": (0, 1), "4.0": (1, 1)}


@pytest.mark.parametrize(("columns", "shown"), [(5, "33.3"), (7, "33"), (12, "33"), (13, None)])
def test_numbers_stand_in_the_fields_while_they_fit(columns, shown):
    axes = figures.draw(heatmap([[33.3] * columns])).axes[0]
    assert {t.get_text() for t in axes.texts} == ({shown} if shown else set())


def test_numbers_are_read_on_dark_and_bright_fields():
    axes = figures.draw(heatmap([[0.0, 100.0]])).axes[0]
    assert [t.get_color() for t in axes.texts] == ["white", "black"]


@pytest.mark.parametrize(
    ("n", "planned", "title"),
    [
        ([[10, 10]], 10, "K = 10"),
        ([[2, 2]], 2, "K = 10 (n=2)"),
        ([[1, 2]], 2, "K = 10 (n=1\N{EN DASH}2/2)"),
        ([[1, 1]], 2, "K = 10 (n=1/2)"),
    ],
)
def test_the_title_shows_n_and_a_corner_the_field_that_lacks_seeds(n, planned, title):
    view = heatmap([[10.0, 20.0]], n, planned=planned)
    axes = figures.draw(view).axes[0]
    assert axes.get_title() == title
    cut = [p for p in axes.patches if isinstance(p, Polygon)]
    corners = [tuple(p.get_xy().min(axis=0)) for p in cut]
    assert corners == [(i + 0.25, 0.25) for i, count in enumerate(n[0]) if count < planned]
    assert ("White corner" in legend.figure_caption(view)) == bool(cut)


@pytest.mark.parametrize(("panels", "width", "rows"), [(1, 3.4, 1), (2, 7.0, 1), (3, 7.0, 2)])
def test_panels_stand_two_a_row(panels, width, rows):
    drawn = figures.draw(heatmap([[10.0, 20.0]] * 2, panels=panels))
    assert drawn.get_figwidth() == width
    titled = [axes for axes in drawn.axes if axes.get_title()]
    assert len(titled) == panels
    drawn.draw_without_rendering()
    assert len({round(axes.get_position().y0, 3) for axes in titled}) == rows


@pytest.mark.parametrize(
    ("best", "words"),
    [
        (True, "maximum over seeds, chosen after scoring with the labels; n"),
        (False, "the mean over"),
    ],
)
def test_the_best_of_restarts_is_said_in_the_caption(best, words):
    assert words in legend.figure_caption(heatmap([[1.0]], best=best))


def test_nothing_measured_is_all_hatched_and_says_so():
    axes = figures.draw(heatmap([[None, None]])).axes[0]
    assert axes.get_title() == "K = 10 (not measured)"
    assert all(patch.get_hatch() for patch in fields(axes).values())


def test_a_panel_needs_one_shape():
    with pytest.raises(BenchError, match=r"panel 'p'.*one shape"):
        Heatmap("p", ((1.0,), (2.0,)), ((1,),), ((False,), (False,)), 1)
    with pytest.raises(BenchError, match=r"panel 'p'.*one shape"):
        Heatmap("p", ((1.0, 2.0), (2.0,)), ((1, 1), (1,)), ((False, False), (False,)), 1)


def test_files_are_the_same_bytes_each_time_and_the_page_shows_them(tmp_path, monkeypatch):
    view = heatmap([[None, 50.0], [0.0, 12.0]], [[0, 1], [2, 2]], panels=3, best=True)
    first = write(view, tmp_path / "a")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with mpl.rc_context({"font.size": 20, "hatch.linewidth": 3, "image.cmap": "hot"}):
        second = write(view, tmp_path / "b")
    assert [p.name for p in first] == ["e-m-quick.pdf", "e-m-quick.png", "e-m-quick.tex"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert r"\begin{figure*}" in first[2].read_text()
    assert 'src="figures/e-m-quick.png"' in pages.figures(SITE, [view])


def test_a_run_draws_it_and_rendering_again_changes_no_byte(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        'title = "T"\n[[figure]]\nkind = "heatmap"\nname = "k"\ncaption = "C."\n'
        'task = "tiny/cluster"\nmetric = "ACC"\n'
        'x = { label = "K", setting = "n_clusters", values = [3, 4] }\n'
        'y = { label = "steps", param = "iterations", values = [1, 3] }\n'
        '[[figure.curve]]\nlabel = "centroids"\nmethod = "centroids"\n'
    )
    results = tmp_path / "results"
    assert bench("run", path, *places(results), "--seeds", "1") == 0
    first = outputs(results)
    assert {"figures/small-k-quick.pdf", "figures/small-k-quick.png"} <= first.keys()
    assert bench("render", path, *places(results)) == 0
    assert outputs(results) == first
