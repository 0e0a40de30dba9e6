"""The shorthand of experiment files: what each rule stands for, and what is said of a slip."""

import re

import pytest

from bench import ROOT, registry
from bench.datasets import Part, TaskSpec, register_group, register_task
from bench.datasets.task_specs import get_group
from bench.errors import BenchError
from bench.plan import experiment, published
from bench.plan.printed import alike, plain, shown


@pytest.fixture(autouse=True)
def _methods():
    registry.load([])


def load(folder, text, paper="supreme"):
    path = folder / "x.toml"
    path.write_text(f'title = "T"\npaper = "{paper}"\n{text}')
    return experiment.load(str(path))


def table(body, name="t"):
    return f'[[table]]\nname = "{name}"\ncaption = "C."\n{body}\n'


COLUMN = 'column = [{ label = "CIFAR-10", task = "cifar10/transfer", metrics = ["ACC", "NMI"] }]\n'
FILTER = 'published = { table = "1", dataset = "CIFAR-10" }\n'
# Shorthand and its literal form, as tables of one file.
PAIRS = {
    "rows as published": (
        FILTER
        + COLUMN
        + """row = "published"
        measured = [
          { label = "pixels", method = "kmeans", published = "K-means" },
          { label = "features", method = "supervised", published = "K-means" },
          { label = "none", method = "dec", published = false },
          { label = "MCL", method = "mcl" },
          { label = "last", method = "kcl" },
        ]""",
        FILTER
        + COLUMN
        + """row = [
          { label = "pixels", method = "kmeans", published = { method = "K-means" } },
          { label = "features", method = "supervised", published = { method = "K-means" } },
          { label = "KCL", published = { method = "KCL" } },
          { label = "none", method = "dec" },
          { label = "MCL", method = "mcl", published = { method = "MCL" } },
          { label = "DEC", published = { method = "DEC" } },
          { label = "DTC", published = { method = "DTC" } },
          { label = "SUPREME", published = { method = "SUPREME" } },
          { label = "last", method = "kcl" },
        ]""",
    ),
    "labels and metrics": (
        FILTER
        + """column = [{ task = "cifar10/transfer", metrics = ["ACC", "NMI"] }]
        row = [{ labels = ["KCL", "MCL"], group = "G", note = "n" }]""",
        FILTER
        + """column = [
          { label = "ACC", task = "cifar10/transfer", metric = "ACC" },
          { label = "NMI", task = "cifar10/transfer", metric = "NMI" },
        ]
        row = [
          { label = "KCL", group = "G", note = "n", published = { method = "KCL" } },
          { label = "MCL", group = "G", note = "n", published = { method = "MCL" } },
        ]""",
    ),
    "headings": (
        """published = { table = "2" }
        column = [{ label = "CUB", task = "cub/zero-shot", metric = "ACC" }]
        heading = [
          { label = "inductive", note = "not of rows", published = { group = "IND" } },
          { label = "other", published = { group = "TRAN" }, params = { max_iter = 9 } },
        ]
        row = [
          { label = "ALE", group = "alone", published = { group = "IND" } },
          { label = "F-VAEGAN-D2" },
          { label = "K-means", method = "kmeans", params = { n_init = 2 } },
        ]
        measured = [{ label = "F-VAEGAN-D2", group = "other", note = "n" }]""",
        """published = { table = "2" }
        [[table.column]]
        label = "CUB"
        task = "cub/zero-shot"
        metric = "ACC"
        published = { dataset = "CUB" }
        [[table.row]]
        label = "ALE"
        group = "alone"
        published = { method = "ALE", group = "IND" }
        [[table.row]]
        label = "F-VAEGAN-D2"
        group = "inductive"
        published = { method = "F-VAEGAN-D2", group = "IND" }
        [[table.row]]
        label = "K-means"
        group = "inductive"
        method = "kmeans"
        params = { n_init = 2 }
        [[table.row]]
        label = "F-VAEGAN-D2"
        group = "other"
        note = "n"
        published = { method = "F-VAEGAN-D2", group = "TRAN" }
        params = { max_iter = 9 }
        [[table.row]]
        label = "K-means"
        group = "other"
        method = "kmeans"
        params = { n_init = 2, max_iter = 9 }
        """,
    ),
    "groups of tasks": (
        """tasks = "imagenet/30"
        row = "imagenet/30"
        column = [{ label = "K-means", method = "kmeans", metric = "ACC" }]""",
        """tasks = ["imagenet/30-A", "imagenet/30-B", "imagenet/30-C"]
        row = [
          { label = "30-A", task = "imagenet/30-A" },
          { label = "30-B", task = "imagenet/30-B" },
          { label = "30-C", task = "imagenet/30-C" },
        ]
        column = [{ label = "K-means", method = "kmeans", metric = "ACC" }]""",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_shorthand_is_its_literal_form(case, tmp_path):
    (first,), (second,) = (load(tmp_path, table(body)).table for body in PAIRS[case])
    assert first == second


def test_a_table_takes_what_it_does_not_say_from_another(tmp_path):
    body = FILTER + COLUMN + 'row = [{ label = "KCL" }]'
    one = load(tmp_path, table(body) + table('like = "t"\nrow = [{ label = "MCL" }]', "u"))
    first, second = one.table
    assert (second.name, second.column) == ("u", first.column)
    assert [row.published for row in second.row] == [{"method": "MCL"}]


def test_parameters_by_name_lie_under_those_beside_them(tmp_path):
    named = """[params]
    a = { n_init = 2, max_iter = 7 }
    b = { use = "a", max_iter = 5 }
    [preset.quick.params]
    kmeans = { use = ["a", "b"], n_init = 3 }
    """
    row = (
        'row = [{ label = "K", method = "kmeans", params = { use = "b" }, quick = { use = "a" } }]'
    )
    one = load(tmp_path, named + table(COLUMN + row))
    assert one.preset["quick"].params == {"kmeans": {"n_init": 3, "max_iter": 5}}
    assert one.table[0].row[0].params == {"n_init": 2, "max_iter": 5}
    assert one.table[0].row[0].quick == {"n_init": 2, "max_iter": 7}


def test_a_star_is_the_entrys_label_in_rows_or_columns(tmp_path):
    body = """published = { table = "5", dataset = "Omniglot-eval/*" }
    row = "omniglot/alphabets"
    [[table.column]]
    label = "LSC"
    metric = "ACC"
    published = { method = "LSC", metric = "ACC (100)" }
    """
    one = load(tmp_path, table(body), paper="ccn")
    found = [one.entry(one.table[0], row, one.table[0].column[0]) for row in one.table[0].row]
    assert len(found) == 20
    assert all(published.find(p.published, metric=p.metric, where="") for p in found)
    assert found[3].published["dataset"] == "Omniglot-eval/Aurek_Besh"
    assert found[3].label == "Aurek-Besh"


SLIPS = {
    "key": ("hedding = []", "unknown key 'hedding': did you mean 'heading'?"),
    "group": ('tasks = "imagenet/3"', "unknown group of tasks 'imagenet/3': did you mean"),
    "rows": ('row = "publishd"', "unknown rows 'publishd': did you mean 'published'?"),
    "like": ('like = "tt"', "unknown table above 'tt'"),
    "label": ('row = [{ label = "SUPRME" }]', "unknown published method 'SUPRME': did you mean"),
    "labels": ('row = [{ labels = "KCL" }]', "labels must be a list"),
    "metrics of a row": (
        'row = [{ label = "KCL", metrics = ["ACC"] }]',
        "row 'KCL': unknown key 'metrics': did you mean 'metric'?",
    ),
    "star": (
        'published = { table = "1", group = "x*" }',
        "published group 'x*' is no entry's label",
    ),
    "star of no column": ('published = { tabel = "*" }', "unknown column of the published numbers"),
    "table": ('published = { table = "9" }', "unknown published table '9'"),
    "number": ('row = [{ label = "K", published = 3 }]', "published must be a table"),
    "false column": ('column = [{ label = "c", published = false }]', "is for rows and curves"),
    "set": ('row = [{ label = "KCL", params = { use = "a" } }]', "unknown set of parameters 'a'"),
    "heading": (
        'heading = [{ label = "one" }]\nmeasured = [{ label = "a", group = "onne" }]',
        "unknown heading 'onne': did you mean 'one'?",
    ),
    "both": (
        'heading = [{ label = "one", task = "digits/cluster" }]\n'
        'row = [{ label = "KCL", method = "kcl", task = "digits/transfer" }]',
        "row 'KCL', heading 'one': row and column both name a task",
    ),
    "by group": (
        'heading = [{ label = "one" }]\nrow = "published by group"',
        "rows by group have headings",
    ),
}


@pytest.mark.parametrize("case", SLIPS)
def test_a_slip_is_named_with_its_file_and_place(case, tmp_path):
    line, said = SLIPS[case]
    own = re.findall(r"^(\w+) =", line, re.M)
    rest = {"published": FILTER, "column": COLUMN, "row": 'row = [{ label = "KCL" }]\n'}
    body = line + "\n" + "".join(text for key, text in rest.items() if key not in own)
    with pytest.raises(BenchError) as caught:
        load(tmp_path, table(body))
    assert str(caught.value).startswith("x.toml: table 't'")
    assert said in str(caught.value)


def test_rows_as_published_need_a_table_that_is(tmp_path):
    with pytest.raises(BenchError, match="rows as published need published"):
        load(tmp_path, table(COLUMN + 'row = "published"'))


def test_names_that_are_spelled_alike():
    assert alike("Aurek-Besh", ["Aurek_Besh", "Angelic"]) == "Aurek_Besh"
    assert alike("A to W", ["A->W", "W->A"]) == "A->W"
    assert alike("K = 5", ["K=5", "K=50"]) == "K=5"
    assert alike("CCN+", ["CCN", "CCN++"]) == ""
    assert alike("a b", ["a-b", "a_b"]) == ""
    assert alike("a-b", ["a-b", "a_b"]) == "a-b"
    assert shown("SeLa [3kx10]- +Rot") == "SeLa [3k\N{MULTIPLICATION SIGN}10]→ +Rot"
    assert shown("MoCo (He et al. 2019)") == "MoCo, He et al. 2019"


def test_no_two_printed_names_of_a_table_are_alike():
    by_table: dict[tuple[str, str, str], set[str]] = {}
    for number in published.numbers():
        for key in ("method", "group", "dataset", "metric"):
            name = getattr(number, key)
            by_table.setdefault((number.paper, number.table, key), set()).add(name)
    for place, names in by_table.items():
        assert len({plain(name) for name in names}) == len(names), place
        assert all(alike(shown(name), names) == name for name in names if place[2] == "method")


def test_the_example_of_the_documentation_is_whole(tmp_path):
    text = (ROOT / "bench" / "experiments" / "README.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    path = tmp_path / "example.toml"
    path.write_text(example)
    one = experiment.load(str(path))
    labels = {t.name: [row.label for row in t.row] for t in one.table}
    same = ["KCL", "MCL", "DEC, pixels", "DTC", "SUPREME"]
    assert labels["cifar10"] == labels["svhn"] == ["K-means", *same]
    assert labels["subsets"] == ["K-means", "DEC"] * 2
    assert len(labels["alphabets"]) == 20
    assert one.table[0].row[2].params == {
        "epochs": 20, "milestones": [14], "learning_rate": 1e-3, "mirror": True,
    }  # fmt: skip


def test_a_group_names_tasks_that_are_there():
    register_task(TaskSpec("grouped/one", "cluster", "", Part("digits"), 10))
    assert register_group("grouped/all", ["grouped/one"]) == ("grouped/one",)
    assert get_group("grouped/all") == ("grouped/one",)
    with pytest.raises(BenchError, match="'grouped/all': the name is taken"):
        register_group("grouped/all", [])
    with pytest.raises(BenchError, match="'grouped/one': the name is taken"):
        register_group("grouped/one", [])
    with pytest.raises(BenchError, match="group 'grouped/more': unknown task 'grouped/two'"):
        register_group("grouped/more", ["grouped/two"])
    with pytest.raises(BenchError, match=r"unknown group of tasks 'grouped/al'.* 'grouped/all'"):
        get_group("grouped/al")
