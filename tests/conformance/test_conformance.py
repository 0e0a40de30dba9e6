"""What holds for every method in the registry, on tiny tasks; a new one is tested unasked."""

import json
import re
import sys

import numpy as np
import pytest
from harness import DATA, FAULTY, PLUGINS, predictions, run, write_experiment

from bench import registry
from bench.datasets import get_task, materialise
from bench.prove.replay import HERE
from bench.run.inputs import gather
from bench.store import outputs

METRIC = {"adapt": "accuracy", "similarity": "similar F1", "represent": "knn top-1"}
SAME_FOR_ALL_SEEDS = {
    "kmeans-pairs",
    "mpck-means",
    "ncuts",
    "similarity-matrix",
    "sklr-kernel",
}
"""Methods that draw nothing, on tasks that draw nothing for them: the similarity networks of the
tiny tasks call no pair similar, whatever their seed, and MPCK-means then chooses its first centres
from all images. Of N-Cuts the seed decides the first rotation alone, and others end alike."""
HELPERS = {"carrier", "spy", "oracle-spy", "artifact-spy", "spy-carrier"}
DINO = {"network": "dino", "pretraining": "tiny/represent"}
ON_FEATURES = ("tsp", "scan", "tsp-kmeans", "tsp-test", "tsp-finetuned", "temi", "tsp-supervised")
PARAMS = dict.fromkeys(ON_FEATURES, DINO)
"""Parameters of methods that would otherwise ask for a file."""
WITNESS = (HERE / "witness.toml").read_text()
BUDGETS = re.sub(
    r"\b(epochs|iterations|relabellings) = [1-9]\d*",
    r"\1 = 2",
    WITNESS[WITNESS.index("[preset.quick.params]") : WITNESS.index("[[table]]")],
)
"""Shorter ones than methods are replayed with: what holds here does not hang on the epochs."""


def cases():
    """Every method with every kind of task that it takes; probes run after represent methods."""
    found = []
    for name, info in sorted(registry.load([PLUGINS]).items()):
        if info.module.startswith(("bench_methods", "bench_baselines", "bench_plugins")):
            kinds = [k for k in info.kinds if k != "probe"]
            found += [(name, kind) for kind in kinds if name not in HELPERS]
    return found


def experiment(folder, name, kind, task=None, **column):
    """An experiment with a method; an artifact is computed for a cell that needs it."""
    row = {"method": name, "params": PARAMS.get(name, {})}
    if registry.get(name).artifact:
        row = {"method": "carrier", "params": {"of": name}}
    metric = METRIC.get(kind, "ACC")
    path = folder / f"{name}-{kind}.toml"
    made = write_experiment(path, task or f"tiny/{kind}", [row], metric=metric, n=2, **column)
    made.write_text(made.read_text().replace("[[table]]", f"{BUDGETS}\n[[table]]", 1))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One run of all methods together: a cell that several of them need is computed once."""
    return tmp_path_factory.mktemp("conformance")


@pytest.fixture(scope="module", params=cases(), ids=lambda case: "-".join(case))
def conformed(request, folder, forkserver):
    """Two seeds of a method, then seed 0 once more from nothing."""
    name, kind = request.param
    toml = experiment(folder, name, kind)
    results = run(toml, folder / "results")
    run(toml, folder / "again", seeds=(0,))
    return name, kind, folder, results


def own(found, name, kind):
    """The predictions of one method on one task by seed, out of those by folder."""
    mine = {}
    for path, content in found.items():
        task, method, leaf = path.split("/")
        if (task, method) == (f"tiny-{kind}", name):
            mine[int(leaf.split("-")[0].removeprefix("seed"))] = content
    return mine


def test_it_ends_well(conformed):
    name, kind, folder, results = conformed
    records = [results.records[key] for key in results.plan.cells]
    assert {r.state for r in records} == {"done"}, [(r.cell["method"], r.message) for r in records]
    assert own(predictions(folder / "results"), name, kind).keys() == {0, 1}


def test_its_metrics_are_finite(conformed):
    _name, _, _, results = conformed
    for record in (results.records[key] for key in results.plan.cells):
        assert all(np.isfinite(value) for value in record.metrics.values())
        artifact = registry.get(record.cell["method"]).artifact
        represent = record.cell["task"] == "tiny/represent"
        assert bool(record.metrics) or artifact or represent


def test_its_prediction_has_the_shape_of_its_task(conformed):
    name, kind, folder, _ = conformed
    task = get_task(f"tiny/{kind}")
    n = materialise(task.target, DATA, limit=task.limit("target", "quick")).n
    for path in (folder / "results" / "runs").glob(f"tiny-{kind}/{name}/*/prediction.safetensors"):
        prediction = outputs.load(path, tensors=True)
        assert all(t.isfinite().all() for t in prediction.tensors.values() if t.is_floating_point())
        if registry.get(name).artifact:
            assert prediction.tensors
        elif kind == "similarity":
            assert prediction.scores is not None
            assert prediction.scores.shape == (300,)
            assert ((prediction.scores >= 0) & (prediction.scores <= 1)).all()
        elif kind == "represent":
            assert prediction.architecture
        else:
            assert prediction.assignments is not None
            assert prediction.assignments.shape == (n,)
            assert set(np.unique(prediction.assignments)) <= set(range(4))


def test_the_same_seed_gives_the_same_bytes(conformed):
    name, kind, folder, _ = conformed
    first, again = (own(predictions(folder / f), name, kind) for f in ("results", "again"))
    assert again == {0: first[0]}


def test_another_seed_gives_other_bytes(conformed):
    name, kind, folder, _ = conformed
    mine = own(predictions(folder / "results"), name, kind)
    assert (mine[0] == mine[1]) is (name in SAME_FOR_ALL_SEEDS)


def test_it_is_handed_labels_only_where_it_declares_so(conformed):
    _name, _kind, folder, results = conformed
    for key, cell in results.plan.cells.items():
        inputs, truth = gather(cell, DATA, folder / key)
        declared = registry.get(cell.method).uses_target_labels
        assert (truth.labels in inputs.labels.values()) is declared


def test_its_records_hold_no_nan(conformed):
    paths = list((conformed[2] / "results" / "runs").glob("*/*/*/record.json"))
    assert paths
    for path in paths:
        json.loads(path.read_text(), parse_constant=refuse)


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


def test_it_documents_itself(conformed):
    info = registry.get(conformed[0])
    # A dataclass without a docstring has its signature for one.
    assert not info.summary.startswith(f"{info.cls.__name__}(")
    assert info.summary.endswith(".")
    if not info.module.startswith("bench_plugins"):
        module = sys.modules[info.module]
        assert len((module.__doc__ or "").splitlines()) >= 3
        assert "python -m bench run" in (module.__doc__ or "")


CLUSTERING = [name for name, kind in cases() if kind == "cluster"]
SCORED = [name for name in CLUSTERING if not registry.get(name).artifact]
"""An artifact knows of no number of clusters."""


@pytest.mark.parametrize("name", CLUSTERING)
def test_constant_images(name, folder, forkserver):
    assert_ends_clearly(name, folder, task="tiny/flat")


@pytest.mark.parametrize("name", SCORED)
def test_more_clusters_than_images(name, folder, forkserver):
    assert_ends_clearly(name, folder, setting={"n_clusters": 500})


def assert_ends_clearly(name, folder, **column):
    """A run gives a defined result, or says why there is none."""
    toml = experiment(folder, name, "cluster", **column)
    results = run(toml, folder / "edges", seeds=(0,), timeout=120, plugins=(PLUGINS, FAULTY))
    records = [results.records[key] for key in results.plan.cells]
    assert records
    for record in records:
        if record.state == "done":
            assert all(np.isfinite(value) for value in record.metrics.values())
        else:
            assert record.failure in ("exception", "non-finite", "invalid prediction")
            assert len(record.message) > 15
            (place,) = (folder / "edges" / "runs").glob(f"*/*/*-{record.key}")
            assert (place / "traceback.txt").exists()


def test_the_cases_are_found_by_themselves():
    names = {name for name, _ in cases()}
    assert {"kmeans", "dec", "autoencoder", "pretrain", "supervised"} <= names
    assert {kind for _, kind in cases()} >= {"cluster", "adapt", "represent", "similarity", "pairs"}
