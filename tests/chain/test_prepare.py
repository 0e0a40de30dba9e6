import functools
import json
import subprocess
import sys

import numpy as np
import pytest
from tiny_dataset import COLOURS, LABELS, PIXELS, SPLIT, declare, write_npz

from bench import ROOT
from bench.datasets import availability, get, look, prepare, verify
from bench.datasets.fingerprint import fingerprint, pixel_hashes, records
from bench.errors import BenchError, Unavailable


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Declares the tiny dataset; `tiny(pins=…)` declares it otherwise."""
    declare(monkeypatch)
    return functools.partial(declare, monkeypatch)


# Parts of datasets, absent splits, downloads


def test_a_known_part_is_named(tmp_path, tiny):
    write_npz(tmp_path, slice(5, None))
    hashes = pixel_hashes(PIXELS[5:20])
    columns = {"label": LABELS[5:20], "split": SPLIT[5:20]}
    print_ = fingerprint(records(hashes, columns, {"label": COLOURS, "split": ("train", "test")}))
    tiny(partials={print_: "15 of the 20 train images"})
    assert prepare("tiny", tmp_path).partial == "15 of the 20 train images"
    assert "tiny train: 15 of the 20 train images, 15 images" in verify("tiny", tmp_path)[0]


def test_the_svhn_part_is_declared():
    assert list(get("svhn").partials.values()) == ["10,000 of the 26,032 test images"]
    assert "train" not in get("svhn").pins


def test_an_absent_split_is_unavailable_with_the_mend(tmp_path, tiny):
    assert availability("digits", tmp_path, ["all"]) == ""
    assert "tiny train, test not under" in availability("tiny", tmp_path, ["train", "test"])
    write_npz(tmp_path, slice(20, None))
    for _ in range(2):
        assert availability("tiny", tmp_path, ["test"]) == ""
        why = availability("tiny", tmp_path, ["train", "test"])
        assert why.startswith(f"tiny train not under {tmp_path}: ")
        assert "`python -m bench data fetch tiny`" in why
        prepare("tiny", tmp_path)
    (tmp_path / "tiny.npz").unlink()
    assert availability("tiny", tmp_path, ["test"]) == ""


def test_availability_of_a_damaged_file_is_its_reason(tmp_path, tiny):
    (tmp_path / "tiny.npz").write_bytes(b"nothing")
    assert "tiny.npz: damaged" in availability("tiny", tmp_path, ["test"])


def test_nothing_there(tmp_path, tiny):
    with pytest.raises(Unavailable, match=r"tiny is not under .*data fetch tiny"):
        prepare("tiny", tmp_path)


def test_download_only_when_asked_and_only_what_is_missing(tmp_path, tiny):
    calls = []

    def fetch(root):
        calls.append(root)
        write_npz(root)

    tiny(fetch=fetch)
    with pytest.raises(Unavailable):
        prepare("tiny", tmp_path)
    assert calls == []
    for _ in range(2):
        assert prepare("tiny", tmp_path, download=True).counts == {"train": 20, "test": 10}
    assert calls == [tmp_path]


def test_a_failed_download_says_how_to_go_on(tmp_path, tiny):
    def fetch(root):
        raise OSError("no route to host")

    tiny(fetch=fetch)
    with pytest.raises(Unavailable, match=r"no route to host.*data fetch tiny"):
        prepare("tiny", tmp_path, download=True)


# The prepared cache


def test_fingerprints_without_data_are_the_pins(tmp_path, tiny):
    assert look("mnist", tmp_path).fingerprints == get("mnist").pins
    assert look("tiny", tmp_path).fingerprints == {}
    write_npz(tmp_path)
    assert look("tiny", tmp_path).fingerprints == {}
    assert prepare("tiny", tmp_path).fingerprints == look("tiny", tmp_path).fingerprints


def test_verify_notices_a_changed_pixel(tmp_path, tiny):
    write_npz(tmp_path)
    prepared = prepare("tiny", tmp_path)
    assert [line[:20] for line in verify("tiny", tmp_path)] == [
        "tiny train: unpinned", "tiny test: unpinned,",
    ]  # fmt: skip
    images = np.load(prepared.folder / "images.npy", mmap_mode="r+")
    images[-1, -1, -1] ^= 1
    images.flush()
    with pytest.raises(BenchError, match="data prepare tiny"):
        verify("tiny", tmp_path)


def test_verify_what_is_not_prepared(tmp_path, tiny):
    with pytest.raises(BenchError, match="`python -m bench data prepare tiny`"):
        verify("tiny", tmp_path)


@pytest.mark.parametrize("file", ["images.npy", "columns.npz", "meta.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_prepared_folder(tmp_path, tiny, file, damage):
    write_npz(tmp_path)
    path = prepare("tiny", tmp_path).folder / file
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:50])
    else:
        path.unlink()
    with pytest.raises(BenchError, match=rf"{file}.*delete .*/tiny/whole and run .*prepare tiny"):
        prepare("tiny", tmp_path)


def test_another_layout_version_is_made_again(tmp_path, tiny):
    write_npz(tmp_path)
    path = prepare("tiny", tmp_path).folder / "meta.json"
    meta = json.loads(path.read_text())
    path.write_text(json.dumps({**meta, "version": 0}))
    assert prepare("tiny", tmp_path).counts == {"train": 20, "test": 10}
    assert json.loads(path.read_text()) == meta


def test_a_half_folder_is_never_read(tmp_path, tiny, monkeypatch):
    write_npz(tmp_path)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", full)
        with pytest.raises(BenchError, match=r"No space left on device.*BENCH_CACHE"):
            prepare("tiny", tmp_path)
    folder = tmp_path / "prepared/tiny"
    assert not (folder / "whole").exists()
    (folder / "whole.new").mkdir()  # what a killed process leaves
    (folder / "whole.new/images.npy").write_bytes(b"half")
    assert availability("tiny", tmp_path, ["test"]) == ""
    assert prepare("tiny", tmp_path).images.shape == (30, 4, 5, 1)
    assert sorted(p.name for p in folder.iterdir() if p.suffix != ".lock") == ["whole"]


def test_a_cache_that_cannot_be_written(tmp_path, tiny, monkeypatch):
    write_npz(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(BenchError, match=r"cannot write .*file/cache.*BENCH_CACHE"):
        prepare("tiny", tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "good"))
    assert prepare("tiny", tmp_path).folder.parent == tmp_path / "good/tiny"


def test_what_is_prepared_needs_no_writable_cache(tmp_path, tiny, monkeypatch):
    write_npz(tmp_path)
    prepare("tiny", tmp_path)
    (tmp_path / "tiny.npz").unlink()

    def refuse(*args):
        raise AssertionError("tried to write")

    monkeypatch.setattr("bench.datasets.cache.FileLock", refuse)
    images = prepare("tiny", tmp_path).images
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


RACE = """
import sys, time
from pathlib import Path
import numpy as np
from bench.datasets import Dataset, Raw, prepare, register_dataset
root = Path(sys.argv[1])
class Slow:
    def splits(self, dataset, root):
        return {"all"}
    def read(self, dataset, root):
        with (root / "reads").open("a") as log:
            log.write("read\\n")
        time.sleep(0.5)
        images = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
        return Raw(images, {"label": np.zeros(12, np.int64)}, {})
register_dataset(Dataset("slow", "", (1, 1, 1), {"all": 12}, (), "", "", "", (Slow(),)))
(root / f"ready{sys.argv[2]}").touch()
while len(list(root.glob("ready*"))) < 2:
    time.sleep(0.01)
print(prepare("slow", root).images.ravel().tolist())
"""


def test_two_processes_prepare_once(tmp_path):
    commands = [[sys.executable, "-c", RACE, str(tmp_path), str(i)] for i in range(2)]
    running = [subprocess.Popen(c, cwd=ROOT, stdout=subprocess.PIPE, text=True) for c in commands]
    printed = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert printed[0] == printed[1] != ""
    assert (tmp_path / "reads").read_text() == "read\n"
