"""Places205 is read as its lists say."""

import pytest
from photographs import photograph

from bench.datasets import availability, get_task, materialise, places205, prepare
from bench.datasets.photographs import squares
from bench.errors import BenchError


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)


def places(root, lists, images=True):
    """Both archives unpacked: split -> lines of its list, a photograph to each."""
    for split, lines in lists.items():
        path = places205.list_of(root, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
        for line in lines if images else ():
            photograph(root / "places205" / places205.IMAGES / line.rpartition(" ")[0])


def test_places_are_read_as_their_lists_say(tmp_path):
    lists = {
        "train": ["a/abbey/gsun_0.jpg 0", "v/volcano/gsun_1.jpg 204", "a/abbey/gsun_2.jpg 0"],
        "val": ["a/apartment_building/outdoor/gsun_3.jpg 7", "a/abbey/gsun_4.jpg 0"],
    }
    places(tmp_path, lists)
    photograph(tmp_path / "places205" / places205.IMAGES / "a/abbey/gsun_listed_nowhere.jpg")
    reason = availability("places205", tmp_path, ["train", "val"])
    assert "`python -m bench data prepare places205` does it, in 485 GB" in reason
    prepared = prepare("places205", tmp_path)
    assert prepared.counts == {"train": 3, "val": 2}
    found = {  # pixels -> split and label
        image.tobytes(): (prepared.names["split"][split], label)
        for image, split, label in zip(
            prepared.images, prepared.columns["split"], prepared.columns["label"], strict=True
        )
    }
    for split, lines in lists.items():
        for line in lines:
            name, _, scene = line.rpartition(" ")
            (square,) = squares([tmp_path / "places205" / places205.IMAGES / name], tmp_path)
            assert found[square.tobytes()] == (split, int(scene))
    probe = get_task("places205/probe")
    assert probe.train is not None
    assert (materialise(probe.train, tmp_path).n, materialise(probe.target, tmp_path).n) == (3, 2)


@pytest.mark.parametrize(
    "line", ["a/abbey/gsun_0.jpg", "a/abbey/gsun_0.jpg 205", "a/abbey/gsun_0.jpg -1", "", " 3"]
)
def test_a_wrong_list_of_places(tmp_path, line):
    places(tmp_path, {"train": ["a/abbey/gsun_1.jpg 3"]})
    path = places205.list_of(tmp_path, "train")
    path.write_text(f"a/abbey/gsun_1.jpg 3\n{line}\n")
    with pytest.raises(BenchError, match=r"train_places205\.csv, line 2: .* 0\.\.204"):
        prepare("places205", tmp_path)


def test_places_whose_images_lack(tmp_path):
    places(tmp_path, {"train": ["a/abbey/gsun_0.jpg 0"]}, images=False)
    with pytest.raises(BenchError, match=r"images256: no such folder: unpack imagesPlaces205"):
        prepare("places205", tmp_path)
    (tmp_path / "places205" / places205.IMAGES).mkdir(parents=True)
    with pytest.raises(BenchError, match=r"gsun_0\.jpg: is missing"):
        prepare("places205", tmp_path)
    reason = availability("places205", tmp_path / "elsewhere", ["train", "val"])
    assert reason.startswith("places205 train, val not under")
    assert "trainvalsplit_places205.tar.gz" in reason
