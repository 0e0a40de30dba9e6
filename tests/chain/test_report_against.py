"""`bench report --against`: two folders, told apart, and how many numbers were held together."""

from chain.test_report import fill
from harness import bench, places, write_experiment


def test_two_folders_of_one_name_are_told_apart_and_nothing_in_common_is_said(tmp_path, capsys):
    toml = write_experiment(tmp_path / "mine.toml", "tiny/cluster", [{"method": "centroids"}], n=3)
    fill(toml, tmp_path / "new" / "results")
    fill(toml, tmp_path / "old" / "results", less=0.3)
    (tmp_path / "none" / "runs").mkdir(parents=True)
    words = ["report", toml, *places(tmp_path / "new" / "results")]
    words += ["--output", tmp_path / "pages", "--against"]
    assert bench(*words, tmp_path / "old" / "results") == 0
    assert "1 number against old/results/: 1 moved" in capsys.readouterr().out
    page = (tmp_path / "pages" / "compare.html").read_text()
    assert "old/results/" in page
    assert "new/results/" in page
    assert bench(*words, tmp_path / "new" / "results") == 0
    assert str(tmp_path) not in (tmp_path / "pages" / "compare.html").read_text()
    capsys.readouterr()
    assert bench(*words, tmp_path / "none") == 3
    assert "numbers against none/: " in capsys.readouterr().out
