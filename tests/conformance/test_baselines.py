"""K-means, DEC, pretraining, the supervised bound and the probe, each on a few real digits."""

import functools
import sys
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from torch.nn import functional

from bench import ROOT, registry
from bench.errors import BenchError
from bench.nn.clustering.kmeans import kmeans
from bench.nn.networks import load
from bench.score import probe  # which registers "probe"
from bench.tasks import ClusterTask, Labelled, ProbeTask, RepresentTask, TaskInfo

for stem in ("dec", "kmeans", "pretrain", "supervised", "untrained"):
    registry.import_from(ROOT / "baselines", stem)

DIGITS = load_digits()
IMAGES, LABELS = (DIGITS.images * 15).astype(np.uint8)[..., None], DIGITS.target.astype(np.int64)
SMALL: dict[str, dict[str, Any]] = {
    "pretrain": {"epochs": 3, "milestones": (2,), "batch_size": 64},
    "autoencoder": {"widths": (16, 6), "layer_iterations": 4, "finetune_iterations": 6},
    "dec": {"max_epochs": 4, "tolerance": 0.0, "n_init": 2},
    "kmeans": {"n_init": 2},
    "supervised": {"max_iter": 30},
    "probe": {"epochs": 2, "limit": 64, "dims": 16},
}


def transfer(n=400):
    old = LABELS[:n] < 5
    source = Labelled(IMAGES[:n][old], LABELS[:n][old], 5)
    return ClusterTask("digits/transfer", IMAGES[:n][~old], 5, source)


def cluster(n=400, k=10):
    return ClusterTask("digits/cluster", IMAGES[:n], k)


def oracle(n=400, k=10):
    return ClusterTask("digits/cluster", IMAGES[:n], k, target_labels=LABELS[:n])


def probing(n=300):
    train = Labelled(IMAGES[:n], LABELS[:n], 10)
    return ProbeTask("digits/probe", train, IMAGES[n : n + 50])


def fit(name, task, run, **params):
    info = registry.get(name)
    return info.build(info.params("quick", SMALL.get(name, {}) | params)).fit(task, run)


LEARNED = {"widths": (64, 32, 10), "layer_iterations": 40, "finetune_iterations": 200}
"""An autoencoder whose codes are worth clustering."""


@functools.cache
def needs(name, seed):
    """What the cell needs, made by the method it names."""
    if name == "dec":
        return {"autoencoder": fit("autoencoder", cluster(), FakeRun(seed), **LEARNED)}
    if name == "probe":
        return {"network": fit("pretrain", transfer(), FakeRun(seed))}
    return {}


CELLS = {
    "autoencoder": cluster,
    "dec": cluster,
    "kmeans": cluster,
    "pretrain": transfer,
    "probe": probing,
    "supervised": oracle,
}


def accuracy(labels, assignments):
    """Clustering accuracy, for ten classes and ten clusters."""
    table = np.zeros((10, 10))
    np.add.at(table, (labels, assignments), 1)
    return table[linear_sum_assignment(-table)].sum() / len(labels)


def contents(prediction):
    """Every byte of a prediction, by name."""
    out = {"architecture": prediction.architecture}
    if prediction.assignments is not None:
        out["assignments"] = prediction.assignments.tobytes()
    out |= {name: ranked.tobytes() for name, ranked in prediction.classes.items()}
    out |= {name: value.numpy().tobytes() for name, value in prediction.tensors.items()}
    return out


@pytest.mark.parametrize("name", CELLS)
def test_same_seed_same_bytes_another_seed_another_result(name):
    first, again, other = (
        contents(fit(name, CELLS[name](), FakeRun(seed, needs=needs(name, seed))))
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", [name for name in CELLS if name != "kmeans"])
def test_a_cell_resumed_from_any_checkpoint_ends_in_the_same_bytes(name):
    task, run = CELLS[name](), FakeRun(3, needs=needs(name, 3))
    whole = contents(fit(name, task, run))
    assert len(run.checkpoints) >= 3
    for state in run.checkpoints:
        rest = run.resumed(state)
        assert contents(fit(name, task, rest)) == whole
        assert len(rest.checkpoints) < len(run.checkpoints), "it did not start over"


@pytest.mark.parametrize("name", ["kmeans", "dec"])
@pytest.mark.parametrize("k", [0, 41])
def test_an_impossible_number_of_clusters_is_refused(name, k):
    run = FakeRun(needs=needs(name, 0))
    with pytest.raises(ValueError, match=f"n_clusters = {k} for 40 points"):
        fit(name, cluster(40, k), run)


@pytest.mark.parametrize("name", ["kmeans", "dec", "supervised"])
def test_assignments_have_their_shape_range_and_type(name):
    task = oracle(k=12)
    out = fit(name, task, FakeRun(needs=needs(name, 0))).assignments
    assert out.shape == (400,)
    assert out.dtype == np.int64
    assert 0 <= out.min() <= out.max() < 12


def test_dec_hands_over_its_start_and_every_epoch_and_stops_when_nothing_moves():
    run = FakeRun(needs=needs("dec", 0))
    out = fit("dec", cluster(), run)
    assert sorted(run.snapshots) == [0, 1, 2, 3, 4]
    assert np.array_equal(run.snapshots[4], out.assignments)
    still = FakeRun(needs=needs("dec", 0))
    fit("dec", cluster(), still, tolerance=1.1)
    assert sorted(still.snapshots) == [0, 1]


def test_dec_moves_towards_its_targets():
    run = FakeRun(needs=needs("dec", 0))
    out = fit("dec", cluster(), run, max_epochs=20)
    losses = [values["loss"] for _, values in run.logged]
    assert losses[-1] < losses[0]
    assert accuracy(LABELS[:400], out.assignments) > accuracy(LABELS[:400], run.snapshots[0])


def test_the_autoencoder_trains_each_layer_then_all():
    run = FakeRun()
    out = fit("autoencoder", cluster(), run, **LEARNED)
    losses = [values["loss"] for _, values in run.logged]
    assert len(losses) == 3 * 20 + 100, "iterations become epochs of two batches"
    for first, last in ((0, 19), (20, 39), (40, 59), (60, 159)):
        assert losses[last] < losses[first]
    network = load(out.architecture, out.tensors)
    assert network.scale == pytest.approx(5.1), "0.02 on pixels up to 255"


def test_pretraining_learns_the_source_and_needs_one():
    task = transfer(900)
    out = fit("pretrain", task, FakeRun(), epochs=6, milestones=(5,))
    network = load(out.architecture, out.tensors).eval()
    x = torch.from_numpy(task.source.images).permute(0, 3, 1, 2) / 255
    accuracy = (network(x).argmax(dim=1).numpy() == task.source.labels).mean()
    assert accuracy > 0.9
    with pytest.raises(ValueError, match="digits/cluster has none"):
        fit("pretrain", cluster(), FakeRun())


def test_kmeans_on_source_features_needs_the_network_and_uses_it():
    info = registry.get("kmeans")
    learned = info.build(info.params("quick", {"features": "source"}))
    with_source = TaskInfo("digits/transfer", "cluster", True, False, {})
    without = TaskInfo("digits/cluster", "cluster", False, False, {})
    assert learned.needs(with_source)["network"].method == "pretrain"
    assert info.build(info.params("quick", {})).needs(without) == {}
    with pytest.raises(ValueError, match="digits/cluster has none"):
        learned.needs(without)
    task, network = transfer(), fit("pretrain", transfer(), FakeRun())
    out = learned.fit(task, FakeRun(needs={"network": network})).assignments
    assert out is not None
    assert len(set(out)) == 5
    assert not np.array_equal(out, fit("kmeans", task, FakeRun()).assignments)


def test_kmeans_at_another_size_clusters_the_resized_images():
    """Against torch's own antialiased interpolation."""
    task, run = cluster(300), FakeRun()
    pixels = torch.from_numpy(task.target).permute(0, 3, 1, 2) / 255.0
    small = functional.interpolate(pixels, (5, 5), mode="bilinear", antialias=True).flatten(1)
    wanted, _ = kmeans(small.numpy(), 10, run.seed_for("init"), n_init=2)
    assert adjusted_rand_score(wanted, fit("kmeans", task, run, size=5).assignments) > 0.98
    assert adjusted_rand_score(wanted, fit("kmeans", task, run).assignments) < 0.9
    with pytest.raises(BenchError, match="size = 5 must be at least 0, and is for pixels alone"):
        fit("kmeans", task, run, size=5, features="source")


def test_kmeans_on_as_many_components_as_clusters_sees_no_other(monkeypatch):
    task, seen = cluster(), []

    def noted(points, *args, **named):
        seen.append(points)
        return kmeans(points, *args, **named)

    monkeypatch.setattr(sys.modules["bench_baselines.kmeans"], "kmeans", noted)
    fit("kmeans", task, FakeRun(), components="clusters")
    pixels = task.target.reshape(len(task.target), -1) / 255
    largest = np.linalg.eigvalsh(np.cov(pixels.T))[: -task.n_clusters - 1 : -1]
    assert seen[0].shape == (len(pixels), task.n_clusters)
    np.testing.assert_allclose(np.cov(seen[0].T), np.diag(largest), atol=1e-5)


def test_kmeans_on_digits_is_as_good_as_it_is_known_to_be():
    out = fit("kmeans", cluster(1797), FakeRun(), n_init=10).assignments
    assert 0.77 < accuracy(LABELS, out) < 0.82


def test_the_supervised_bound_is_out_of_fold():
    rng = np.random.default_rng(0)
    noise = ClusterTask(
        "noise",
        rng.integers(0, 256, (300, 8, 8, 1), np.uint8),
        2,
        target_labels=rng.integers(0, 2, 300),
    )
    fitted = fit("supervised", noise, FakeRun()).assignments
    assert (fitted == noise.target_labels).mean() < 0.65, "it would be near 1 if it saw its own"
    good = fit("supervised", oracle(1797), FakeRun()).assignments
    assert (good == LABELS).mean() > 0.94


def test_the_supervised_bound_refuses_what_it_cannot_use():
    for task, message in (
        (cluster(), "came without"),
        (oracle(k=5), "class 9, beyond its 5 clusters"),
        (oracle(3), "too few for 5 folds"),
    ):
        with pytest.raises(ValueError, match=message):
            fit("supervised", task, FakeRun())
    with pytest.raises(ValueError, match="at least 2"):
        registry.get("supervised").cls(folds=1)


def test_the_probe_ranks_classes_for_every_block_and_for_neighbours():
    task, run = probing(), FakeRun(needs=needs("probe", 0))
    out = fit("probe", task, run, epochs=10, limit=1024).classes
    assert sorted(out) == ["knn", "linear conv1", "linear conv2", "linear conv3"]
    truth = LABELS[300:350]
    for ranked in out.values():
        assert ranked.shape == (50, 5)
        assert (ranked[:, 0] == truth).mean() > 0.5


def test_an_untrained_network_is_given_images_of_the_size_that_the_trained_are():
    """AlexNet's last maps of an image of 32 pixels have no extent left that a probe could pool."""
    images = np.zeros((2, 32, 32, 1), np.uint8)
    large = {"network": "alexnet", "size": 96, "mean": 0.0}
    found = {}
    for name, params in (("as they are", large | {"size": 0}), ("resized", large)):
        drawn = fit("untrained", RepresentTask("tiny/represent", images), FakeRun(), **params)
        network = probe._Prepared(drawn.architecture, drawn.tensors)
        maps = network.blocks(torch.zeros(2, 1, 32, 32))
        found[name] = (tuple(maps["conv5"].shape[2:]), drawn.tensors)
    assert found["as they are"][0] == (1, 1) != found["resized"][0]
    assert all(torch.equal(w, found["resized"][1][k]) for k, w in found["as they are"][1].items())
