"""What figures show of the records."""

import re

import numpy as np
import pytest
import torch
from figures import ALL, BARS, CURVE, EMBEDDING, HEATMAP, TRAINING, finish, shown, write
from harness import bench, make_plan, places
from scored import scored

from bench.report import coordinates, reference, renewing
from bench.report.comparisons import compare_all
from bench.report.table_views import views
from bench.store import states
from bench.store.folders import Store

# --- what they show -----------------------------------------------------------------------------


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


def by_place(slot, seed):
    """A value that tells which field and seed it belongs to."""
    x, y = slot.entry.setting["dissimilar_recall"], slot.entry.setting["similar_recall"]
    return x / 2 + y / 4 + seed / 8


def test_each_value_stands_at_its_x_and_y(tmp_path):
    (_, (view,)) = views(scored(make_plan(write(tmp_path, HEATMAP)), by_place))
    assert (view.x, view.y, view.top) == ((0.0, 1.0), (0.25, 0.75), 100.0)
    for panel in view.panels:
        assert panel.value == ((18.75, 68.75), (31.25, 81.25))
        assert (panel.n, panel.planned) == (((2, 2),) * 2, 2)


def partly(slot, seed):
    """One field blocked, one missing, one with half of its seeds, one whole."""
    place = (slot.entry.setting["dissimilar_recall"], slot.entry.setting["similar_recall"])
    half = 0.5 if seed == 0 else "failed"
    return {(0.0, 0.25): "blocked", (1.0, 0.25): "missing", (0.0, 0.75): half}.get(place, 0.9)


def test_what_is_missing_or_failed_has_no_value(tmp_path):
    (_, (view,)) = views(scored(make_plan(write(tmp_path, HEATMAP)), partly))
    panel = view.panels[0]
    assert panel.value == ((None, None), (50.0, 90.0))
    assert panel.n == ((0, 0), (1, 2))
    assert panel.failed == ((True, False), (False, False))


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


@pytest.mark.parametrize("kind", [CURVE, BARS, HEATMAP])
@pytest.mark.parametrize("metric", ["NDC", "NMI"])
def test_a_metric_that_curves_name_is_shown_as_the_figures_own(metric, kind, tmp_path):
    lines = [line for line in kind.splitlines() if not line.startswith(("metric =", "best ="))]
    text = "\n".join(line for line in lines if "published" not in line or "task" in line)
    text = re.sub(r", published = {[^}]*}", "", text) + "\n"
    own = text.replace("method =", f'metric = "{metric}"\nmethod =')
    whole = text.replace('caption = "C."', f'caption = "C."\nmetric = "{metric}"')
    found = []
    for figure in (own, whole):
        (_, (view,)) = views(scored(make_plan(write(tmp_path, figure)), lambda *_: 0.5))
        found.append(view)
    assert found[0] == found[1]
    values = (
        [v for c in found[0].panels for v in sum(c.value, ())]
        if kind is HEATMAP
        else [v for c in found[0].curves for v in c.mean]
    )
    label = found[0].value_label if kind is HEATMAP else found[0].y_label
    expected = (0.5, "NDC") if metric == "NDC" else (50.0, "NMI (%)")
    assert (set(values), label) == ({expected[0]}, expected[1])


@pytest.mark.parametrize(
    ("metrics", "label"),
    [
        (["NMI", "ACC"], "ACC, NMI (%)"),
        (["NDC", "ADif"], "ADif, NDC"),
        (["ACC", "NMI", "ARI", "AMI"], "value (%)"),
    ],
)
def test_several_metrics_are_all_named_beside_the_axis(metrics, label, tmp_path):
    head = CURVE.replace('metric = "ACC"\n', "").partition("[[figure.curve]]")[0]
    curves = "".join(
        f'[[figure.curve]]\nlabel = "{one}"\nmethod = "centroids"\nmetric = "{one}"\n'
        for one in metrics
    )
    (_, (view,)) = views(scored(make_plan(write(tmp_path, head + curves)), lambda *_: 0.5))
    assert view.y_label == label


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
    renewing.update(found, "first", folder=tmp_path / "reference")
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
    names = [f"figures-{x}-quick.{end}" for x in "bceht" for end in ("pdf", "png", "tex")]
    drawn = [name for name in names if name not in ("figures-e-quick.pdf", "figures-e-quick.png")]
    assert [f.name for f in files] == drawn  # nothing of e's is stored
    assert "is stored" in (tmp_path / "figures" / "figures-e-quick.tex").read_text()
    before = [f.read_bytes() for f in files]
    assert bench("render", path, *places(tmp_path)) == 0
    assert [f.read_bytes() for f in files] == before
    capsys.readouterr()
