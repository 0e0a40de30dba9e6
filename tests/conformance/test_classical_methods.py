"""N-Cuts, LSC, LPNMF, CSP and MPCK-means on digits and on input that is none."""

import numpy as np
import pytest
from fake_run import FakeRun

from bench import ROOT, registry
from bench.nn.clustering import constraints
from bench.score.metrics import clustering_accuracy, contingency
from bench.tasks import ClusterTask, Prediction
from benchmarks.structured import digits, omni26

for stem in ("ncuts", "lsc", "lpnmf", "csp", "mpck"):
    registry.import_from(ROOT / "baselines", stem)

FREE = ("ncuts", "lsc", "lpnmf")
BOUND = ("csp", "mpck-means")


@pytest.fixture(scope="module")
def known():
    return digits(400)


def images(points):
    """Pixels of the digits, 0..16, as images."""
    return np.round(points * 15).astype(np.uint8).reshape(len(points), 8, 8, 1)


def fit(name, x, k, similar=None, seed=0, **params):
    needs = {} if similar is None else {"similar": Prediction(tensors=constraints.packed(similar))}
    made = registry.get(name).cls(**params)
    return made.fit(ClusterTask("digits", x, k), FakeRun(seed, needs=needs)).assignments


def assert_clusters(name, x, k, similar=None, **params):
    found = fit(name, x, k, similar, **params)
    assert found.dtype == np.int64
    assert found.shape == (len(x),)
    assert 0 <= found.min() <= found.max() < k


def accuracy(labels, found):
    return clustering_accuracy(contingency(labels, found))


@pytest.mark.parametrize(
    ("name", "params", "k", "wanted"),
    [
        ("ncuts", {"scale": 0.2}, 10, 0.720),
        ("ncuts", {"affinity": "neighbours"}, 10, 0.864),
        ("lsc", {}, 10, 0.848),
        ("lpnmf", {}, 10, 0.805),
        ("lpnmf", {"alpha": 0.0}, 10, 0.695),
        ("lsc", {}, 100, 0.182),
    ],
)
def test_accuracy_on_digits_is_what_was_measured(name, params, k, wanted, known):
    """Figures of the originals on these images; the mean of three seeds."""
    x = images(known.pixels)
    found = [accuracy(known.labels, fit(name, x, k, seed=s, **params)) for s in range(3)]
    assert np.mean(found) == pytest.approx(wanted, abs=0.05)


def test_inverting_is_factorising_the_negative(known):
    x, options = images(known.pixels), {"starts": 1, "max_iter": 20, "n_init": 1}
    found = fit("lpnmf", x, 10, invert=True, **options)
    assert np.array_equal(found, fit("lpnmf", 255 - x, 10, **options))
    assert not np.array_equal(found, fit("lpnmf", x, 10, **options))


@pytest.mark.parametrize(
    ("name", "params", "k", "wanted"),
    [
        ("csp", {}, 10, 1.0),
        ("csp", {"ordering": "algebraic"}, 10, 1.0),
        ("csp", {}, 100, 0.333),
        ("mpck-means", {}, 10, 1.0),
        ("mpck-means", {}, 100, 0.495),
        ("mpck-means", {"metric": False}, 100, 0.750),
    ],
)
def test_accuracy_with_constraints_on_digits_is_what_was_measured(name, params, k, wanted, known):
    found = fit(name, images(known.pixels), k, known.similar, **params)
    assert accuracy(known.labels, found) == pytest.approx(wanted, abs=0.05)


def test_the_published_scale_is_near_chance():
    """Nearly all affinities are cut: .11 by scikit-learn's solver, which has no offset."""
    one = digits(200)
    assert accuracy(one.labels, fit("ncuts", images(one.pixels), 10)) < 0.25


def test_the_structured_set_has_its_recalls_and_precision():
    one = omni26(0)
    same = one.labels[:, None] == one.labels
    others = ~np.eye(len(same), dtype=bool)
    assert one.similar[same & others].mean() == pytest.approx(0.927, abs=0.001)
    assert one.similar[~same].mean() == pytest.approx(0.021, abs=0.001)
    assert same[one.similar & others].mean() == pytest.approx(0.62, abs=0.01)


@pytest.mark.parametrize("name", [*FREE, *BOUND])
@pytest.mark.parametrize("k", [0, 31])
def test_an_impossible_number_of_clusters_is_refused(name, k, known):
    with pytest.raises(ValueError, match=f"n_clusters = {k} for 30 points"):
        fit(name, images(known.pixels[:30]), k, known.similar[:30, :30])


@pytest.mark.parametrize("name", [*FREE, *BOUND])
@pytest.mark.parametrize("k", [1, 2, 11, 12])
def test_any_possible_number_of_clusters_gives_a_clustering(name, k, known):
    assert_clusters(name, images(known.pixels[::34]), k, known.similar[::34, ::34])


@pytest.mark.parametrize("name", [*FREE, *BOUND])
@pytest.mark.parametrize("value", [0, 200])
def test_constant_images_give_a_clustering(name, value):
    x = np.full((30, 4, 4, 1), value, np.uint8)
    rng = np.random.default_rng(0)
    assert_clusters(name, x, 3, rng.random((30, 30)) < 0.3)


@pytest.mark.parametrize("name", [*FREE, *BOUND])
def test_constant_features_and_duplicates_change_nothing_that_is_clear(name):
    labels = np.repeat([0, 1, 2], 12)
    x = np.zeros((36, 4, 4, 1), np.uint8)
    x[..., 0, 0, 0] = 130
    x.reshape(36, -1)[np.arange(36), 3 + labels] = 255  # all of a class are equal
    found = fit(
        name, x, 3, labels[:, None] == labels, **({"scale": 0.2} if name == "ncuts" else {})
    )
    assert accuracy(labels, found) == 1.0


@pytest.mark.parametrize("name", [*FREE, *BOUND])
def test_nan_is_refused(name, known, monkeypatch):
    made = registry.get(name).cls
    points = np.full((30, 4), np.nan, np.float32)
    monkeypatch.setattr(made, "points", lambda self, *_: points)
    with pytest.raises(ValueError, match="hold NaN or infinite"):
        fit(name, images(known.pixels[:30]), 3, known.similar[:30, :30])


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize("value", [False, True])
def test_constraints_that_say_one_thing_of_all_pairs_give_a_clustering(name, value, known):
    x = images(known.pixels[::10])
    assert_clusters(name, x, 5, np.full((40, 40), value))


@pytest.mark.parametrize("name", BOUND)
def test_constraints_of_one_order_alone_give_a_clustering(name, known):
    x, similar = images(known.pixels[::10]), known.similar[::10, ::10]
    assert_clusters(name, x, 5, np.tril(similar, -1))
    assert_clusters(name, x, 5, np.triu(similar))


@pytest.mark.parametrize("name", BOUND)
def test_constraints_of_other_images_are_refused(name, known):
    with pytest.raises(ValueError, match="40 rows of 5 bytes are wanted"):
        fit(name, images(known.pixels[::10]), 5, known.similar[:30, :30])


def test_above_the_dense_limit_a_sparse_graph_is_cut_likewise(known):
    x = images(known.pixels)
    whole = fit("ncuts", x, 10, affinity="neighbours")
    sparse = fit("ncuts", x, 10, affinity="neighbours", dense=50)
    assert accuracy(whole, sparse) > 0.9
    assert_clusters("ncuts", x, 10, scale=0.2, dense=50)
    assert_clusters("ncuts", x, 10, dense=50)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("ncuts", {"scale": 0.0}),
        ("ncuts", {"size": -1}),
        ("lsc", {"landmarks": 0}),
        ("lpnmf", {"alpha": -1.0}),
        ("lpnmf", {"invert": True, "features": "source"}),
        ("csp", {"n_init": 0}),
        ("csp", {"self_affinity": -1.0}),
        ("mpck-means", {"max_iter": 0}),
    ],
)
def test_parameters_out_of_range_are_refused(name, params):
    with pytest.raises(ValueError, match=next(iter(params))):
        registry.get(name).cls(**params)
