"""Methods as scikit-learn's estimators: the harness's results, the caller's order, its checks."""

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from harness import write_experiment
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import ParameterGrid
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import check_estimator

import bench
from bench import registry, shipped
from bench.api import estimators
from bench.errors import BenchError, Unfit
from bench.run.inprocess import Fitted
from bench.tasks import Prediction

DIGITS = load_digits()
IMAGES, LABELS = (DIGITS.images * 15).astype(np.uint8), DIGITS.target
LOW, HIGH = LABELS < 5, LABELS >= 5
SHORT = {
    "autoencoder": {"layer_iterations": 8, "finetune_iterations": 16},
    "similarity": {"epochs": 1, "widths": (8, 8, 8, 8), "classes_per_batch": 5},
}
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "digits/cluster": {"kmeans": {"n_init": 2}, "dec": {"max_epochs": 1}},
    "digits/transfer": {
        "kcl": {"epochs": 1, "widths": (8, 8, 8, 8), "hidden": 16, "keep": True},
    },
}
ITERATIONS = "the harness's contract has no number of iterations"
EXPECTED = {
    "check_non_transformer_estimators_n_iter": ITERATIONS,
    "check_array_api_input": "for SCIPY_ARRAY_API=1; methods take arrays of numpy",
}
"""Checks of scikit-learn that are not for these estimators -> why."""


def short(method, **params):
    return bench.estimator(method, needed=SHORT, **params)


@pytest.fixture(scope="module")
def stored(tmp_path_factory, forkserver):
    """The same cells by the harness: method -> its finished cell."""
    found: dict[str, Any] = {}
    for task, rows in ROWS.items():
        folder = tmp_path_factory.mktemp("estimators")
        entries = [{"method": name, "params": params} for name, params in rows.items()]
        toml = write_experiment(folder / "x.toml", task, entries)
        frame = bench.run(toml, results=folder, set=SHORT, quiet=True)
        frame = frame.drop_duplicates("key").set_index("method")
        assert set(frame.state) == {"done"}
        found |= {name: bench.load(frame.key[name], results=folder) for name in rows}
    return found


@pytest.mark.parametrize("method", ["kmeans", "dec", "kcl"])
def test_in_this_process_it_is_what_the_harness_stores(stored, method):
    """Labels, what was logged and weights, and this process's generators are as they were."""
    task = next(task for task, rows in ROWS.items() if method in rows)
    k, X = 10, IMAGES
    given: dict[str, Any] = {}
    if task == "digits/transfer":
        k, given, X = 5, {"auxiliary": (IMAGES[LOW], LABELS[LOW])}, IMAGES[HIGH]
    made = short(method, n_clusters=k, task=task, **ROWS[task][method])
    of_numpy = check_random_state(None)  # its global generator
    torch.manual_seed(5)
    of_numpy.seed(5)
    threads, expected = torch.get_num_threads(), (torch.rand(1), of_numpy.normal())
    torch.manual_seed(5)
    of_numpy.seed(5)
    found, cell = made.fit(X, **given), stored[method]
    assert (torch.rand(1), of_numpy.normal()) == expected
    assert torch.get_num_threads() == threads
    assert found.labels_.tolist() == cell.predictions.cluster.tolist()
    for name, pairs in found.logged_.items():
        stored_pairs = cell.curves[cell.curves.name == name][["step", "value"]].to_numpy()
        assert pairs == stored_pairs.tolist()
    assert found.tensors_.keys() == cell.output.tensors.keys()
    assert bool(found.tensors_) is (method == "kcl")
    for name, tensor in found.tensors_.items():
        assert torch.equal(tensor, cell.output.tensors[name])


def test_labels_are_in_the_callers_order():
    made = bench.estimator("kmeans", n_clusters=10)
    labels = made.fit_predict(IMAGES[:300])
    rows = np.random.default_rng(0).permutation(300)
    assert len({image.tobytes() for image in IMAGES[:300]}) == 300
    assert made.fit_predict(IMAGES[rows]).tolist() == labels[rows].tolist()
    assert made.fit_predict(IMAGES[:300, ..., None]).tolist() == labels.tolist()
    assert (labels.dtype, labels.shape) == (np.int64, (300,))
    assert set(labels) <= set(range(10))


def test_another_seed_is_another_result_and_a_generator_draws_one():
    made = bench.estimator("kmeans", n_clusters=10, n_init=1, random_state=1)
    one = made.fit_predict(IMAGES)
    assert made.set_params(random_state=2).fit_predict(IMAGES).tolist() != one.tolist()
    drawn = [
        made.set_params(random_state=np.random.RandomState(3)).fit_predict(IMAGES[:200])
        for _ in range(2)
    ]
    assert drawn[0].tolist() == drawn[1].tolist()


def test_adapting_gives_the_sources_own_labels():
    names = np.array([f"class {label}" for label in LABELS])
    made = bench.estimator("source-only", epochs=1)
    assert "n_clusters" not in made.get_params()
    found = made.fit_predict(IMAGES[:50], source=(IMAGES[50:200], names[50:200]))
    assert set(found) <= set(names)


def test_parameters_are_got_set_cloned_and_pickled():
    made = bench.estimator("dec", n_clusters=4, batch_size=64)
    info = registry.get("dec")
    own = {"n_clusters": 4, **estimators._OWN}
    assert made.get_params() == info.params("quick", {"batch_size": 64}) | own
    paper = bench.estimator("dec", preset="paper")
    assert paper.max_epochs == info.params("paper", {})["max_epochs"] != made.max_epochs
    copied = clone(made.set_params(max_epochs=3))
    assert copied.get_params() == made.get_params()
    assert pickle.loads(pickle.dumps(made)).get_params() == made.get_params()
    assert str(made).startswith("DECEstimator(batch_size=64")
    assert "n_clusters" in str(type(made).__doc__)
    with pytest.raises(TypeError, match="batch_sise"):
        type(made)(batch_sise=3)


def test_a_search_over_parameters_takes_it():
    scores = {}
    for params in ParameterGrid({"n_clusters": np.array([2, 10])}):
        labels = bench.estimator("kmeans").set_params(**params).fit_predict(IMAGES)
        scores[int(params["n_clusters"])] = adjusted_rand_score(LABELS, labels)
    assert scores[10] > scores[2]


@pytest.mark.parametrize("method", ["kmeans", "lsc", "ncuts"])
def test_scikit_learns_own_checks(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = check_estimator(bench.estimator(method), on_fail=None, on_skip=None)
    left = {one["check_name"]: one["exception"] for one in done if one["status"] != "passed"}
    assert left.keys() <= EXPECTED.keys(), left
    assert len(done) - len(left) > 40


def test_a_data_frame_of_vectors_is_taken():
    frame = pd.DataFrame(DIGITS.data / 16)
    frame.columns = [f"pixel {i}" for i in frame]
    made = bench.estimator("kmeans", n_clusters=10).fit(frame)
    assert made.n_features_in_ == 64
    assert adjusted_rand_score(LABELS, made.labels_) > 0.4
    made.fit(IMAGES)
    assert not hasattr(made, "n_features_in_")


CLUSTERING = [
    name
    for name, one in shipped.methods().items()
    if "cluster" in one.kinds and not one.artifact and not one.uses_target_labels
]


@pytest.mark.parametrize("name", CLUSTERING)
def test_every_clustering_method_is_planned_as_the_harness_plans_it(name, monkeypatch):
    """With all that it may be given, it gets as far as its first cell, or says what it lacks."""
    ran = []

    def fit(cell, task, run):
        ran.append((cell.method, type(task).__name__, len(task.target)))
        prediction = Prediction(np.zeros(len(task.target), np.int64))
        return Fitted(prediction, {})

    monkeypatch.setattr("bench.run.inprocess._fit", fit)
    made = bench.estimator(name, n_clusters=5)
    source = IMAGES[LOW], LABELS[LOW]
    said = ""
    try:
        made.fit(IMAGES[HIGH], source=source, auxiliary=source)
    except BenchError as error:
        said = str(error)
    if name in ("feed-forward", "tsp-test"):
        assert "names no task" in said
    elif name in ("scan", "temi", "tsp", "tsp-finetuned", "tsp-kmeans"):
        assert "--weights DIR" in said
    else:
        assert said == ""
        assert ran[-1] == (name, "ClusterTask", HIGH.sum())


def test_a_network_trained_on_the_images_themselves(monkeypatch):
    """TSP's, of which the harness knows no file here."""
    asked = []
    monkeypatch.setattr(
        "bench.run.inprocess._fit",
        lambda cell, task, run: (
            asked.append((cell.method, cell.task, type(task).__name__))
            or Fitted(Prediction(np.zeros(len(task.target), np.int64)), {})
        ),
    )
    bench.estimator("tsp", network="dino", pretraining="images/represent").fit(IMAGES)
    assert asked == [
        ("dino", "images/represent", "RepresentTask"),
        ("features", "images", "ClusterTask"),
        ("tsp", "images", "ClusterTask"),
    ]


def test_a_representation_with_pseudo_labels_gives_them_and_its_network():
    made = bench.estimator("sela", clusters=4, heads=1, epochs=1, batch_size=32)
    found = made.fit(IMAGES[:60])
    assert found.labels_.shape == (60,)
    assert set(found.labels_) <= set(range(4))
    assert found.tensors_
    assert found.architecture_
    with pytest.raises(Unfit, match="untrained learns a representation and makes no clusters"):
        bench.estimator("untrained").fit(IMAGES[:60])
