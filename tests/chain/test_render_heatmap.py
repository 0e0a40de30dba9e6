"""Heat maps: from the TOML to the drawn fields; what was not measured is hatched and no zero."""

import matplotlib as mpl
import pytest
from harness import FAULTY, PLUGINS, bench, make_plan, outputs, places
from matplotlib.patches import Polygon, Rectangle
from scored import scored

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment
from bench.render import figures, html, legend
from bench.render.write import write
from bench.report.table_views import views
from bench.report.view_types import Heatmap, HeatmapView

GOOD = """
title = "T"
preset.quick.seeds = 2
[[figure]]
kind = "heatmap"
name = "map"
caption = "Noisy answers."
task = "tiny/pairs"
metric = "NMI"
best = "max"
x = { label = "dissimilar", setting = "dissimilar_recall", values = [0.0, 0.25, 0.5], quick = [0.0, 0.5] }
y = { label = "similar", setting = "similar_recall", values = [0.0, 0.2, 1.0] }
[[figure.curve]]
label = "all pairs"
method = "clusternet"
setting = { density = 1.0 }
[[figure.curve]]
label = "a tenth"
method = "clusternet"
setting = { density = 0.1 }
"""  # noqa: E501 - as it is written in a file

X, Y = (line for line in GOOD.splitlines() if line.startswith(("x =", "y =")))
# What is replaced by what, and what the error then says.
BAD = {
    "kind": ('"heatmap"', '"heatmaps"', "kind = 'heatmaps' is none of 'curve', 'heatmap'"),
    "rule": ('best = "max"', 'best = "min"', "best = 'min' is none of"),
    "another kind": ('"heatmap"', '"curve"', "y is not for this kind"),
    "no y": (Y, "", "y must name either a setting or a param"),
    "no x": (X, "", "x must name either a setting or a param"),
    "both": (
        ' "similar_recall"',
        ' "similar_recall", param = "steps"',
        "either a setting or a param",
    ),
    "no values": ("[0.0, 0.2, 1.0]", "[]", "y names no values"),
    "twice": ("[0.0, 0.2, 1.0]", "[0.0, 0.2, 0.2]", "y names a value twice"),
    "quick twice": ("quick = [0.0, 0.5]", "quick = [0.5, 0.5]", "x names a value twice"),
    "no label": ('label = "similar", ', "", "y has no label"),
    "one setting": ('"similar_recall"', '"dissimilar_recall"', "both vary 'dissimilar_recall'"),
    "setting": ('"similar_recall"', '"similar_recal"', "did you mean 'similar_recall'?"),
    "value": ("[0.0, 0.2, 1.0]", "[0.0, 0.2, 1.5]", "similar_recall = 1.5"),
    "quick value": ("quick = [0.0, 0.5]", "quick = [0.0, 5.0]", "dissimilar_recall = 5.0"),
    "truth": ('label = "similar", ', 'label = "similar", truth = 0.2, ', "neither log nor truth"),
    "groups": ('best = "max"', 'tasks = ["tiny/pairs"]', "tasks is for kind"),
    "same label": ('label = "a tenth"', 'label = "all pairs"', "two curves are called 'all pairs'"),
    "metric": ('"NMI"', '"NMY"', "unknown metric 'NMY': did you mean 'NMI'?"),
}


@pytest.fixture(autouse=True)
def _plugins():
    registry.load([PLUGINS, FAULTY])


def toml(folder, old="", new=""):
    path = folder / "maps.toml"
    path.write_text(GOOD.replace(old, new) if old else GOOD)
    return path


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_place(case, tmp_path):
    old, new, expected = BAD[case]
    assert GOOD.count(old) == 1
    with pytest.raises(BenchError) as caught:
        experiment.load(str(toml(tmp_path, old, new)))
    assert expected in str(caught.value)
    assert "maps.toml: figure" in str(caught.value)


def test_the_plan_has_a_cell_for_each_field_and_seed(tmp_path):
    quick = make_plan(toml(tmp_path))
    asked = {
        (s.entry.label, *(s.entry.setting[k] for k in ("dissimilar_recall", "similar_recall")))
        for s in quick.slots
    }
    both = ("all pairs", "a tenth")
    assert asked == {(c, x, y) for c in both for x in (0.0, 0.5) for y in (0.0, 0.2, 1.0)}
    mine = [c for c in quick.cells.values() if c.method == "clusternet"]
    assert len(mine) == 2 * 2 * 3 * 2
    assert all(len(s.cells) == 2 for s in quick.slots)
    paper = make_plan(toml(tmp_path), preset="paper", seeds=(0,))
    assert len([c for c in paper.cells.values() if c.method == "clusternet"]) == 2 * 3 * 3


def test_an_experiment_names_its_fields_under_every_preset(tmp_path):
    settings = [
        p.setting["dissimilar_recall"] for p in experiment.load(str(toml(tmp_path))).parts()
    ]
    assert set(settings) == {0.0, 0.25, 0.5}


def measured(tmp_path, score, old="", new=""):
    """The view of the file's heat map, with scores in place of a run."""
    (_, (view,)) = views(scored(make_plan(toml(tmp_path, old, new)), score))
    return view


def by_place(slot, seed):
    """A value that tells which field and seed it belongs to."""
    x, y = slot.entry.setting["dissimilar_recall"], slot.entry.setting["similar_recall"]
    return x / 2 + y / 4 + seed / 8


def test_each_value_stands_at_its_x_and_y(tmp_path):
    view = measured(tmp_path, by_place)
    assert (view.x, view.y, view.top) == ((0.0, 0.5), (0.0, 0.2, 1.0), 100.0)
    for panel in view.panels:
        assert panel.value == ((12.5, 37.5), (17.5, 42.5), (37.5, 62.5))
        assert panel.n == ((2, 2),) * 3
        assert panel.planned == 2
    assert [p.label for p in view.panels] == ["all pairs", "a tenth"]


def test_best_is_the_maximum_and_its_absence_the_mean(tmp_path):
    best = measured(tmp_path, by_place)
    mean = measured(tmp_path, by_place, 'best = "max"\n', "seeds = 2\n")
    assert best.panels[0].value[1] == (17.5, 42.5)
    assert mean.panels[0].value[1] == pytest.approx((11.25, 36.25))
    assert "maximum over seeds" in legend.figure_caption(best)
    assert "after scoring" in legend.figure_caption(best)
    assert "mean over seeds" in legend.figure_caption(mean)
    assert "maximum" not in legend.figure_caption(mean)


def partly(slot, seed):
    """One field failed, one missing, one with half of its seeds."""
    place = (slot.entry.setting["dissimilar_recall"], slot.entry.setting["similar_recall"])
    if place == (0.0, 0.2):
        return 0.5 if seed == 0 else "failed"
    return {(0.5, 0.0): "failed", (0.0, 0.0): "missing", (0.0, 1.0): "blocked"}.get(place, 0.9)


def test_what_is_missing_or_failed_has_no_value(tmp_path):
    panel = measured(tmp_path, partly).panels[0]
    assert panel.value == ((None, None), (50.0, 90.0), (None, 90.0))
    assert panel.n == ((0, 0), (1, 2), (0, 2))
    assert panel.failed == ((False, True), (False, False), (True, False))


# --- drawing ------------------------------------------------------------------------------------


def heatmap(value, n=None, failed=None, panels=1, planned=2, **fields):
    """A view of equal panels, all of whose seeds are there unless `n` says otherwise."""
    n = n or [[0 if v is None else planned for v in row] for row in value]
    failed = failed or [[False] * len(row) for row in value]
    grids = (tuple(map(tuple, grid)) for grid in (value, n, failed))
    one = Heatmap("K = 10", *grids, planned)
    fields = {"x_label": "x", "y_label": "y", "value_label": "NMI (%)", "top": 100.0} | fields
    x, y = tuple(range(len(value[0]))), tuple(range(len(value)))
    return HeatmapView("e", "m", "C", "quick", x=x, y=y, panels=(one,) * panels, **fields)


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
    cut = [p for p in axes.patches if isinstance(p, Polygon) and not isinstance(p, Rectangle)]
    assert len(cut) == sum(count < planned for count in n[0])
    assert ("White corner" in legend.figure_caption(view)) == bool(cut)


@pytest.mark.parametrize(("panels", "width", "rows"), [(1, 3.4, 1), (2, 7.0, 1), (3, 7.0, 2)])
def test_panels_stand_two_a_row(panels, width, rows):
    drawn = figures.draw(heatmap([[10.0, 20.0]] * 2, panels=panels))
    assert drawn.get_figwidth() == width
    titled = [axes for axes in drawn.axes if axes.get_title()]
    assert len(titled) == panels
    drawn.draw_without_rendering()
    assert len({round(axes.get_position().y0, 3) for axes in titled}) == rows


def test_nothing_measured_is_all_hatched_and_says_so():
    axes = figures.draw(heatmap([[None, None]])).axes[0]
    assert axes.get_title() == "K = 10 (not measured)"
    assert all(patch.get_hatch() for patch in fields(axes).values())


def test_a_panel_needs_one_shape():
    with pytest.raises(BenchError, match=r"panel 'p'.*one shape"):
        Heatmap("p", ((1.0,), (2.0,)), ((1,),), ((False,), (False,)), 1)
    with pytest.raises(BenchError, match=r"panel 'p'.*one shape"):
        Heatmap("p", ((1.0, 2.0), (2.0,)), ((1, 1), (1,)), ((False, False), (False,)), 1)


# --- files --------------------------------------------------------------------------------------


def test_files_are_the_same_bytes_each_time_and_the_page_shows_them(tmp_path, monkeypatch):
    view = heatmap([[None, 50.0], [0.0, 12.0]], [[0, 1], [2, 2]], panels=3, best=True)
    first = write(view, tmp_path / "a")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with mpl.rc_context({"font.size": 20, "hatch.linewidth": 3, "image.cmap": "hot"}):
        second = write(view, tmp_path / "b")
    assert [p.name for p in first] == ["e-m-quick.pdf", "e-m-quick.png", "e-m-quick.tex"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert r"\begin{figure*}" in first[2].read_text()
    assert 'src="../figures/e-m-quick.png"' in html.page([view], "quick")


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
    assert "small-k-quick.png" in (results / "report" / "quick.html").read_text()
    assert bench("render", path, *places(results)) == 0
    assert outputs(results) == first
