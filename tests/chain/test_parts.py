import dataclasses
from typing import Any

import numpy as np
import pytest

from bench.datasets import (
    Dataset,
    Npz,
    Part,
    TaskSpec,
    get,
    get_task,
    look,
    materialise,
    part_fingerprint,
    prepare,
    register_task,
    tasks,
)
from bench.datasets.dataset import _datasets
from bench.datasets.protocols.alphabets import ALPHABETS
from bench.errors import BenchError, DamagedData, Unavailable
from bench.run import inputs

COLOURS = ("blue", "green", "red", "white", "black")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with a dataset "tiny": 40 train and 20 test images of five colours."""
    monkeypatch.delenv("BENCH_CACHE", raising=False)
    dataset = Dataset(
        name="tiny", summary="", shape=(2, 2, 1), counts={"train": 40, "test": 20},
        labels=COLOURS, licence="", citation="", how_to_get="run this", sources=(Npz(),),
    )  # fmt: skip
    monkeypatch.setitem(_datasets, "tiny", dataset)
    write_npz(tmp_path)
    return tmp_path


def write_npz(root, keep=slice(None)):
    images = np.random.default_rng(0).integers(0, 256, (60, 2, 2), dtype=np.uint8)
    split = np.repeat([0, 1], [40, 20])
    arrays: dict[str, Any] = {"images": images, "labels": np.arange(60) % 5, "split": split}
    np.savez(root / "tiny.npz", **{key: value[keep] for key, value in arrays.items()})


def load(files):
    return np.load(files.images), np.load(files.labels)


def expected(root, part):
    """A slow transcription of what a part selects: images as bytes, labels renumbered."""
    prepared = prepare(part.dataset, root)
    columns, rows = prepared.columns, []
    wanted = {key: [COLOURS.index(v) if isinstance(v, str) else v for v in values]
              for key, values in part.where.items()}  # fmt: skip
    for i, image in enumerate(prepared.images):
        if part.split and columns["split"][i] != ("train", "test").index(part.split):
            continue
        if any(columns[key][i] not in values for key, values in wanted.items()):
            continue
        rows.append((image.tobytes(), int(columns[part.label][i])))
    classes = sorted({label for _, label in rows})
    return [(pixels, classes.index(label)) for pixels, label in rows]


@pytest.mark.parametrize(
    "part",
    [
        Part("tiny"),
        Part("tiny", "test"),
        Part("tiny", "train", {"label": (3, 1)}),
        Part("tiny", where={"label": ("green", "white", 4)}),
        Part("tiny", label="split"),
    ],
)
def test_a_part_is_what_it_declares(root, part):
    files = materialise(part, root)
    images, labels = load(files)
    rows = expected(root, part)
    assert [image.tobytes() for image in images] == [pixels for pixels, _ in rows]
    assert labels.tolist() == [label for _, label in rows]
    assert labels.dtype == np.int64
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert (files.n, files.n_classes) == (len(rows), len(set(labels.tolist())))
    assert files.images != files.labels


def test_limit_takes_the_first_and_keeps_the_numbering(root):
    part = Part("tiny", "train", {"label": (1, 2, 4)})
    images, labels = load(materialise(part, root))
    for limit in (2, 7, 1000):
        files = materialise(part, root, limit=limit)
        few, few_labels = load(files)
        np.testing.assert_array_equal(few, images[:limit])
        np.testing.assert_array_equal(few_labels, labels[:limit])
        assert (files.n, files.n_classes) == (min(limit, 24), 3)


def test_halves_are_disjoint_and_whole(root):
    whole = load(materialise(Part("tiny", "test", {"label": (0, 1, 2)}), root))
    halves = [load(materialise(Part("tiny", "test", {"label": (0, 1, 2)}, half=h), root))
              for h in (0, 1)]  # fmt: skip
    for i in range(2):
        np.testing.assert_array_equal(np.concatenate([half[i] for half in halves]), whole[i])
    assert [len(half[0]) for half in halves] == [6, 6]


def test_classes_are_thinned_to_their_first_images(root):
    whole, labels = load(materialise(Part("tiny", "train"), root))
    files = materialise(Part("tiny", "train", keep={1: 0.5, 4: 0.1}), root)
    images, kept = load(files)
    left = {0: 8, 1: 4, 2: 8, 3: 8, 4: 1}
    rows = np.sort(np.concatenate([np.flatnonzero(labels == c)[:n] for c, n in left.items()]))
    np.testing.assert_array_equal(images, whole[rows])
    np.testing.assert_array_equal(kept, labels[rows])
    assert (files.n, files.n_classes) == (29, 5)


def test_unbalanced_tasks_are_what_the_paper_removes():
    for dataset in ("mnist", "cifar10"):
        light, heavy = (get_task(f"{dataset}/represent-{n}").target for n in ("light", "heavy"))
        assert light.keep == {9: 0.5}
        lost = [1.0 - heavy.keep.get(label, 1.0) for label in range(10)]
        np.testing.assert_allclose(lost, np.arange(10) / 10)
        assert get_task(f"{dataset}/represent-heavy").related == {"probe": f"{dataset}/probe"}


def test_fingerprint_of_a_part(root):
    part = Part("tiny", "test")
    unknown = look("tiny", root).fingerprints
    assert part_fingerprint(part, unknown) == ""  # neither prepared nor pinned
    first = materialise(part, root)
    known = look("tiny", root).fingerprints
    assert part_fingerprint(part, known) == first.images.parent.name
    others = [
        (Part("tiny", "test", half=0), None), (Part("tiny", "train"), None), (Part("tiny"), None),
        (Part("tiny", "test", {"label": (0,)}), None), (Part("tiny", "test", label="split"), None),
        (Part("tiny", "test", keep={0: 0.5}), None), (Part("tiny", "test", keep={0: 0.4}), None),
        (part, 5), (part, None),
    ]  # fmt: skip
    assert len({part_fingerprint(p, known, limit) for p, limit in others}) == len(others)


def test_fingerprint_is_known_from_pins_alone_and_follows_the_data(root, monkeypatch):
    part, absent = Part("tiny", "test"), root / "absent"
    before = materialise(part, root).images.parent.name
    pinned = dataclasses.replace(get("tiny"), pins=prepare("tiny", root).fingerprints)
    monkeypatch.setitem(_datasets, "tiny", pinned)
    assert part_fingerprint(part, look("tiny", absent).fingerprints) == before
    other = dataclasses.replace(pinned, pins={**pinned.pins, "test": "0" * 64})
    monkeypatch.setitem(_datasets, "tiny", other)
    assert part_fingerprint(part, look("tiny", absent).fingerprints) != before


def test_a_split_that_is_absent_is_never_left_out_silently(root):
    write_npz(root, slice(40, None))
    materialise(Part("tiny", "test"), root)
    for part in (Part("tiny", "train"), Part("tiny")):
        with pytest.raises(Unavailable, match=r"tiny train is not under .*run this"):
            materialise(part, root)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part("tiny", where={"labl": (1,)}), "column of tiny 'labl': did you mean 'label'"),
        (Part("tiny", where={"label": ("gren",)}), "label of tiny 'gren': did you mean 'green'"),
        (Part("tiny", where={"label": (7,)}), "selects no image"),
        (Part("tiny", label="coarse"), "column of tiny 'coarse'"),
        (Part("tiny", "tests"), "split of tiny 'tests': did you mean 'test'"),
        (Part("tony"), "dataset 'tony'"),
    ],
)
def test_wrong_parts(root, part, words):
    with pytest.raises(BenchError, match=words):
        materialise(part, root)


def test_a_damaged_part(root):
    files = materialise(Part("tiny"), root)
    files.labels.write_bytes(files.labels.read_bytes()[:-1])
    with pytest.raises(BenchError, match=r"labels.npy is damaged .*: delete .*parts"):
        materialise(Part("tiny"), root)


# Tasks


def test_every_task_is_whole():
    assert len(ALPHABETS) == 20
    assert sum(ALPHABETS.values()) == 659
    for name, task in tasks().items():
        assert task.name == name
        info = task.info()
        assert (info.name, info.kind) == (name, task.kind)
        assert info.has_source == ("source" in task.parts())
        assert info.has_auxiliary == ("auxiliary" in task.parts())
        for dataset, split in task.datasets():
            assert split in get(dataset).counts
        for other in task.related.values():
            assert other in tasks()
        assert (task.train is not None) == (task.kind in ("probe", "finetune"))
        assert task.kind != "adapt" or task.source
        assert task.kind != "similarity" or task.auxiliary


def test_tasks_on_digits_have_their_clusters(tmp_path, monkeypatch):
    monkeypatch.delenv("BENCH_CACHE", raising=False)
    for name in ("cluster", "transfer", "similarity", "represent", "probe", "pairs"):
        task = get_task(f"digits/{name}")
        files = {role: materialise(part, tmp_path) for role, part in task.parts().items()}
        assert files["target"].n_classes == task.n_clusters
        others = [np.load(files[role].images) for role in files if role != "target"]
        for other in others:  # nothing of the target is among what is labelled
            target = {image.tobytes() for image in np.load(files["target"].images)}
            assert not target & {image.tobytes() for image in other}
    assert len(np.load(files["target"].images)) == 1797


def test_datasets_of_tasks():
    assert get_task("mnist/cluster").datasets() == {("mnist", "train"), ("mnist", "test")}
    assert get_task("digits/transfer").datasets() == {("digits", "all")}
    assert get_task("svhn-mnist/adapt").datasets() == {
        ("svhn", "train"), ("mnist", "train"), ("omniglot", "background"),
    }  # fmt: skip


def test_settings():
    assert get_task("digits/cluster").settings({}) == {"n_clusters": 10}
    assert get_task("digits/cluster").settings({"n_clusters": 100}) == {"n_clusters": 100}
    assert get_task("digits/similarity").settings({}) == {"n_pairs": 20_000}
    pairs = get_task("digits/pairs").settings({"density": 1, "similar_recall": 0.5})
    assert pairs == {
        "n_clusters": 10, "density": 1.0, "similar_recall": 0.5, "dissimilar_recall": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("task", "setting", "words"),
    [
        ("digits/cluster", {"n_cluster": 5}, "x.toml: .*did you mean 'n_clusters'"),
        ("digits/cluster", {"n_clusters": 0}, "n_clusters = 0 must be a whole number"),
        ("digits/cluster", {"n_clusters": 2.5}, "n_clusters = 2.5 must be a whole number"),
        ("digits/cluster", {"n_clusters": True}, "n_clusters = True must be a whole number"),
        ("digits/pairs", {"density": 1.5}, "density = 1.5 must be a number in 0..1"),
        ("digits/pairs", {"density": "all"}, "density = 'all' must be a number"),
        ("mnist-usps/adapt", {"n_clusters": 5}, "setting of mnist-usps/adapt 'n_clusters'"),
    ],
)
def test_wrong_settings(task, setting, words):
    with pytest.raises(BenchError, match=words):
        get_task(task).settings(setting, where="x.toml")


@pytest.mark.parametrize(
    ("target", "source", "words"),
    [
        ({"where": {"label": (3, 4)}}, {"where": {"label": (0, 4)}}, "4 is a class of both"),
        ({"where": {"label": (3, 4)}}, {}, "share classes"),
        ({"split": "train"}, {"split": "train"}, "share classes"),
    ],
)
def test_labelled_classes_are_none_of_those_to_be_found(target, source, words):
    task = TaskSpec(
        "x/y", "cluster", "", Part("mnist", **target), 2, source=Part("mnist", **source)
    )
    with pytest.raises(BenchError, match=words):
        register_task(task)
    assert "x/y" not in tasks()


def test_registering_tasks():
    with pytest.raises(BenchError, match="'digits/cluster': the name is taken"):
        register_task(get_task("digits/cluster"))
    with pytest.raises(BenchError, match="role 'source'"):
        register_task(TaskSpec("x/y", "cluster", "", Part("digits"), 2, quick={"source": 3}))
    with pytest.raises(BenchError, match="did you mean 'digits/cluster'"):
        get_task("digits/clusters")


def test_a_class_of_two_data_sets_has_one_number(root, monkeypatch):
    """The same word is the same class; another may be, as an auto here is a car there."""

    def parts_of(*names):
        name = f"tiny-{names[0]}"
        other = dataclasses.replace(get("tiny"), name=name, labels=(*names, "white", "black"))
        monkeypatch.setitem(_datasets, name, other)
        (root / f"{name}.npz").write_bytes((root / "tiny.npz").read_bytes())
        task = TaskSpec("x/adapt", "adapt", "", Part("tiny"), 5, source=Part(name))
        return task, "source", {r: materialise(p, root) for r, p in task.parts().items()}, root

    inputs.refuse_other_classes(*parts_of("azure", "olive", "pink"))
    with pytest.raises(DamagedData, match="'green' as class 0, its target in 'tiny' 'blue'"):
        inputs.refuse_other_classes(*parts_of("green", "blue", "red"))
