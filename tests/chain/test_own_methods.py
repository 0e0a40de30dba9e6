"""A method of one's own stays in the project's tables: each verb finds its cells in the results."""

import json
import shutil

import pytest
from harness import bench, outputs, places, write_experiment

from bench.plan import added, experiment

ROWS = [{"method": "centroids"}]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with an experiment that is taken for the project's, whose table has one method."""
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        for module in (experiment, added):
            patch.setattr(module, "FOLDER", folder.resolve())
        added._named.cache_clear()
        write_experiment(folder / "small.toml", "tiny/cluster", ROWS, n=2)
        yield folder
    added._named.cache_clear()


@pytest.fixture
def results(small, tmp_path, forkserver):
    """The same with results of `carrier`, which `--methods` added once."""
    made = small / "results"
    if not made.exists():
        words = ["--methods", "centroids,carrier", *places(made)]
        assert bench("run", "small", *words) == 0
    return shutil.copytree(made, tmp_path / "r")


def test_tables_of_the_first_run_are_written_again_by_every_verb(results, capsys):
    before = outputs(results)
    assert b"carrier" in before["tables/small-t-quick.md"]
    for words in (["render"], ["run"], ["run", "--methods", "centroids"]):
        shutil.rmtree(results / "tables")
        assert bench(*words, "small", *places(results)) == 0
        assert outputs(results) == before
    assert "note" not in capsys.readouterr().err


def test_verbs_that_write_no_tables_have_its_cells(results, tmp_path, capsys):
    assert bench("status", "small", "--json", *places(results)) == 0
    found = json.loads(capsys.readouterr().out)["cells"]["done"]
    assert [one["method"] for one in found].count("carrier") == 2
    assert bench("pack", tmp_path / "p.zip", "small", *places(results)) == 0
    assert "packed 6 cells" in capsys.readouterr().out
    assert bench("rescore", "small", *places(results)) == 0
    assert "6 cells" in capsys.readouterr().out
    assert bench("export", "small", *places(results)) == 0
    assert "carrier" in capsys.readouterr().out
    assert bench("report", "small", *places(results)) == 0
    (page,) = (results / "report" / "tables").glob("*.html")
    assert "carrier" in page.read_text()
    # After a merge elsewhere too: the cells are all that tells.
    assert bench("merge", tmp_path / "p.zip", "--results", tmp_path / "other") == 0
    assert bench("check", "small", *places(tmp_path / "other"), "--against", results) == 0
    assert "2 numbers against r/: 2 ok" in capsys.readouterr().out


def test_a_selection_and_other_tables_leave_it_out(results, tmp_path, capsys):
    for words in (["--methods", "centroids"], ["--preset", "paper"], ["--seed-list", "7"]):
        assert bench("status", "small", "--json", *words, *places(results)) == 0
        found = json.loads(capsys.readouterr().out)["cells"]
        assert "carrier" not in {one["method"] for cells in found.values() for one in cells}
    # A file of one's own can have the row.
    mine = write_experiment(tmp_path / "mine.toml", "tiny/cluster", ROWS, n=2)
    assert bench("render", mine, *places(results)) == 0
    assert "carrier" not in capsys.readouterr().out
    assert bench("render", mine, "--methods", "carrier", *places(results)) == 0
    said = "carrier: no row of mine.toml, in its tables only where --methods says so"
    assert said in capsys.readouterr().err


def test_a_method_that_another_experiment_names_does_not_stay(small, results, capsys):
    write_experiment(small / "other.toml", "tiny/cluster", [{"method": "carrier"}])
    added._named.cache_clear()
    try:
        assert bench("render", "small", *places(results)) == 0
        assert "carrier" not in capsys.readouterr().out
        assert bench("render", "small", "--methods", "carrier", *places(results)) == 0
        assert "no row of small.toml" in capsys.readouterr().err
    finally:
        (small / "other.toml").unlink()
        added._named.cache_clear()


def test_cells_of_a_method_that_nobody_knows_are_named(results, capsys):
    (results / "runs" / "tiny-cluster" / "carrier").rename(
        results / "runs" / "tiny-cluster" / "theirs"
    )
    hint = "(your own: name its folder with --plugins)"
    assert bench("status", "small", *places(results)) == 0
    assert f"note: results hold 2 cells of theirs, which is no method here {hint}" in (
        capsys.readouterr().err
    )
    for name, hinted in (("theirs", True), ("centroid", False)):
        assert bench("render", "small", "--methods", name, *places(results)) == 2
        error = capsys.readouterr().err.rstrip()
        assert f"--methods: unknown method '{name}'" in error
        assert error.endswith(hint) is hinted


def test_a_table_whose_columns_set_what_a_method_does_not_know_is_not_one_that_it_fits(
    small, tmp_path, forkserver, capsys
):
    column = {"params": {"iterations": 3}}
    mine = write_experiment(tmp_path / "mine.toml", "tiny/cluster", ROWS, **column)
    assert bench("run", mine, "--methods", "fault", *places(tmp_path / "r")) == 2
    assert "--methods fault: no table or figure of mine takes that" in capsys.readouterr().err
