"""Damaged images are no failure of the method that was given them."""

import shutil

from harness import DATA, run, write_experiment

from bench.datasets import checksums, get_task, materialise

ROW = {"method": "fault", "params": {"way": "raises"}}


def test_a_method_is_not_blamed_for_damaged_images(tmp_path, monkeypatch, forkserver, capsys):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checksums, "AT_ONCE", 0)  # as of images too many to verify beforehand
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [ROW])
    sound = run(toml, tmp_path / "results")
    assert [r.failure for r in sound.records.values()] == ["exception"]
    shutil.rmtree(tmp_path / "results")
    images = materialise(get_task("tiny/cluster").target, DATA, limit=150).images
    data = bytearray(images.read_bytes())
    data[-1] ^= 1
    images.write_bytes(data)
    capsys.readouterr()
    found = run(toml, tmp_path / "results")
    assert not found.records
    said = capsys.readouterr().out
    assert "unavailable fault tiny/cluster seed 0: " in said
    assert f"{images} is damaged (its SHA-256 is another): delete {images.parent}" in said
