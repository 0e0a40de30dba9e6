"""Grouped bars: from the TOML to the drawn bars, printed numbers, and the words for what lacks."""

import matplotlib as mpl
import pytest
from harness import FAULTY, PLUGINS, make_plan
from matplotlib.colors import same_color
from scored import scored

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment
from bench.plan.published import find
from bench.render import figures, legend
from bench.render.write import write
from bench.report.table_views import views
from bench.report.view_types import Curve, FigureView

GOOD = """
title = "T"
paper = "supreme"
[preset.quick]
seeds = 2
[[figure]]
kind = "bars"
name = "bars"
caption = "By task."
metric = "ACC"
published = { table = "1" }
group = [
  { task = "tiny/flat", label = "Flat", published = { dataset = "SVHN" } },
  { task = "tiny/cluster", published = { dataset = "CIFAR-10" } },
]
[[figure.curve]]
label = "Lloyd"
method = "centroids"
published = { method = "K-means" }
[[figure.curve]]
label = "carried"
method = "carrier"
"""

GROUPS = GOOD[GOOD.index("group =") : GOOD.index("[[figure.curve]]")]
FILTER = 'published = { method = "K-means" }\n'
TASKS = GOOD.replace(FILTER, "").replace(GROUPS, 'tasks = ["tiny/flat", "tiny/cluster"]\n')
"""The same without printed numbers, in short."""
# What is replaced by what, and what the error then says.
BAD = {
    "task": ('"tiny/cluster"', '"tiny/clusters"', "did you mean 'tiny/cluster'?"),
    "kind of task": ('"tiny/cluster"', '"tiny/adapt"', "takes cluster tasks, 'tiny/adapt'"),
    "no groups": (GROUPS, "", "bars need groups"),
    "no list": (GROUPS, 'tasks = "tiny/flat"\n', "unknown group of tasks 'tiny/flat'"),
    "a task twice": (GROUPS, 'tasks = ["tiny/flat", "tiny/flat"]\n', "label of its own"),
    "two of a name": ('task = "tiny/flat", label = "Flat"', 'task = "tiny/cluster"', "of its own"),
    "no name": ('task = "tiny/flat", label = "Flat", ', "", "label of its own, or a task"),
    "an axis": (GROUPS, GROUPS + 'x = { param = "iterations", values = [1] }\n', "x is not for"),
    "another kind": ('"bars"\nname', '"curve"\nname', "x must name either a setting or a param"),
    "metric": ('"ACC"', '"AC"', "unknown metric 'AC': did you mean 'ACC'?"),
    "both name": ('"carrier"', '"carrier"\ntask = "tiny/adapt"', "both name a task"),
    "same label": ('"carried"', '"Lloyd"', "two curves are called 'Lloyd'"),
    "published": ('"SVHN"', '"SVNH"', "unknown published dataset 'SVNH'"),
    "published too wide": (', published = { dataset = "CIFAR-10" }', "", "narrow it"),
}


@pytest.fixture(autouse=True)
def _plugins():
    registry.load([PLUGINS, FAULTY])


def toml(folder, old="", new=""):
    path = folder / "bars.toml"
    path.write_text(GOOD.replace(old, new) if old else GOOD)
    return path


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_place(case, tmp_path):
    old, new, expected = BAD[case]
    assert GOOD.count(old) == 1
    with pytest.raises(BenchError) as caught:
        experiment.load(str(toml(tmp_path, old, new)))
    assert expected in str(caught.value)
    assert "bars.toml: figure" in str(caught.value)


def test_the_plan_has_a_slot_for_each_method_in_each_group(tmp_path):
    chosen = make_plan(toml(tmp_path))
    assert [(s.entry.label, s.column, s.entry.task) for s in chosen.slots] == [
        ("Lloyd", "Flat", "tiny/flat"),
        ("Lloyd", "cluster", "tiny/cluster"),
        ("carried", "Flat", "tiny/flat"),
        ("carried", "cluster", "tiny/cluster"),
    ]
    assert all(sorted(s.cells) == [0, 1] for s in chosen.slots)
    asked = {(c.method, c.task, c.seed) for c in chosen.cells.values()}
    wanted = {
        (m, f"tiny/{t}", n)
        for m in ("centroids", "carrier")
        for t in ("flat", "cluster")
        for n in (0, 1)
    }
    assert wanted <= asked


def test_tasks_are_groups_named_by_their_last_component(tmp_path):
    (tmp_path / "tasks.toml").write_text(TASKS)
    (figure,) = experiment.load(str(tmp_path / "tasks.toml")).figure
    assert [(g.label, g.task) for g in figure.groups] == [
        ("flat", "tiny/flat"),
        ("cluster", "tiny/cluster"),
    ]
    (tmp_path / "same.toml").write_text(TASKS.replace("tiny/flat", "digits/cluster"))
    (figure,) = experiment.load(str(tmp_path / "same.toml")).figure
    assert [g.label for g in figure.groups] == ["digits/cluster", "tiny/cluster"]


def score(slot, seed):
    """Spread in one bar, one seed of two in the next, then a failure and nothing at all."""
    said = {
        ("Lloyd", "Flat"): (0.5, 0.7),
        ("Lloyd", "cluster"): (0.8, "missing"),
        ("carried", "Flat"): ("failed", "failed"),
        ("carried", "cluster"): ("missing", "missing"),
    }
    return said[slot.entry.label, slot.column][seed]


def test_from_records_to_bars(tmp_path):
    (_, (view,)) = views(scored(make_plan(toml(tmp_path)), score))
    lloyd, carried = view.curves
    assert lloyd.x == carried.x == ("Flat", "cluster")
    assert lloyd.mean == pytest.approx((60.0, 80.0))
    assert lloyd.std[0] == pytest.approx(20 / 2**0.5)  # of the sample: ddof 1
    assert lloyd.std[1] is None
    assert (lloyd.n, lloyd.planned) == ((2, 1), 2)
    assert carried.mean == (None, None)
    assert carried.failed == (True, False)


def test_a_curve_with_a_filter_has_the_printed_number_of_each_group(tmp_path):
    (_, (view,)) = views(scored(make_plan(toml(tmp_path)), lambda *_: 0.5))
    lloyd, carried = view.curves
    share = {"paper": "supreme", "table": "1", "method": "K-means"}
    svhn, cifar = (
        find(share | {"dataset": d}, metric="ACC", where="") for d in ("SVHN", "CIFAR-10")
    )
    assert lloyd.published == pytest.approx((100 * svhn.value, 100 * cifar.value))
    assert carried.published == ()
    assert view.published_source == svhn.source


# --- drawing ------------------------------------------------------------------------------------


def curve(label="dec", mean=(10.0, 20.0), **fields):
    std = tuple(None if m is None else 1.0 for m in mean)
    n = tuple(0 if m is None else 10 for m in mean)
    x = tuple(f"group {i}" for i in range(len(mean)))
    made = {"label": label, "x": x, "mean": mean, "std": std, "n": n, "planned": 10}
    return Curve(**(made | fields))


def bars(*curves, **fields):
    named = ("digits", "b", "Bars", "quick", "", "ACC (%)")
    return FigureView(*named, curves, kind="bars", **fields)


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


def test_what_has_no_value_has_no_bar_but_a_word():
    view = bars(curve(mean=(None, 20.0, None), failed=(False, False, True)))
    axes = figures.draw(view).axes[0]
    assert patches(axes) == [[(pytest.approx(1), 20.0)]]
    words = {t.get_text(): round(t.xy[0]) for t in axes.texts}
    assert words == {"not measured": 0, "failed": 2}


def test_error_bars_are_the_standard_deviation_of_two_seeds_and_more():
    axes = figures.draw(bars(curve(std=(2.5, None), n=(2, 1), planned=2))).axes[0]
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
    assert [t.get_text() for t in drawn.legends[0].get_texts()] == ["a", "b", "published"]
    assert "Diamonds: published (ccn table 5)." in legend.figure_caption(view)
    assert "published" not in legend.figure_caption(bars(curve()))


def test_the_legend_shows_n_unless_it_is_ten():
    drawn = figures.draw(bars(curve("a", n=(10, 7)), curve("b"), curve("c", (None, None))))
    texts = [t.get_text() for t in drawn.legends[0].get_texts()]
    assert texts == ["a (n=7\N{EN DASH}10/10)", "b", "c (not measured)"]


def test_many_groups_take_both_columns_and_turn_their_names():
    few = figures.draw(bars(curve()))
    many = figures.draw(bars(*(curve(label, (1.0,) * 20) for label in "abc")))
    assert (few.get_figwidth(), many.get_figwidth()) == (3.4, 7.0)
    assert {t.get_rotation() for t in few.axes[0].get_xticklabels()} == {0}
    assert {t.get_rotation() for t in many.axes[0].get_xticklabels()} == {45}


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


# --- files --------------------------------------------------------------------------------------


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
