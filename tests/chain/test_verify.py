"""`bench data verify` of several data sets."""

from harness import bench


def test_one_that_is_not_prepared_keeps_no_other_from_being_verified(tmp_path, capsys):
    flags = ["--data-root", tmp_path]
    assert bench("data", "prepare", "digits", *flags) == 0
    capsys.readouterr()
    assert bench("data", "verify", "mnist", "digits", *flags) == 1
    said = capsys.readouterr()
    assert f"run `python -m bench data prepare mnist --data-root {tmp_path}`" in said.err
    assert "digits" in said.out
