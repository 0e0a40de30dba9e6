"""Figures in experiment files: what each kind asks to be computed, what is said of a bad one."""

import pytest
from figures import BARS, CURVE, EMBEDDING, HEATMAP, TRAINING, refused, write
from harness import make_plan

from bench.plan import experiment
from bench.report.comparisons import compare_all
from bench.store import states
from bench.store.folders import Store

GROUPS = BARS[BARS.index("published") : BARS.index("[[figure.curve]]")]

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
    "quick value": (HEATMAP, "quick = [0.0, 1.0]", "quick = [0.0, 2.0]", "= 2.0 must be a number"),
    "truth": (HEATMAP, 'label = "X"', 'label = "X", truth = 1', "has neither log nor truth"),
    "value": (HEATMAP, "[0.25, 0.75]", "[0.25, 1.5]", "similar_recall = 1.5"),
    "setting": (HEATMAP, '"similar_recall"', '"similar_recal"', "did you mean 'similar_recall'?"),
    "metric": (HEATMAP, '"NMI"', '"NMY"', "unknown metric 'NMY': did you mean 'NMI'?"),
    "another kind": (HEATMAP, '"heatmap"', '"curve"', "y is not for this kind"),
    "tasks of a map": (HEATMAP, 'best = "max"', 'tasks = ["tiny/pairs"]', "tasks is for kind"),
    "rule": (HEATMAP, '"max"', '"mode"', "best = 'mode' is none of '', 'max'"),
    "best of bars": (BARS, 'metric = "ACC"\np', 'metric = "ACC"\nbest = "max"\np', "best is for k"),
    "no groups": (BARS, "group = [", "none = [", "unknown key 'none'"),
    "axis of bars": (BARS, "group =", 'x = { label = "X" }\ngroup =', "x is not for this kind"),
    "group twice": (BARS, "{ task", '{ label = "flat", task', "a label of its own"),
    "group's task": (BARS, '"tiny/flat"', '"tiny/flet"', "unknown task 'tiny/flet': did you mean"),
    "kind of task": (BARS, '"tiny/flat"', '"tiny/adapt"', "takes cluster tasks, 'tiny/adapt'"),
    "no list": (BARS, GROUPS, 'tasks = "tiny/flat"\n', "unknown group of tasks 'tiny/flat'"),
    "a task twice": (BARS, GROUPS, 'tasks = ["tiny/flat", "tiny/flat"]\n', "a label of its own"),
    "no name": (
        BARS,
        '{ label = "flat", task = "tiny/flat", ',
        "{ ",
        "a label of its own, or a task",
    ),
    "published too wide": (
        BARS,
        ', published = { dataset = "Omniglot-eval/Keble" }',
        "",
        "add dataset",
    ),
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
    "counts": (
        BARS.replace('metric = "ACC"\n', "").replace('"centroids"', '"centroids"\nmetric = "ACC"'),
        'metric = "ACC"',
        'metric = "NDC"',
        "counts and fractions do not share an axis",
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


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    text, old, new, expected = BAD[case]
    said = refused(tmp_path, text, old, new)
    assert expected in said
    assert ": figure" in said or case == "its seeds"  # which are counted over the whole file


# --- plans --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "columns", "seeds"), [("quick", 2, 2), ("paper", 3, 5)])
def test_a_heatmap_asks_for_every_pair_of_values_in_each_panel(preset, columns, seeds, tmp_path):
    plan = make_plan(write(tmp_path, HEATMAP), preset=preset)
    assert len(plan.slots) == 2 * 2 * columns
    assert len(plan.cells) == 2 * 2 * columns * seeds
    settings = {tuple(sorted(s.entry.setting.items())) for s in plan.slots}
    assert len(settings) == len(plan.slots)
    assert {"n_clusters", "similar_recall", "dissimilar_recall"} in [set(dict(s)) for s in settings]
    one = experiment.load(str(write(tmp_path, HEATMAP)))
    assert {p.setting["dissimilar_recall"] for p in one.entries()} == {0.0, 0.5, 1.0}


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


def test_a_curve_may_be_a_mean_over_tasks(tmp_path):
    text = CURVE.replace('task = "tiny/cluster"\n', "").replace(
        'published = { method = "CCN" }', 'tasks = ["tiny/cluster", "tiny/flat"]'
    )
    plan = make_plan(write(tmp_path, text))
    assert {s.entry.all_tasks for s in plan.slots} == {("tiny/cluster", "tiny/flat")}


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
    assert found == [("ours", "flat", "missing")]  # neither measured nor referred to: nothing
