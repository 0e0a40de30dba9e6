"""Damaged images are no failure of the method that was given them."""

import errno
import shutil

import numpy as np
import pytest
from harness import DATA, make_plan, run, write_experiment

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


def damage(labels, _monkeypatch):
    labels.write_bytes(b"?" + labels.read_bytes()[1:])


def no_disk(labels, monkeypatch):
    read = np.load

    def load(path, *args, **options):
        if path == labels:
            raise OSError(errno.EIO, "Input/output error")
        return read(path, *args, **options)

    monkeypatch.setattr(np, "load", load)


@pytest.mark.parametrize("way", [damage, no_disk])
@pytest.mark.parametrize("task", ["tiny/cluster", "tiny/pairs"])
def test_nothing_else_is_blamed_for_labels_that_cannot_be_read(
    task, way, tmp_path, monkeypatch, forkserver, capsys
):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checksums, "AT_ONCE", 0)
    toml = write_experiment(tmp_path / "x.toml", task, [{"method": "carrier"}])
    make_plan(toml)
    labels = materialise(get_task(task).target, DATA, limit=150).labels
    way(labels, monkeypatch)
    found = run(toml, tmp_path / "results")
    assert not found.records
    said = capsys.readouterr().out
    assert f"unavailable carrier {task} seed 0: {labels} cannot be read" in said


def test_what_needs_a_cell_that_is_given_up_keeps_its_checkpoint(tmp_path, monkeypatch, forkserver):
    """Another run may be computing it: this one does not hold its lock."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checksums, "AT_ONCE", 0)
    labels = ("counted", "counted-after")
    params = {"number": 0, "notes": str(tmp_path / "notes")}
    rows = [{"label": x, "method": x, "params": params} for x in labels]
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", rows)
    after = next(c for c in make_plan(toml).cells.values() if c.needs)
    kept = tmp_path / "results" / "work" / after.key / "checkpoint.safetensors"
    kept.parent.mkdir(parents=True)
    kept.touch()
    damage(materialise(get_task("tiny/cluster").target, DATA, limit=150).labels, monkeypatch)
    assert not run(toml, tmp_path / "results").records
    assert kept.exists()
