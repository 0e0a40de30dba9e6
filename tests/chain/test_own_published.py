"""Printed numbers of one's own: CSVs in a folder `published` beside the TOML."""

import pytest
from harness import FAULTY, PLUGINS, bench, places, write_experiment

from bench import registry
from bench.errors import BenchError
from bench.plan import experiment, published, slot
from bench.plan.published import find

HEAD = "paper,table,method,metric,value,std,unit"
LINES = ("doe,1,centroids,ACC,81.5,0.4,percent", "doe,1,other,ACC,0.9,,fraction")


@pytest.fixture
def mine(tmp_path):
    """A TOML whose one row is beside a number of a paper of nobody else's."""
    registry.load([PLUGINS, FAULTY])
    rows = [{"method": "centroids", "published": {"table": "1", "method": "centroids"}}]
    path = write_experiment(tmp_path / "mine.toml", "tiny/cluster", rows)
    path.write_text('paper = "doe"\n' + path.read_text())
    (tmp_path / "published").mkdir()
    return path


def write(mine, *lines, head=HEAD):
    (mine.parent / "published" / "doe.csv").write_text("\n".join([head, *lines]) + "\n")


def printed(mine):
    """What stands beside each row."""
    return [one.published for one in slot.slots(experiment.load(str(mine)), "quick")]


def test_a_number_beside_the_toml_is_found_and_read_anew_when_it_changes(mine):
    write(mine, *LINES)
    (one,) = printed(mine)
    assert (one.value, one.std, one.source) == (0.815, 0.004, "doe table 1")
    write(mine, "doe,1,centroids,ACC,0.75,,fraction")
    assert [one.value for one in printed(mine)] == [0.75]


def test_it_is_of_that_toml_alone(mine, tmp_path):
    write(mine, *LINES)
    assert printed(mine)
    with pytest.raises(BenchError, match="unknown published paper 'doe'"):
        find({"paper": "doe", "table": "1"}, metric="ACC", where="elsewhere")


def test_a_toml_beside_the_projects_own_numbers_has_each_once(mine, monkeypatch):
    write(mine, *LINES)
    monkeypatch.setattr(published, "FOLDER", mine.parent / "published")
    assert published.beside(mine) == ""


def test_rows_as_published(mine):
    write(mine, *LINES)
    text = mine.read_text().partition("[[table.row]]")[0]
    shared = 'published = { table = "1" }\nrow = "published"\n[[table.column]]'
    mine.write_text(text.replace("[[table.column]]", shared))
    assert [one.value for one in printed(mine)] == [0.815, 0.9]


@pytest.mark.parametrize(
    ("lines", "head", "said"),
    [
        (LINES, HEAD.replace("unit", "unti"), "doe.csv: it has no column unit; its first line"),
        (["doe,1,centroids,ACC,81.5,,procent"], HEAD, "doe.csv line 2: unknown unit 'procent': di"),
        (["doe,1,centroids,ACC,many,,percent"], HEAD, "doe.csv line 2: cannot be read: could not"),
        (["doe,2,centroids,ACC,81.5,,percent"], HEAD, "unknown published table '1'"),
        ([LINES[0], LINES[0]], HEAD, "fits 2 numbers; a CSV has it twice"),
        ([LINES[0], "doe,1,centroids,ACC,.7,,fraction"], HEAD, "fits 2 numbers; a CSV has it tw"),
    ],
)
def test_a_mistake_is_one_sentence(lines, head, said, mine):
    write(mine, *lines, head=head)
    with pytest.raises(BenchError) as error:
        printed(mine)
    assert said in str(error.value)
    assert str(mine.parent) not in str(error.value)


def test_a_filter_that_fits_several_says_what_tells_them_apart(mine):
    write(mine, LINES[0], LINES[0].replace("doe,1", "doe,2"))
    mine.write_text(mine.read_text().replace('"table": "1", ', "").replace('table = "1", ', ""))
    with pytest.raises(BenchError, match=r"fits 2 numbers; add table$"):
        printed(mine)


def test_tables_have_it_and_a_kept_plan_does_not_outlive_it(mine, tmp_path, capsys, forkserver):
    write(mine, *LINES)
    words = ["run", mine, *places(tmp_path / "r")]
    assert bench(*words) == 0
    assert "published 81.5 ± 0.4" in capsys.readouterr().out
    write(mine, LINES[0].replace("81.5", "71.5"))
    assert bench(*words) == 0
    assert "published 71.5 ± 0.4" in capsys.readouterr().out
