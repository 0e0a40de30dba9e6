"""ITML, SKKm, SKMS and SKLR: noisy pairs of digits, and input that nobody would hand in."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from fake_run import FakeRun
from sklearn.datasets import load_digits

from bench import registry
from bench.nn.clustering import constraints
from bench.score.metrics import clustering_accuracy, contingency
from bench.tasks import ClusterTask, Prediction, TaskInfo

NEEDED = {
    "itml": ("metric", "itml-metric"),
    "skkm": ("kernel", "skms-kernel"),
    "skms": ("kernel", "skms-kernel"),
    "sklr": ("kernel", "sklr-kernel"),
}
METHODS = sorted(NEEDED)


@cache
def digits(per_class=20, classes=10):
    """Images in random order, their classes, and pairs of recall .927 and .995, order by order."""
    bunch, draw = load_digits(n_class=classes), np.random.default_rng(0)
    members = [draw.permutation(np.flatnonzero(bunch.target == c)) for c in range(classes)]
    rows = draw.permutation(np.concatenate([rows[:per_class] for rows in members]))
    images, labels = bunch.images[rows].astype(np.uint8)[..., None], bunch.target[rows]
    drawn = draw.random((len(rows), len(rows)))
    return images, labels, np.where(labels[:, None] == labels, drawn < 0.927, drawn >= 0.995)


def learned(name, images, similar, seed=0, **params):
    """The needed cell's prediction."""
    needs = {"similar": Prediction(tensors=constraints.packed(similar))}
    built = registry.get(NEEDED[name][1]).build(params)
    return built.fit(ClusterTask("made", images, 2), FakeRun(seed, needs=needs))


def clustered(name, images, similar, k, **params):
    needs = {NEEDED[name][0]: learned(name, images, similar, **params)}
    built = registry.get(name).build(params)
    return built.fit(ClusterTask("made", images, k), FakeRun(needs=needs)).assignments


def assert_clusters(name, images, similar, k):
    found = clustered(name, images, similar, k)
    assert found.shape == (len(images),)
    assert found.dtype == np.int64
    assert set(np.unique(found)) <= set(range(k))


def accuracy(labels, found):
    return clustering_accuracy(contingency(labels, found))


@pytest.mark.parametrize("name", METHODS)
def test_noisy_pairs_find_the_classes_that_pixels_do_not(name):
    images, labels, similar = digits()
    pixels = registry.get("kmeans").build({})
    plain = pixels.fit(ClusterTask("made", images, 10), FakeRun()).assignments
    found = clustered(name, images, similar, 10)
    assert accuracy(labels, found) > max(0.88, accuracy(labels, plain) + 0.05)


@pytest.mark.parametrize("name", METHODS)
def test_the_needed_cell_has_the_parameters_of_the_row_and_no_number_of_clusters(name):
    params = {"size": 16, "mode": "train", "invert": False, "similarity_seed": 3, "gamma": 7.0}
    role, method = NEEDED[name]
    info = TaskInfo("made", "cluster", False, True, {"similarity": "made/similarity"})
    need = registry.get(name).build(params).needs(info)[role]
    assert need.method == method
    assert need.params.items() >= params.items()
    (matrix,) = registry.get(method).build(need.params).needs(info).values()
    assert matrix.method == "similarity-matrix"
    assert matrix.params == {"mode": "train", "invert": False, "similarity_seed": 3}


@pytest.mark.parametrize("name", METHODS)
def test_order_and_draws_are_of_the_seed(name):
    images, _, similar = digits(6)
    one, again, other = (
        learned(name, images, similar, seed).tensors["points"] for seed in (0, 0, 1)
    )
    assert one.equal(again)
    assert one.shape != other.shape or not one.equal(other)


ODD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all similar": lambda r: np.ones_like(r),
    "none similar": lambda r: np.zeros_like(r),
    "one order alone": np.triu,
    "contradictory": lambda r: np.triu(r) | ~np.triu(np.ones_like(r)),
    "at random": lambda r: np.random.default_rng(0).random(r.shape) < 0.5,
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("odd", ODD)
def test_any_matrix_has_a_result(name, odd):
    images, _, similar = digits(8, classes=3)
    assert_clusters(name, images, ODD[odd](similar), 3)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    "images",
    [
        np.full((12, 4, 4, 1), 9, np.uint8),
        np.repeat(np.arange(4, dtype=np.uint8), 3).reshape(12, 1, 1, 1),
        np.repeat(digits(2, classes=2)[0], 3, axis=0),
    ],
    ids=["constant", "one pixel", "duplicates"],
)
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_images_alike_have_a_result(name, images):
    similar = np.random.default_rng(0).random((12, 12)) < 0.5
    found = clustered(name, images, similar, 2)
    same = constraints.groups(images.reshape(12, -1))
    assert all(len(set(found[same == g])) == 1 for g in range(same.max() + 1))


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"skms"}))
def test_more_clusters_than_images_are_refused(name):
    images, _, similar = digits(2, classes=2)
    with pytest.raises(ValueError, match=r"n_clusters = 9 for 4 points: must lie in 1\.\.4"):
        clustered(name, images, similar, 9)


@pytest.mark.parametrize("name", METHODS)
def test_one_image_and_two(name):
    images, _, _ = digits(2, classes=2)
    for n in (1, 2):
        assert_clusters(name, images[:n], np.ones((n, n), bool), 1)


def test_skms_gives_no_more_clusters_than_are_declared():
    images, _, similar = digits(10)
    assert len(np.unique(clustered("skms", images, similar, 100))) in range(8, 14)
    assert len(np.unique(clustered("skms", images, similar, 4))) == 4


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("itml", {"gamma": 0.0}, "gamma must be above 0"),
        ("itml", {"low": 95.0, "high": 5.0}, "0 <= low < high <= 100"),
        ("skkm", {"scales": ()}, "must be one or more numbers above 0"),
        ("skkm", {"near": 2.0}, "far above near"),
        ("skms", {"rank": 0}, "rank = 0 must be at least 1"),
        ("sklr", {"sweeps": 0}, "sweeps and neighbour must be at least 1"),
        ("sklr", {"size": -1}, "size = -1 must be at least 0"),
    ],
)
def test_parameters_without_a_meaning_are_refused(name, params, said):
    with pytest.raises(Exception, match=said):
        registry.get(name).build(params)
