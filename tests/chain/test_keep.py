"""`check --update --keep`: what was measured here enters the reference, all else stays."""

from harness import bench, places, run, write_experiment


def test_a_row_of_which_nothing_is_here_is_left_out(tmp_path, capsys, forkserver):
    rows = [{"method": "centroids"}]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=2)
    run(toml, tmp_path / "r")
    words = ["check", toml, *places(tmp_path / "r"), "--update", "--reason", "first"]
    assert bench(*words) == 0
    path = tmp_path / "reference" / "x-quick.csv"
    before = path.read_text().splitlines()
    write_experiment(toml, "tiny/cluster", [*rows, {"method": "kmeans"}], n=2)
    assert bench(*words) == 2
    assert "some cells are missing" in capsys.readouterr().err
    assert bench(*words, "--keep") == 0
    assert len(path.read_text().splitlines()) == len(before)
    # A row that has begun is no whole measurement.
    run(toml, tmp_path / "r", seeds=(0,))
    assert bench(*words, "--keep") == 2
