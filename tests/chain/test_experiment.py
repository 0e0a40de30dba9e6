"""Experiment files: what a good one means, and what is said of a bad one."""

from typing import Any

import pytest
from harness import bench, make_plan, places, write_experiment

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment

GOOD = """
title = "T"
[preset.quick]
seeds = 2
[[table]]
name = "t"
caption = "C."
[[table.column]]
label = "tiny"
task = "tiny/cluster"
metrics = ["ACC", "NMI"]
[[table.row]]
label = "a"
method = "centroids"
params = { iterations = 3 }
[[table.row]]
label = "b"
published = { paper = "supreme", table = "1", method = "K-means", dataset = "SVHN" }
"""

FIRST_ROW = 'method = "centroids"\nparams = { iterations = 3 }'
# What is replaced by what, and what the error then says.
BAD = {
    "not TOML": ("[[table]]", "[[table", "not valid TOML"),
    "5,000 digits": ("seeds = 2", f"seeds = {'9' * 5000}", "number of more than 300 digits"),
    "in hex": ("iterations = 3", f"iterations = 0x{'f' * 5000}", "of more than 300 digits"),
    "401 digits": ("iterations = 3", f"iterations = {'9' * 401}", "of more than 300 digits"),
    "deep lists": ("iterations = 3", f"iterations = {'[' * 10**5}", "too deep in one another"),
    "deep tables": ("iterations = 3", f"iterations = {'{ a = ' * 3000}", "too deep in one another"),
    "unknown key": ("caption =", "captoin =", "unknown key 'captoin': did you mean 'caption'?"),
    "key missing": ('caption = "C."', "", "key 'caption' is missing"),
    "wrong type": ('title = "T"', "title = 3", "title = 3 is no text"),
    "no list": ('metrics = ["ACC", "NMI"]', 'metrics = "ACC"', "metrics must be a list"),
    "no table": ("params = { iterations = 3 }", "params = 3", "params must be a table"),
    "bool for a number": ("seeds = 2", "seeds = true", "seeds = True is no whole number"),
    "no seeds": ("seeds = 2", "seeds = 0", "seeds must be at least 1"),
    "negative seeds": ("seeds = 2", "seeds = -1", "seeds must be at least 1"),
    "preset": ("preset.quick", "preset.quik", "unknown preset 'quik': did you mean 'quick'?"),
    "method": ('"centroids"', '"centroid"', "unknown method 'centroid': did you mean 'centroids'?"),
    "kind": (
        FIRST_ROW,
        'method = "nearest-mean"',
        "takes adapt tasks, 'tiny/cluster' is a cluster",
    ),
    "artifact": (FIRST_ROW, 'method = "mean-image"', "serves other cells and has no score"),
    "published too wide": (', dataset = "SVHN"', "", "add dataset"),
    "parameter": ("iterations =", "iteratons =", "unknown parameter of centroids 'iteratons'"),
    "value": (
        "iterations = 3",
        'iterations = "3"',
        "centroids.iterations = '3' is no whole number",
    ),
    "a row's seeds": ("params = { iter", "seeds = -2\nparams = { iter", "seeds must be at least 1"),
    "literal": (
        FIRST_ROW,
        'method = "kmeans"\nparams = { features = 5 }',
        "kmeans.features = 5 is none of 'pixels', 'source'",
    ),
    "list's value": (
        "[[table]]",
        '[preset.quick.params.autoencoder]\nwidths = ["a"]\n[[table]]',
        "autoencoder.widths[0] = 'a' is no whole number",
    ),
    "method's own check": (
        FIRST_ROW,
        'method = "supervised"\nparams = { folds = 1 }',
        "method 'supervised': folds = 1",
    ),
    "task": ('"tiny/cluster"', '"tiny/clusters"', "unknown task 'tiny/clusters': did you mean"),
    "metric": ('"NMI"]', '"NMY"]', "unknown metric 'NMY': did you mean 'NMI'?"),
    "same label": ('label = "b"', 'label = "a"', "two rows are called 'a': label them apart"),
    "no label": (
        '[[table.row]]\nlabel = "a"',
        '[[table.row]]\nmethod = "centroids"\n' * 2 + '[[table.row]]\nlabel = "a"',
        "two rows have no label",
    ),
    "one table": ("[[table]]", "[table]", "table must be a list of tables: write [[table]]"),
    "reserved": ('title = "T"', 'title = "T"\nname = "n"', "'name' is taken from the file's own"),
    "published paper": ('"supreme"', '"suprem"', "unknown published paper 'suprem'"),
    "published table": ('table = "1"', 'table = "99"', "unknown published table '99'"),
    "published column": ('table = "1"', 'tabel = "1"', "unknown column of the published numbers"),
    "both name": (
        'task = "tiny/cluster"',
        'task = "tiny/cluster"\nmethod = "carrier"',
        "both name",
    ),
    "a fraction's unit": (
        'label = "tiny"',
        'label = "tiny"\nunit = "count"',
        "row 'a': unit = 'count', but ACC is a fraction",
    ),
    "a count's unit": (
        'metrics = ["ACC", "NMI"]',
        'metrics = ["NDC"]\nunit = "percent"',
        "row 'a': unit = 'percent', but NDC is a count",
    ),
    "unit": ('label = "tiny"', 'label = "tiny"\nunit = "per cent"', "unknown unit 'per cent'"),
    "setting": ('label = "tiny"', 'label = "tiny"\nsetting = {k = 3}', "unknown setting of"),
    "setting's value": (
        'label = "tiny"',
        'label = "tiny"\nsetting = {n_clusters = 0}',
        "n_clusters = 0",
    ),
}


@pytest.fixture(autouse=True)
def _plugins():
    from harness import FAULTY, PLUGINS

    registry.load([PLUGINS, FAULTY])


def test_a_good_file(tmp_path):
    (tmp_path / "good.toml").write_text(GOOD)
    one = experiment.load(str(tmp_path / "good.toml"))
    assert (one.name, one.title) == ("good", "T")
    (table,) = one.table
    assert [c.metric for c in table.column] == ["ACC", "NMI"]
    entry = one.entry(table, table.row[0], table.column[1])
    assert (entry.method, entry.task, entry.metric) == ("centroids", "tiny/cluster", "NMI")
    assert entry.params == {"iterations": 3}
    assert one.seeds("quick") == 2
    assert one.seeds("paper") == 10
    assert one.seeds("quick", own=5) == 5


@pytest.mark.parametrize(("one", "two"), [("表一", "表二"), ("K=5", "K 5")])
def test_tables_that_would_be_one_file_are_refused(one, two, tmp_path):
    path = tmp_path / "two.toml"
    second = f'[[table]]\nlike = "{one}"\nname = "{two}"\n'
    path.write_text(GOOD.replace('name = "t"', f'name = "{one}"') + second)
    with pytest.raises(BenchError, match=f"table '{one}' of two and table '{two}' of two would be"):
        experiment.load(str(path))
    path.write_text(path.read_text().replace(f'name = "{two}"', 'name = "other"'))
    assert [table.name for table in experiment.load(str(path)).table] == [one, "other"]


@pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", "\u202egnp"])
def test_a_file_whose_name_no_terminal_shows_is_refused(name, tmp_path):
    (tmp_path / f"{name}.toml").write_text(GOOD)
    with pytest.raises(BenchError, match=r"\.toml: its name is that of the experiment") as caught:
        experiment.load(str(tmp_path / f"{name}.toml"))
    assert str(caught.value).isprintable()


def test_a_file_with_a_byte_order_mark_is_the_same(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    plain = experiment.load(str(path))
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert experiment.load(str(path)) == plain


@pytest.mark.parametrize("old", ['"tiny/cluster"', '"centroids"'])
def test_a_name_of_a_plugins_is_looked_for_in_its_folder(old, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(GOOD.replace(old, '"nobodys/own"'))
    with pytest.raises(BenchError, match=r"\(your own: name its folder with --plugins\)$"):
        experiment.load(str(path))


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path, capsys):
    old, new, expected = BAD[case]
    assert GOOD.count(old) == 1
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(BenchError) as caught:
        experiment.load(str(path))
    said = str(caught.value)
    assert "bad.toml" in said
    assert expected in said
    assert bench("run", path, *places(tmp_path), "--dry-run") == 2
    assert capsys.readouterr().err == f"bench: {said}\n"


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(BenchError, match=r"nowhere\.toml: cannot be read: No such file"):
        experiment.load(str(tmp_path / "nowhere.toml"))
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match=r"x\.toml: not valid TOML"):
        experiment.load(str(tmp_path / "x.toml"))


def test_a_row_may_have_fewer_seeds_than_its_table(tmp_path):
    from harness import make_plan

    rows: list[dict[str, Any]] = [{"method": "centroids"}, {"method": "carrier", "seeds": 1}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=3)
    counts = {slot.entry.method: len(slot.cells) for slot in make_plan(toml).slots}
    assert counts == {"centroids": 3, "carrier": 1}


def test_a_preset_sets_parameters_of_needed_cells(tmp_path):
    from harness import make_plan

    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "carrier"}])
    toml.write_text(
        toml.read_text().replace(
            "seeds = 1", "seeds = 1\nparams = { mean-image = { jitter = 0.5 } }"
        )
    )
    (needed,) = [c for c in make_plan(toml).cells.values() if c.method == "mean-image"]
    assert dict(needed.params) == {"jitter": 0.5}


def test_a_network_is_probed_on_other_data_where_a_column_says_so(tmp_path):
    row = {"method": "untrained"}
    found = []
    for name, column in (("own", {}), ("other", {"probe": "digits/probe"})):
        path = write_experiment(
            tmp_path / f"{name}.toml", "tiny/represent", [row], metric="knn top-1", **column
        )
        (slot,) = make_plan(path).slots
        cells = make_plan(path).cells
        found.append([(cells[k].method, cells[k].task) for k in slot.cells[0]])
    assert found == [
        [("untrained", "tiny/represent"), ("probe", "tiny/probe")],
        [("untrained", "tiny/represent"), ("probe", "digits/probe")],
    ]


@pytest.mark.parametrize(
    ("task", "probe", "words"),
    [
        ("tiny/represent", "tiny/cluster", "'tiny/cluster' is no probe or fine-tuning task"),
        ("tiny/cluster", "tiny/probe", "is for represent tasks alone"),
        ("tiny/represent", "tiny/prob", "did you mean 'tiny/probe'"),
    ],
)
def test_a_probe_that_is_none_is_refused(tmp_path, task, probe, words):
    method = "untrained" if task == "tiny/represent" else "kmeans"
    path = write_experiment(tmp_path / "p.toml", task, [{"method": method}], probe=probe)
    with pytest.raises(BenchError, match=words):
        make_plan(path)
