"""Neighbours' votes and linear probes of `bench.nn.probes`."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from sklearn.decomposition import PCA
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from bench import registry
from bench.nn import probes
from bench.nn.images.views import Views
from bench.nn.networks import build, describe, load
from bench.nn.networks.features import extract
from bench.score import probe as bench_probe
from bench.score import scores
from bench.tasks import Labelled, Prediction, ProbeTask

GOLDEN = Path(__file__).parents[1] / "golden"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def knn_golden():
    with np.load(GOLDEN / "knn.npz", allow_pickle=False) as file:
        return {k: torch.from_numpy(np.asarray(file[k])) for k in file.files}


def test_knn_votes_are_those_of_selflabel():
    g = knn_golden()
    for case, (k, sigma) in enumerate(
        zip(g["selflabel_k"].tolist(), g["selflabel_sigma"].tolist(), strict=True)
    ):
        arguments = (g["train_features"], g["train_labels"], g["test_features"])
        settings = {"k": k, "sigma": sigma, "n_classes": 6}
        shares = probes.knn_votes(*arguments, block=37, **settings)
        votes = g["selflabel_votes"][case]
        torch.testing.assert_close(
            shares, votes / votes.sum(dim=1, keepdim=True), rtol=0, atol=1e-5
        )
        ranked = probes.weighted_knn(*arguments, **settings)
        assert torch.equal(ranked[:, 0], g["selflabel_pred"][case])
        accuracy = (ranked[:, 0] == g["test_labels"]).double().mean().item()
        assert accuracy == pytest.approx(g["selflabel_acc"][case].item(), abs=1e-12)


def test_knn_ranks_are_those_of_dino():
    g = knn_golden()
    for case, (k, sigma) in enumerate(zip(g["dino_k"].tolist(), g["dino_T"].tolist(), strict=True)):
        ranked = probes.weighted_knn(
            *(g["train_features"], g["train_labels"], g["test_features"]),
            k=k,
            sigma=sigma,
            n_classes=6,
        )
        assert torch.equal(ranked[:, 0], g["dino_pred"][case])


def test_pca_and_votes_are_those_of_selflabel():
    g = knn_golden()
    train, test = probes.pca(g["pca_train_features"], g["pca_test_features"], 128)
    cosine = functional.normalize(test) @ functional.normalize(train).T
    torch.testing.assert_close(cosine, g["selflabel_pca_similarity"], rtol=0, atol=1e-5)
    torch.testing.assert_close(
        train.var(dim=0), g["selflabel_pca_explained_variance"], rtol=1e-4, atol=1e-5
    )
    for case, (k, sigma) in enumerate(
        zip(g["selflabel_pca_k"].tolist(), g["selflabel_pca_sigma"].tolist(), strict=True)
    ):
        ranked = probes.weighted_knn(
            train, g["pca_train_labels"], test, k=k, sigma=sigma, n_classes=6
        )
        assert torch.equal(ranked[:, 0], g["selflabel_pca_pred"][case])


class Lent:
    """Features that refuse to be asked for more than a block."""

    def __init__(self, features):
        self.features = features

    def __len__(self):
        return len(self.features)

    def __getitem__(self, rows):
        assert len(rows) <= 1000
        return self.features[rows]


def spread(n, seed):
    """Features of unlike scales, far from 0, in blocks whose means differ."""
    x = torch.randn(n, 12, generator=generator(seed)) * torch.logspace(-1, 2, 12)
    return x + 50 + torch.arange(n)[:, None] / n


@pytest.mark.parametrize("kind", [Lent, lambda x: x])
def test_components_are_those_of_scikit_learn(kind):
    train, test = spread(2300, 0), spread(1100, 1)
    model = PCA(5, svd_solver="covariance_eigh").fit(train.double().numpy())
    for ours, part in zip(probes.pca(kind(train), kind(test), 5), (train, test), strict=True):
        assert ours.dtype == torch.float32
        wanted = model.transform(part.double().numpy())  # with its signs
        np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_mean_and_deviation_do_not_drown_in_rounding():
    x = spread(2300, 0) + 5000
    x[:, 4] = 0.1  # a dead unit has no deviation at all
    mean, deviation = probes._standard(Lent(x))
    wanted = x.double().numpy()
    np.testing.assert_allclose(mean.numpy(), wanted.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(deviation.numpy()[5:], wanted.std(axis=0)[5:], rtol=1e-6)
    assert deviation[4] == 0


def test_knn_votes_by_loops():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(20, 3)), rng.normal(size=(7, 3))
    labels = rng.integers(0, 4, 20)
    shares = probes.knn_votes(
        *map(torch.from_numpy, (train, labels, test)), k=5, sigma=0.2, n_classes=4
    )
    for i, x in enumerate(test):
        cosines = [x @ t / np.linalg.norm(x) / np.linalg.norm(t) for t in train]
        votes = np.zeros(4)
        for j in sorted(range(20), key=lambda j: -cosines[j])[:5]:
            votes[labels[j]] += math.exp(cosines[j] / 0.2)
        np.testing.assert_allclose(shares[i].numpy(), votes / votes.sum(), rtol=1e-9)


def test_knn_survives_a_small_sigma_and_refuses_wrong_settings():
    x, y = torch.eye(4), torch.arange(4)
    ranked = probes.weighted_knn(x, y, x, k=4, sigma=1e-4, n_classes=4)
    assert torch.equal(ranked[:, 0], y)
    for k, sigma in ((0, 0.1), (5, 0.1), (2, 0.0)):
        with pytest.raises(ValueError, match=r"k = |sigma = "):
            probes.weighted_knn(x, y, x, k=k, sigma=sigma, n_classes=4)


def test_pool_takes_the_largest_grid_within_the_limit():
    maps = torch.rand(2, 4, 6, 6)
    assert probes.pool(maps, 10_000).shape == (2, 144)
    assert torch.equal(probes.pool(maps, 4 * 9), functional.max_pool2d(maps, 2).flatten(1))
    assert torch.equal(probes.pool(maps, 1), maps.amax(dim=(2, 3)))
    assert probes.pool(maps[:, :, 0, 0], 1).shape == (2, 4)


def test_linear_probe_learns_what_is_linear_and_repeats_itself():
    g = generator(3)
    x = torch.randn(600, 10, generator=g) * torch.logspace(-2, 2, 10)
    x[:, 4] = 7.0  # a dead unit
    direction = torch.randn(10, 3, generator=g) / torch.logspace(-2, 2, 10)[:, None]
    direction[4] = 0
    y = (x @ direction).argmax(dim=1)
    ranked = [
        probes.linear_probe(x[:400], y[:400], x[400:], n_classes=3, generator=generator(s))
        for s in (0, 0)
    ]
    assert torch.equal(*ranked)
    assert (ranked[0][:, 0] == y[400:]).double().mean() > 0.9
    assert ranked[0].shape == (200, 3)
    assert torch.equal(ranked[0].sort(dim=1).values, torch.arange(3).expand(200, 3))


def test_a_network_is_probed_on_images_as_it_was_trained_on_them():
    """Weights that read one pixel, and views that invert: only prepared images show the class."""
    registry.load()
    views = dataclasses.asdict(Views(8, True, 0.5, 0.5))
    architecture = describe("convnet", channels=1, outputs=2, widths=[4], views=views)
    network = build(architecture, seed=0).eval()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(30, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(30) % 2
    run = FakeRun(
        needs={"network": Prediction(tensors=network.state_dict(), architecture=architecture)}
    )
    task = ProbeTask("made/probe", Labelled(images, labels, 2), images)
    probe = registry.get("probe").build(registry.get("probe").params("quick", {"epochs": 2}))
    found = probe.fit(task, run).classes
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255.0
    with torch.no_grad():
        features = network.features((1.0 - pixels - 0.5) / 0.5)
    wanted = probes.weighted_knn(
        features, torch.from_numpy(labels), features, k=30, sigma=0.1, n_classes=2
    )
    np.testing.assert_array_equal(found["knn"], wanted)
    assert set(found) == {"linear conv1", "knn"}


def made(n=20_000):
    """Noisy patterns of four kinds, and a small network."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(2, size=(4, 8, 8, 1)) * 120
    images = (patterns[np.arange(n) % 4] + rng.integers(120, size=(n, 8, 8, 1))).astype(np.uint8)
    task = ProbeTask("m/probe", Labelled(images, np.arange(n) % 4, 4), images[-40:])
    architecture = describe("convnet", channels=1, outputs=2, widths=[4])
    network = build(architecture, seed=1)
    given = Prediction(tensors=network.state_dict(), architecture=architecture)
    return task, FakeRun(needs={"network": given}), network.features(torch.zeros(1, 1, 8, 8))


class Largest(TorchDispatchMode):
    """Notes the numbers of the largest tensor that any operation makes."""

    found = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, tuple | list) else [out]:
            self.found = max(self.found, x.numel() if isinstance(x, torch.Tensor) else 0)
        return out


def test_features_beyond_the_memory_are_made_anew_and_rank_alike():
    task, run, features = made()
    found, largest, whole = {}, {}, len(task.train.images) * features.shape[1]
    for memory in (4 * whole, 4 * whole - 1, 0):
        params = {"limit": 256, "epochs": 2, "dims": 8, "memory": memory}
        probe = registry.get("probe").build(registry.get("probe").params("quick", params))
        with Largest() as mode:
            found[memory] = probe.fit(task, run).classes
        largest[memory] = mode.found
    kept, *made_anew = found.values()
    for other in made_anew:
        assert set(other) == set(kept) == {"linear conv1", "knn"}
        for name, ranked in kept.items():
            np.testing.assert_array_equal(other[name], ranked)
    fitting, beyond, none = largest.values()
    assert fitting == whole > beyond >= none == 1000 * 4 * 8 * 8  # a batch's maps
    assert (kept["knn"][:, 0] == np.arange(20_000)[-40:] % 4).mean() > 0.6


def test_features_are_kept_as_they_are_extracted():
    task, run, _ = made(2300)
    given = run.needs["network"]
    network = load(given.architecture, given.tensors)
    features = bench_probe._Made(network, task.train.images, None)
    assert torch.equal(features.all(), extract(network, task.train.images))
    some = torch.tensor([7, 2299, 3])
    torch.testing.assert_close(features[some], features.all()[some])


@pytest.mark.parametrize("heads", [0, 1, 2])
def test_test_images_are_given_the_first_heads_classes(heads):
    task, _, _ = made(1300)
    task = ProbeTask(task.name, task.train, task.train.images[:1100])
    views = dataclasses.asdict(Views(8, True, 0.4, 0.3))
    architecture = describe("convnet", channels=1, outputs=6, widths=[4], views=views)
    network = build(architecture, seed=1).eval()
    x = (1.0 - torch.from_numpy(task.target).permute(0, 3, 1, 2) / 255.0 - 0.4) / 0.3
    with torch.no_grad():  # outputs about 0, and those of a second head about 1
        network.head.bias -= network(x).mean(0) - (torch.arange(6) > 2).float()
        logits = network(x)
    labels = {"heads": np.zeros((1300, heads), int)} if heads else {}
    given = Prediction(
        assignments=np.zeros(1300, int) if heads else None,
        classes=labels,
        tensors=network.state_dict(),
        architecture=architecture,
    )
    found = bench_probe.Probe(limit=4, epochs=1).fit(task, FakeRun(needs={"network": given}))
    scored = scores.score("probe", found, np.arange(1100) % 4, n_classes=4, setting={})
    assert set(scored) == {"linear conv1 top-1", "knn top-1"}
    if not heads:
        assert found.assignments is None
        return
    wanted = logits[:, : 6 // heads].argmax(dim=1).numpy()
    assert len(set(wanted.tolist())) > 1
    np.testing.assert_array_equal(found.assignments, wanted)


@pytest.mark.parametrize("wrong", [np.zeros(29, int), np.full(30, -1)])
def test_classes_that_fit_no_test_images_are_refused(wrong):
    images = np.zeros((30, 8, 8, 1), np.uint8)
    task = ProbeTask("m/probe", Labelled(images, np.zeros(30, int), 1), images)
    found = Prediction(classes={"knn": np.zeros(30, int)}, assignments=wrong)
    with pytest.raises(scores.InvalidPrediction, match="assignments"):
        scores.check(found, task, artifact=False)


def test_a_memory_below_0_is_refused():
    with pytest.raises(ValueError, match="memory = -1 must be at least 0 bytes"):
        bench_probe.Probe(memory=-1)


@pytest.mark.parametrize(("side", "kept"), [(256, 224), (32, 28), (9, 8)])
def test_the_middle_of_images_is_what_a_centred_crop_leaves(side, kept):
    x = torch.arange(side * side, dtype=torch.float32).reshape(1, 1, side, side)
    found = bench_probe.middle(x, 0.875)
    assert found.shape == (1, 1, kept, kept)
    border = (side - kept) // 2
    assert torch.equal(found[0, 0], x[0, 0, border : border + kept, border : border + kept])
    assert bench_probe.middle(x, 1.0) is x
