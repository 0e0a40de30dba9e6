"""The cell that probes a network: its views, its memory, its classes."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from torch.utils._python_dispatch import TorchDispatchMode

from bench import registry
from bench.nn import probes
from bench.nn.images.views import Views
from bench.nn.networks import build, describe, load
from bench.nn.networks.features import extract
from bench.score import probe as bench_probe
from bench.score import scores
from bench.tasks import Labelled, Prediction, ProbeTask


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
    features = bench_probe._Made(network, task.train.images, None, lambda images: images)
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


def test_a_classifier_learns_from_mirror_images_that_are_drawn_anew_in_each_epoch(monkeypatch):
    task, run, _ = made(400)
    given: dict[str, Any] = {}

    def linear_probe(train, labels, test, *, views, **others):
        given.update(train=train, views=views)
        return torch.zeros(len(test), 1, dtype=torch.int64)

    monkeypatch.setattr(probes, "linear_probe", linear_probe)
    bench_probe.Probe(limit=64, epochs=1).fit(task, run)
    assert given.pop("views") is None
    bench_probe.Probe(limit=64, epochs=1, mirror=True).fit(task, run)
    rows = torch.arange(400)
    clean, mirror = given["train"][rows], mirrored_features(task, run)
    for _ in range(2):
        seen = given["views"][rows]
        as_is, turned = ((seen - x).abs().amax(dim=1) < 1e-5 for x in (clean, mirror))
        assert (as_is | turned).all()
        assert 140 < turned.sum() < 260


@pytest.mark.parametrize("task_name", ["mnist/probe", "digits/probe"])
def test_characters_are_not_mirrored(task_name, monkeypatch):
    task, run, _ = made(40)
    views: list[Any] = []

    def linear_probe(train, labels, test, **others):
        views.append(others["views"])
        return torch.zeros(len(test), 1, dtype=torch.int64)

    monkeypatch.setattr(probes, "linear_probe", linear_probe)
    probe = bench_probe.Probe(limit=64, epochs=1, mirror=True)
    probe.fit(dataclasses.replace(task, name=task_name), run)
    assert set(views) == {None}
    assert probe.decided("imagenet/probe") == {}


def mirrored_features(task, run):
    """Features of the training images' mirror images, by hand."""
    given = run.needs["network"]
    network = load(given.architecture, given.tensors)
    pixels = np.ascontiguousarray(task.train.images[:, :, ::-1])
    return extract(network, pixels, of=lambda x: probes.pool(network.blocks(x)["conv1"], 64))


def test_crops_are_windows_of_the_size_that_is_tested(monkeypatch):
    shown: list[Any] = []

    def noting(network, images, **of):
        shown.append(images)
        return extract(network, images, **of)

    monkeypatch.setattr(bench_probe, "extract", noting)
    task, run, _ = made(300)
    bench_probe.Probe(limit=4, epochs=2, centre=0.75, crops=True).fit(task, run)
    assert {x.shape[1:] for x in shown if len(x) > 1} == {(6, 6, 1)}
    with pytest.raises(ValueError, match="give a centre below 1"):
        bench_probe.Probe(crops=True)
