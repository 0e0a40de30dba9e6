"""ImageNet's class lists and images."""

import hashlib
from typing import Any

import numpy as np
import pytest
from photographs import photograph
from timm.data.imagenet_info import ImageNetInfo

from bench.datasets import (
    Part,
    availability,
    get,
    get_task,
    imagenet,
    materialise,
    prepare,
)
from bench.datasets.fingerprint import canonical_order, pixel_hashes, records
from bench.errors import BenchError


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)


def image_net(root, classes, train=2, val=1):
    for name in classes:
        for i in range(train):
            photograph(root / "imagenet/train" / name / f"{name}_{i}.JPEG")
        for i in range(val):
            photograph(root / "imagenet/val" / name / f"ILSVRC2012_val_{i}.JPEG")


def write_list(root, subset, names):
    path = imagenet.listed(root, subset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(names) + "\n")


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    root = tmp_path_factory.mktemp("ten")
    image_net(root, imagenet.of_2016(imagenet.TEN_2016))
    return root


def test_the_classes_are_those_of_the_papers_as_far_as_they_are_printed():
    assert len(imagenet.synsets()) == len(set(imagenet.synsets())) == 1000
    held_out = imagenet.of_2016(imagenet.HELD_OUT_2016)
    assert len(set(held_out)) == 118
    assert set(held_out) < set(imagenet.synsets())
    assert set(imagenet.of_2016(imagenet.TEN_2016)) < set(held_out)


def test_the_ten_classes_of_the_figure_are_those_of_its_caption(tmp_path):
    told = ImageNetInfo("imagenet-1k").label_name_to_description
    named = [told(n).split(",")[0].lower() for n in imagenet.held_out(tmp_path, "10R")]
    animals = ["stingray", "indigo bunting", "axolotl", "tree frog", "mud turtle", "macaw"]
    others = ["black stork", "weimaraner", "agaric", "spaghetti squash"]
    assert sorted(named) == sorted([*animals, *others])


def test_a_list_of_118_without_them_leaves_ten_to_be_drawn(tmp_path):
    printed = imagenet.of_2016(imagenet.TEN_2016_FIGURE)
    theirs = [name for name in imagenet.synsets() if name not in printed[:4]][:118]
    write_list(tmp_path, "118", theirs)
    ten = imagenet.held_out(tmp_path, "10R")
    assert len(ten) == 10
    assert set(ten) < set(theirs)
    assert set(ten) & set(printed) == set(theirs) & set(printed)


def test_our_draw_is_fixed_and_its_subsets_lie_within(tmp_path):
    held_out = imagenet.held_out(tmp_path)
    assert len(set(held_out)) == 118
    found = {}
    for subset in imagenet.SUBSETS:
        names = imagenet.held_out(tmp_path, subset)
        assert set(names) < set(held_out)
        assert len(names) == (10 if subset == "10R" else 30)
        found[subset] = hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
    # From a first run: results depend on them, so they must not move.
    assert found == {
        "30_A": "3f866cadb9f923d8",
        "30_B": "62c9ed9ec8dae44d",
        "30_C": "11e34d222ddbc4f6",
        "10R": "4f94516c518a1d47",
    }
    assert held_out[:2] == ("n01484850", "n01498041")
    a, b = (imagenet.held_out(tmp_path, f"30_{letter}") for letter in "AB")
    assert a != b


def test_a_list_of_ones_own_wins(tmp_path):
    ours = imagenet.held_out(tmp_path)
    theirs = [name for name in imagenet.synsets() if name not in ours][:118]
    write_list(tmp_path, "118", reversed(theirs))
    assert imagenet.held_out(tmp_path) == tuple(sorted(theirs))
    assert set(imagenet.held_out(tmp_path, "30_B")) < set(theirs)
    write_list(tmp_path, "30_A", theirs[5:35])
    assert imagenet.held_out(tmp_path, "30_A") == tuple(sorted(theirs[5:35]))


@pytest.mark.parametrize(
    ("subset", "change", "words"),
    [
        (
            "118",
            lambda names: names[:-1],
            r"imagenet_118\.txt: 117 different classes, expected 118",
        ),
        ("118", lambda names: [*names[:-1], names[0]], "117 different classes"),
        ("118", lambda names: [*names[:-1], "n99999999"], "'n99999999' is none of ImageNet"),
        ("30_A", lambda names: names[:31], r"imagenet_30_A\.txt: 31 different classes"),
        ("30_A", lambda _: list(imagenet.synsets()[:30]), "none of the 118 held-out classes"),
    ],
)
def test_a_wrong_list(tmp_path, subset, change, words):
    names = list(imagenet.held_out(tmp_path))
    write_list(tmp_path, subset, change(names))
    with pytest.raises(BenchError, match=words):
        imagenet.held_out(tmp_path, subset)


def test_ten_classes_are_prepared(ten):
    prepared = prepare("imagenet10r2", ten)
    assert prepared.counts == {"train": 20, "val": 10}
    assert prepared.names["label"] == imagenet.of_2016(imagenet.TEN_2016)
    assert "not as many images of each class" in prepared.partial
    hashes = pixel_hashes(prepared.images)
    order = canonical_order(hashes, records(hashes, prepared.columns, prepared.names))
    assert (order == np.arange(30)).all()
    for task, n in (("imagenet10r2/discovery", 20), ("imagenet10r2/fed-forward", 10)):
        part = materialise(get_task(task).target, ten)
        assert (part.n, part.n_classes) == (n, 10)
        assert np.load(part.images, mmap_mode="r").shape == (n, 256, 256, 3)


def test_a_class_without_images_is_named(ten, tmp_path):
    classes = imagenet.of_2016(imagenet.TEN_2016)
    image_net(tmp_path, classes[:-1], val=0)
    (tmp_path / "imagenet/train" / classes[-1]).mkdir()
    with pytest.raises(BenchError, match=rf"train: no images of 1 of the 10 .* {classes[-1]}"):
        prepare("imagenet10r2", tmp_path)


def test_the_held_out_classes_and_their_subsets(tmp_path):
    image_net(tmp_path, imagenet.held_out(tmp_path), train=1, val=0)
    prepared = prepare("imagenet118", tmp_path)
    assert prepared.counts == {"train": 118}
    assert imagenet.OURS in prepared.partial
    for letter in "ABC":
        part = get_task(f"imagenet/30-{letter}").target
        files = materialise(part, tmp_path)
        assert (files.n, files.n_classes) == (30, 30)
        index = np.flatnonzero(prepared.columns[f"30_{letter}"])
        names = {prepared.names["label"][label] for label in prepared.columns["label"][index]}
        assert names == set(imagenet.held_out(tmp_path, f"30_{letter}"))
    assert materialise(Part("imagenet118", "train", {"10R": ("yes",)}), tmp_path).n == 10


def test_lists_of_ones_own_change_the_fingerprint_and_lift_the_mark(tmp_path):
    names = imagenet.held_out(tmp_path)
    image_net(tmp_path / "a", names, train=1, val=0)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/imagenet").symlink_to(tmp_path / "a/imagenet")
    ours = prepare("imagenet118", tmp_path / "a")
    subsets = {s: imagenet.held_out(tmp_path, s) for s in imagenet.SUBSETS}
    for subset, chosen in ({"118": names} | subsets | {"30_A": names[-30:]}).items():
        write_list(tmp_path / "b", subset, chosen)
    theirs = prepare("imagenet118", tmp_path / "b")
    assert imagenet.OURS not in theirs.partial
    assert theirs.fingerprints != ours.fingerprints


def test_large_ones_are_prepared_on_request_only(tmp_path):
    image_net(tmp_path, imagenet.held_out(tmp_path), train=1, val=0)
    why = availability("imagenet118", tmp_path, ["train"])
    assert "`python -m bench data prepare imagenet118` does it, in 31 GB" in why
    assert "is not here" not in why
    prepare("imagenet118", tmp_path)
    assert availability("imagenet118", tmp_path, ["train"]) == ""


def test_882_and_118_are_all_classes(tmp_path):
    source: Any = get("imagenet882").sources[1]
    rest = source.classes(tmp_path)
    assert sorted([*rest, *imagenet.held_out(tmp_path)]) == list(imagenet.synsets())
    source = get("imagenet882-2016").sources[1]
    rest = source.classes(tmp_path)
    assert not {*rest} & {*imagenet.of_2016(imagenet.HELD_OUT_2016)}
    assert len(rest) == 882


def test_images_of_all_classes_are_learned_from_and_probed(tmp_path, monkeypatch):
    classes = imagenet.of_2016(imagenet.TEN_2016)
    monkeypatch.setattr(imagenet, "synsets", lambda: classes)
    image_net(tmp_path, classes)
    for task in ("imagenet/represent", "imagenet/probe"):
        reason = availability("imagenet", tmp_path, ["train", "val"])
        assert "`python -m bench data prepare imagenet` does it, in 262 GB" in reason
        assert get_task(task).datasets() <= {("imagenet", "train"), ("imagenet", "val")}
    prepare("imagenet", tmp_path)
    assert availability("imagenet", tmp_path, ["train", "val"]) == ""
    learn, probe = get_task("imagenet/represent"), get_task("imagenet/probe")
    assert learn.related == {"probe": "imagenet/probe"}
    assert learn.target == probe.train
    for part, n in ((probe.train, 20), (probe.target, 10)):
        files = materialise(part, tmp_path)
        assert (files.n, files.n_classes) == (n, 10)
        labels = np.load(files.labels)
        assert sorted(labels) == sorted(np.arange(n) % 10)


def flat(tmp_path, solution=True):
    """Ten classes, the validation images in one folder as they are packed."""
    names = imagenet.of_2016(imagenet.TEN_2016)
    image_net(tmp_path, names)
    val, lines = tmp_path / "imagenet/val", ["ImageId,PredictionString"]
    for i, name in enumerate(names):
        (old,) = (val / name).iterdir()
        new = old.rename(val / f"ILSVRC2012_val_{i:08d}.JPEG")
        (val / name).rmdir()
        lines.append(f"{new.stem},{name} 1 2 3 4 {names[0]} 5 6 7 8 ")
    if solution:
        (tmp_path / "imagenet" / imagenet.SOLUTION).write_text("\n".join(lines) + "\n")
    return names


def test_validation_images_in_one_folder_get_their_classes_from_kaggles_list(tmp_path):
    names = flat(tmp_path)
    found = imagenet._photographs(tmp_path / "imagenet/val", names)
    assert [name for _, name in found] == list(names)
    assert [path.stem[-2:] for path, _ in found] == [f"{i:02d}" for i in range(10)]
    part = materialise(Part("imagenet10r2", "val"), tmp_path)
    assert (part.n, part.n_classes) == (10, 10)
    few = imagenet._photographs(tmp_path / "imagenet/val", names[3:5])
    assert [name for _, name in few] == list(names[3:5])


def test_validation_images_in_one_folder_without_a_list_say_what_to_do(tmp_path):
    names = flat(tmp_path, solution=False)
    with pytest.raises(BenchError, match=r"10 images in one folder .*LOC_val_solution\.csv into"):
        imagenet._photographs(tmp_path / "imagenet/val", names)
    (tmp_path / "imagenet" / imagenet.SOLUTION).write_text("ImageId,PredictionString\n")
    with pytest.raises(BenchError, match=r"has no line of ILSVRC2012_val_00000000\.JPEG"):
        imagenet._photographs(tmp_path / "imagenet/val", names)
