"""Labelled classes in several versions, each with classes of its own."""

import dataclasses

import numpy as np
import pytest

from bench.datasets.parts import Part, materialise, part_fingerprint
from bench.datasets.prepare import prepare
from bench.datasets.task_specs import TaskSpec, get_task, register_task
from bench.datasets.turned import VERSIONS, turned
from bench.errors import BenchError

PART = Part("digits", where={"label": (0, 1, 2)})


def by_hand(image, version):
    """Pixel by pixel: mirrored left to right from version 4 on, then quarters counterclockwise."""
    side = len(image)
    if version >= 4:
        image = [[image[r][side - 1 - c] for c in range(side)] for r in range(side)]
    for _ in range(version % 4):
        image = [[image[c][side - 1 - r] for c in range(side)] for r in range(side)]
    return np.array(image)


@pytest.mark.parametrize("versions", VERSIONS)
def test_a_turned_class_is_a_class_of_its_own(versions):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (11, 3, 3, 2), dtype=np.uint8)
    labels = rng.integers(0, 5, 11)
    made, classes = turned(images, labels, 5, versions)
    assert made.shape == (versions * 11, 3, 3, 2)
    assert classes.shape == (versions * 11,)
    assert made.dtype == np.uint8
    assert classes.dtype == np.int64
    for place in range(versions * 11):
        j, i = divmod(place, 11)
        version = (i + j) % versions
        np.testing.assert_array_equal(made[place], by_hand(images[i].tolist(), version))
        assert classes[place] == labels[i] + 5 * version
    # Each image stands there once in each version, and a limit takes the versions evenly.
    seen = {(place % 11, int(classes[place]) // 5) for place in range(versions * 11)}
    assert len(seen) == versions * 11
    counts = np.bincount(classes[:11] // 5, minlength=versions)
    assert counts.max() - counts.min() <= 1


def test_what_cannot_be_turned_is_refused(tmp_path):
    images, labels = np.zeros((2, 3, 4, 1), np.uint8), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="3 by 4 pixels"):
        turned(images, labels, 1, 4)
    with pytest.raises(ValueError, match="versions = 2: must be one of 1, 4, 8"):
        turned(images[:, :, :3], labels, 1, 2)
    with pytest.raises(BenchError, match="versions = 3"):
        materialise(dataclasses.replace(PART, versions=3), tmp_path)
    with pytest.raises(BenchError, match="one label each"):
        materialise(dataclasses.replace(PART, versions=4, classes=("label",)), tmp_path)
    with pytest.raises(BenchError, match="taken as it is"):
        register_task(TaskSpec("x/y", "cluster", "", dataclasses.replace(PART, versions=4), 3))


def test_a_turned_part_is_that_of_its_images(tmp_path):
    plain, own = (materialise(PART, tmp_path), dataclasses.replace(PART, versions=8))
    files = materialise(own, tmp_path, limit=700)
    assert (files.n, files.n_classes) == (700, 24)
    images, labels = turned(np.load(plain.images), np.load(plain.labels), 3, 8)
    np.testing.assert_array_equal(np.load(files.images), images[:700])
    np.testing.assert_array_equal(np.load(files.labels), labels[:700])
    known = prepare("digits", tmp_path).fingerprints
    prints = [part_fingerprint(dataclasses.replace(PART, versions=v), known) for v in VERSIONS]
    assert len(set(prints)) == len(VERSIONS)
    assert prints[0] == plain.images.parent.name  # as before images could be turned


def test_the_task_turns_the_source_alone():
    task, plain = get_task("digits/transfer-turned"), get_task("digits/transfer")
    assert task.target == plain.target
    assert plain.source is not None
    assert task.source == dataclasses.replace(plain.source, versions=8)
    similarity = get_task(task.related["similarity"])
    assert (similarity.auxiliary, similarity.target) == (task.source, task.target)
