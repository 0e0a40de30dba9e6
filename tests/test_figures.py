"""Figures in experiment files: what each kind asks to be computed, what is said of a bad one, and
what it shows of the records."""

import json

import numpy as np
import pytest
import torch
from harness import FAULTY, PLUGINS, bench, make_plan, places

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment
from bench.report import coordinates, reference, table_views
from bench.report.comparisons import compare_all
from bench.store import code, outputs, states
from bench.store.folders import CURVES, PREDICTION, Store
from bench.store.record import Record
from bench.tasks import Prediction

HEAD = """
title = "T"
paper = "ccn"
[preset.quick]
seeds = 2
[preset.paper]
seeds = 5
"""
HEATMAP = """
[[figure]]
kind = "heatmap"
name = "h"
caption = "C."
task = "tiny/pairs"
metric = "NMI"
best = "max"
x = { label = "X", setting = "dissimilar_recall", values = [0.0, 0.5, 1.0], quick = [0.0, 1.0] }
y = { label = "Y", setting = "similar_recall", values = [0.25, 0.75] }
[[figure.curve]]
label = "K = 4"
method = "answers"
[[figure.curve]]
label = "K = 8"
method = "answers"
setting = { n_clusters = 8 }
"""
BARS = """
[[figure]]
kind = "bars"
name = "b"
caption = "C."
metric = "ACC"
published = { table = "5", metric = "ACC (100)" }
group = [
  { task = "tiny/cluster", published = { dataset = "Omniglot-eval/Angelic" } },
  { label = "flat", task = "tiny/flat", published = { dataset = "Omniglot-eval/Keble" } },
]
[[figure.curve]]
label = "ours"
method = "centroids"
[[figure.curve]]
label = "theirs"
method = "centroids"
params = { iterations = 2 }
published = { method = "CCN" }
"""
TRAINING = """
[[figure]]
kind = "training"
name = "t"
caption = "C."
task = "tiny/cluster"
metric = "ACC"
[[figure.curve]]
label = "centroids"
method = "centroids"
"""
EMBEDDING = """
[[figure]]
kind = "embedding"
name = "e"
caption = "C."
task = "tiny/cluster"
tensor = "outputs"
[[figure.curve]]
label = "centroids"
method = "centroids"
[[figure.curve]]
label = "an artifact"
method = "mean-image"
"""
CURVE = """
[[figure]]
name = "c"
caption = "C."
task = "tiny/cluster"
metric = "ACC"
published = { table = "5", metric = "ACC (100)", dataset = "Omniglot-eval/Keble" }
x = { label = "X", param = "iterations", values = [1, 4], log = true }
[[figure.curve]]
label = "centroids"
method = "centroids"
published = { method = "CCN" }
"""
ALL = HEATMAP + BARS + TRAINING + EMBEDDING + CURVE

# Of which kind, what is replaced by what, and what the error then says.
BAD = {
    "kind": (HEATMAP, '"heatmap"', '"heatmaps"', "kind = 'heatmaps' is none of 'curve', 'heat"),
    "one axis": (HEATMAP, "y = {", "# {", "y must name either a setting or a param"),
    "two things": (HEATMAP, "values = [0.25", 'param = "z", values = [0.25', "y must name either"),
    "same axis": (HEATMAP, '"similar_recall"', '"dissimilar_recall"', "x and y both vary 'dissi"),
    "no values": (HEATMAP, "[0.25, 0.75]", "[]", "y names no values"),
    "twice": (HEATMAP, "[0.0, 1.0]", "[1.0, 1.0]", "x names a value twice"),
    "no label": (HEATMAP, 'label = "X", ', "", "x has no label"),
    "unknown key": (HEATMAP, "quick =", "quik =", "unknown key 'quik': did you mean 'quick'?"),
    "quick value": (HEATMAP, "quick = [0.0, 1.0]", "quick = [0.0, 2.0]", "= 2.0 is not a number"),
    "truth": (HEATMAP, 'label = "X"', 'label = "X", truth = 1', "has neither log nor truth"),
    "rule": (HEATMAP, '"max"', '"mode"', "best = 'mode' is none of '', 'max'"),
    "best of bars": (BARS, 'metric = "ACC"\np', 'metric = "ACC"\nbest = "max"\np', "best is for k"),
    "no groups": (BARS, "group = [", "none = [", "unknown key 'none'"),
    "axis of bars": (BARS, "group =", 'x = { label = "X" }\ngroup =', "x is not for this kind"),
    "group twice": (BARS, "{ task", '{ label = "flat", task', "a label of its own"),
    "group's task": (BARS, '"tiny/flat"', '"tiny/flet"', "unknown task 'tiny/flet': did you mean"),
    "published": (BARS, '"Omniglot-eval/Keble"', '"Keble"', "unknown published dataset 'Keble'"),
    "both name": (BARS, 'label = "ours"', 'label = "ours"\ntask = "tiny/flat"', "both name a task"),
    "same label": (BARS, '"theirs"', '"ours"', "two curves are called 'ours'"),
    "two in one": (TRAINING, '"ACC"', '"ACC"\nlogged = "loss"', "either a metric or a logged"),
    "neither": (TRAINING, 'metric = "ACC"', "", "either a metric or a logged"),
    "no snapshot": (TRAINING, '"ACC"', '"ARI"', "unknown metric of snapshots 'ARI'"),
    "curve's snapshot": (
        TRAINING.replace('metric = "ACC"', "") + 'metric = "ACC"\n',
        'metric = "ACC"',
        'metric = "ARI"',
        "unknown metric of snapshots 'ARI'",
    ),
    "two units": (
        TRAINING.replace('metric = "ACC"\n', "")
        + 'metric = "ACC"\n[[figure.curve]]\nlabel = "o"\nmethod = "centroids"\nmetric = "NMI"\n',
        'metric = "NMI"',
        'metric = "mean entropy"',
        "entropies and fractions do not share an axis",
    ),
    "its axis": (TRAINING, 'name = "t"', 'name = "t"\nx = { values = [1] }', "x has a label alone"),
    "its seeds": (TRAINING, 'name = "t"', 'name = "t"\nseeds = -1', "seeds must be at least 1"),
    "no tensor": (EMBEDDING, 'tensor = "outputs"', "", "names no tensor"),
    "tensor": (CURVE, 'name = "c"', 'name = "c"\ntensor = "o"', 'tensor is for kind = "embedding"'),
    "scored": (
        EMBEDDING,
        "tensor =",
        'metric = "ACC"\ntensor =',
        "embedding shows one cell and has no metric",
    ),
    "no task": (EMBEDDING, 'task = "tiny/cluster"', "", "needs a task"),
    "list": (CURVE, "[1, 4]", "[[1], [4]]", "[1] is no number, word or truth value"),
    "log of 0": (CURVE, "[1, 4]", "[0, 4]", "logarithmic and needs numbers above 0"),
    "artifact": (CURVE, 'method = "centroids"', 'method = "mean-image"', "unknown parameter"),
    "fact": (CURVE, 'label = "centroids"', 'label = "c"\nfact = "source"', "a fact is for tables"),
    "no curve": (CURVE, "[[figure.curve]]", "[preset.quick.params.centroids]", "'curve' is miss"),
}


@pytest.fixture(autouse=True)
def _plugins():
    registry.load([PLUGINS, FAULTY])


def write(folder, *figures):
    path = folder / "figures.toml"
    path.write_text(HEAD + "".join(figures))
    return path


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    text, old, new, expected = BAD[case]
    assert text.count(old) >= 1
    with pytest.raises(BenchError) as caught:
        experiment.load(str(write(tmp_path, text.replace(old, new, 1))))
    assert "figures.toml" in str(caught.value)
    assert expected in str(caught.value)


# --- plans --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "columns", "seeds"), [("quick", 2, 2), ("paper", 3, 5)])
def test_a_heatmap_asks_for_every_pair_of_values_in_each_panel(preset, columns, seeds, tmp_path):
    plan = make_plan(write(tmp_path, HEATMAP), preset=preset)
    assert len(plan.slots) == 2 * 2 * columns
    assert len(plan.cells) == 2 * 2 * columns * seeds
    settings = {tuple(sorted(s.entry.setting.items())) for s in plan.slots}
    assert len(settings) == len(plan.slots)
    assert {"n_clusters", "similar_recall", "dissimilar_recall"} in [set(dict(s)) for s in settings]


def test_bars_ask_for_each_group_and_find_what_is_printed(tmp_path):
    plan = make_plan(write(tmp_path, BARS))
    found = [(s.entry.label, s.column, s.entry.task, s.entry.published) for s in plan.slots]
    filters = {"paper": "ccn", "table": "5", "metric": "ACC (100)", "method": "CCN"}
    assert found == [
        ("ours", "cluster", "tiny/cluster", {}),
        ("ours", "flat", "tiny/flat", {}),
        ("theirs", "cluster", "tiny/cluster", filters | {"dataset": "Omniglot-eval/Angelic"}),
        ("theirs", "flat", "tiny/flat", filters | {"dataset": "Omniglot-eval/Keble"}),
    ]


def test_tasks_are_groups_and_keep_their_names_whole_where_the_last_part_is_shared(tmp_path):
    tasks = 'tasks = ["tiny/cluster", "tiny/flat", "digits/cluster"]'
    start, end = BARS.index("published"), BARS.index("[[figure.curve]]")
    text = (
        BARS[:start] + tasks + "\n" + BARS[end : BARS.index('[[figure.curve]]\nlabel = "theirs"')]
    )
    plan = make_plan(write(tmp_path, text))
    assert [s.column for s in plan.slots] == ["tiny/cluster", "flat", "digits/cluster"]


def test_an_embedding_asks_for_its_first_seed_alone(tmp_path):
    path = write(tmp_path, EMBEDDING)
    assert [list(s.cells) for s in make_plan(path).slots] == [[0], [0]]
    assert [list(s.cells) for s in make_plan(path, seeds=(3, 7)).slots] == [[3], [3]]


def test_what_has_no_score_is_no_concern_of_check(tmp_path):
    text = TRAINING.replace('metric = "ACC"', 'logged = "moved"') + EMBEDDING
    reference = "name,group,row,column,x,metric,mean,values\nb,,ours,flat,,ACC,0.5,0:0.5\n"
    (tmp_path / "figures-quick.csv").write_text(reference)
    results = states.read(make_plan(write(tmp_path, text)), Store(tmp_path))
    assert [(c.name, c.verdict) for c in compare_all(results, tmp_path)] == [("b", "missing")]
    results = states.read(make_plan(write(tmp_path, BARS)), Store(tmp_path))
    found = [(c.row, c.column, c.verdict) for c in compare_all(results, tmp_path)]
    assert found == [
        ("ours", "cluster", "new"),
        ("ours", "flat", "missing"),
        ("theirs", "cluster", "new"),
        ("theirs", "flat", "new"),
    ]


# --- what they show -----------------------------------------------------------------------------


def finish(store, cell, metrics, *, tensors=None, curves=None, failed=False):
    """Put a cell into the store as if it had run."""
    attempt = store.work(cell) / "attempt"
    attempt.mkdir(parents=True)
    outputs.save(attempt / PREDICTION, Prediction(tensors=tensors or {}))
    if curves is not None:
        (attempt / CURVES).write_text(json.dumps(curves))
    record = Record(
        key=cell.key,
        cell=cell.identity(),
        state="failed" if failed else "done",
        metrics=metrics,
        code=code.of_cell(cell),
        output=outputs.digest(attempt / PREDICTION),
    )
    store.publish(cell, attempt, record)


def shown(plan, store):
    """The one figure of a plan."""
    (view,) = table_views.views(states.read(plan, store))[1]
    return view


@pytest.mark.parametrize(("rule", "value"), [('best = "max"', 80.0), ("", 60.0)])
def test_a_heatmap_shows_the_best_or_the_mean_and_never_a_zero(rule, value, tmp_path):
    plan = make_plan(write(tmp_path, HEATMAP.replace('best = "max"', rule)))
    store = Store(tmp_path)
    slots = {
        (s.entry.label, s.entry.setting["dissimilar_recall"], s.entry.setting["similar_recall"]): s
        for s in plan.slots
    }
    cells = {at: [plan.cells[k] for (k,) in s.cells.values()] for at, s in slots.items()}
    for cell, nmi in zip(cells["K = 4", 1.0, 0.25], (0.4, 0.8), strict=True):
        finish(store, cell, {"NMI": nmi})
    finish(store, cells["K = 4", 0.0, 0.25][0], {"NMI": 0.3})
    for cell in cells["K = 4", 1.0, 0.75]:
        finish(store, cell, {}, failed=True)
    view = shown(plan, store)
    assert (view.x, view.y, view.best) == ((0.0, 1.0), (0.25, 0.75), bool(rule))
    four, eight = view.panels
    assert four.value == ((pytest.approx(30), pytest.approx(value)), (None, None))
    assert four.n == ((1, 2), (0, 0))
    assert four.failed == ((False, False), (False, True))
    assert eight.value == ((None, None), (None, None))


def test_bars_show_the_spread_and_the_printed_number(tmp_path):
    plan, store = make_plan(write(tmp_path, BARS)), Store(tmp_path)
    for slot in plan.slots[:1]:
        for seed, (key,) in slot.cells.items():
            finish(store, plan.cells[key], {"ACC": 0.5 + 0.2 * seed})
    view = shown(plan, store)
    ours, theirs = view.curves
    assert (view.kind, ours.x, ours.published) == ("bars", ("cluster", "flat"), ())
    assert ours.mean == (pytest.approx(60), None)
    assert ours.std == (pytest.approx(20 / 2**0.5), None)
    assert theirs.mean == (None, None)
    assert theirs.published == (pytest.approx(82), pytest.approx(90))
    assert view.published_source == "ccn table 5"


def test_a_curve_has_its_printed_number_and_scale(tmp_path):
    view = shown(make_plan(write(tmp_path, CURVE)), Store(tmp_path))
    assert view.x_log
    assert view.curves[0].published == (pytest.approx(90), pytest.approx(90))


@pytest.mark.parametrize(
    ("asked", "scale"),
    [
        ('metric = "ACC"', 100),
        ('metric = "mean entropy"', 1),
        ('logged = "loss"', 1),
        ('logged = "los"', None),
    ],
)
def test_training_shows_mean_and_spread_at_each_step(asked, scale, tmp_path):
    plan = make_plan(write(tmp_path, TRAINING.replace('metric = "ACC"', asked)))
    store = Store(tmp_path)
    first, second = plan.cells.values()
    for cell, steps in ((first, [1, 2, 3]), (second, [1, 2])):
        values = [0.1 * s + 0.4 * cell.seed for s in steps]
        pairs = [[s, v] for s, v in zip(steps, values, strict=True)]
        scores = {"ACC": values, "mean entropy": values}
        curves = {"logged": {"loss": pairs}, "snapshots": {"step": steps, **scores}}
        finish(store, cell, {"ACC": values[-1]}, curves=curves)
    (curve,) = shown(plan, store).curves
    if scale is None:
        assert curve.x == ()
        return
    assert curve.x == (1, 2, 3)
    assert curve.mean == pytest.approx((0.3 * scale, 0.4 * scale, 0.3 * scale))
    assert curve.std[:2] == pytest.approx((0.4 / 2**0.5 * scale,) * 2)
    assert (curve.std[2], curve.n, curve.planned) == (None, (2, 2, 1), 2)


def test_curves_over_training_may_have_a_metric_each(tmp_path):
    two = TRAINING.replace('metric = "ACC"\n', "") + 'metric = "lowest entropy"\n'
    other = '[[figure.curve]]\nlabel = "o"\nmethod = "centroids"\nmetric = "highest entropy"\n'
    plan, store = make_plan(write(tmp_path, two + other)), Store(tmp_path)
    scores = {"step": [1, 2], "lowest entropy": [0.5, 0.25], "highest entropy": [1.5, 1.25]}
    for cell in plan.cells.values():
        finish(store, cell, {"ACC": 0.5}, curves={"logged": {}, "snapshots": scores})
    lowest, highest = shown(plan, store).curves
    assert (lowest.mean, highest.mean) == ((0.5, 0.25), (1.5, 1.25))


def test_what_no_cell_can_have_is_in_no_reference(tmp_path):
    """Curves over training have metrics of snapshots, which records lack."""
    toml = write(tmp_path, TRAINING.replace('"ACC"', '"mean entropy"') + CURVE)
    plan, store = make_plan(toml), Store(tmp_path)
    for cell in plan.cells.values():
        finish(store, cell, {"ACC": 0.5})
    found = states.read(plan, store)
    reference.update(found, "first", folder=tmp_path / "reference")
    text = next((tmp_path / "reference").glob("*.csv")).read_text()
    assert "ACC" in text
    assert "entropy" not in text
    compared = compare_all(found, tmp_path / "reference")
    assert {(one.metric, one.verdict) for one in compared} == {("ACC", "ok")}
    assert reference.left_out(found) == ["figures t: centroids, mean entropy"]


def test_an_embedding_is_computed_once_and_shows_true_classes(tmp_path, monkeypatch):
    plan, store = make_plan(write(tmp_path, EMBEDDING)), Store(tmp_path)
    cell, artifact = (plan.cells[s.cells[0][0]] for s in plan.slots)
    assert [c.words for c in shown(plan, store).panels] == ["not measured"] * 2
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(150, 7)))
    finish(store, cell, {"ACC": 0.5}, tensors={"outputs": values, "w": torch.zeros(3)})
    finish(store, artifact, {}, tensors={"mean": torch.zeros(64)})
    first, other = shown(plan, store).panels
    assert other.words == "no tensor 'outputs' is stored"
    assert (len(first.points), len(first.classes)) == (150, 150)
    assert set(first.classes) == {0, 1, 2, 3}
    monkeypatch.setattr(coordinates, "embed", None)
    assert shown(plan, store).panels[0] == first
    (kept,) = (tmp_path / "runs" / ".embeddings").iterdir()
    assert Store(tmp_path).records().keys() == {cell.key, artifact.key}
    kept.write_bytes(b"damaged")
    monkeypatch.undo()
    assert shown(plan, store).panels[0] == first


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((4, 9)), "4 images of 9 features are too few"),
        (np.zeros((20, 1)), "20 images of 1 features are too few"),
        (np.full((20, 3), np.nan), "NaN or infinite"),
    ],
)
def test_what_cannot_be_embedded_is_said(values, words):
    with pytest.raises(ValueError, match=words):
        coordinates.embed(values)


def test_an_embedding_needs_a_row_for_each_image(tmp_path):
    plan, store = make_plan(write(tmp_path, EMBEDDING)), Store(tmp_path)
    cell = plan.cells[plan.slots[0].cells[0][0]]
    finish(store, cell, {}, tensors={"outputs": torch.randn(40, 5)})
    assert shown(plan, store).panels[0].words == "'outputs' has 40 rows for 150 images"


def test_run_draws_every_kind_and_render_draws_the_same_bytes(tmp_path, capsys):
    path = write(tmp_path, ALL.replace("[0.25, 0.75]", "[0.75]"))
    assert bench("run", path, *places(tmp_path), "--seeds", "1", "--workers", "1") == 0
    files = sorted((tmp_path / "figures").iterdir())
    assert [f.name for f in files] == [
        f"figures-{name}-quick.{ending}" for name in "bceht" for ending in ("pdf", "png", "tex")
    ]
    before = [f.read_bytes() for f in files]
    page = (tmp_path / "report" / "quick.html").read_text()
    assert all(f'src="../figures/{f.name}"' in page for f in files if f.suffix == ".png")
    assert bench("render", path, *places(tmp_path)) == 0
    assert [f.read_bytes() for f in files] == before
    capsys.readouterr()
