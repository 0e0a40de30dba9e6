"""SeLa: its schedules against the released scripts', its loss as a loop, and the method."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import ROOT, registry
from bench.nn.clustering.transport import FactorsApart, Stop, balance
from bench.nn.images import augment
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import build, completed, known
from bench.nn.networks.convnet import ConvNet
from bench.tasks import RepresentTask

SeLa = registry.import_from(ROOT / "methods", "sela").SeLa
pseudo_labels = registry.import_from(ROOT / "methods", "pseudo_labels")

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "schedule.npz", allow_pickle=False)
SCHEDULE = {"main": "quadratic", "cifar": "linear"}
CASES = [(script, str(case)) for script in SCHEDULE for case in GOLDEN[f"{script}_cases"]]


@pytest.mark.parametrize(("script", "case"), CASES)
def test_relabelling_times_are_the_released_scripts(script, case):
    epochs, count, n, *_ = GOLDEN[f"{script}_params__{case}"]
    times = pseudo_labels.relabelling_times(int(n), int(epochs), int(count), SCHEDULE[script])
    # The released list is taken from its end, and starts with a time that is never reached.
    np.testing.assert_allclose(times[::-1], GOLDEN[f"{script}_times__{case}"][1:], rtol=1e-12)


@pytest.mark.parametrize(("script", "case"), CASES)
def test_relabellings_fall_on_the_released_scripts_batches(script, case):
    epochs, count, n, batch, *_ = (int(x) for x in GOLDEN[f"{script}_params__{case}"])
    times = pseudo_labels.relabelling_times(n, epochs, count, SCHEDULE[script])
    steps, done, events = -(-n // batch), 0, []
    for epoch in range(epochs + (script == "main")):
        for step in range(steps):
            if done < len(times) and (epoch * steps + step) * batch >= times[done]:
                events.append((epoch, step, epoch * steps + step))
                done += 1
    np.testing.assert_array_equal(events, GOLDEN[f"{script}_events__{case}"])


@pytest.mark.parametrize("head_loss", ["mean", "sum"])
def test_the_loss_is_a_loop_over_heads_and_images(head_loss):
    method = SeLa(clusters=4, heads=3, head_loss=head_loss)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 12, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (3, 5), generator=generator)
    total = 0.0
    for head in range(3):
        for i in range(5):
            p = logits[i, 4 * head : 4 * head + 4].softmax(dim=0)
            total -= float(p[labels[head, i]].log()) / 5
    wanted = total if head_loss == "sum" else total / 3
    assert float(method.loss(logits, labels)) == pytest.approx(wanted, rel=1e-12)


def task(n=60):
    """Three noisy patterns."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(2, size=(3, 8, 8, 1)) * 180
    images = patterns[np.arange(n) % 3] + rng.integers(60, size=(n, 8, 8, 1))
    return RepresentTask("made/represent", images.astype(np.uint8))


def fit(run=None, the_task=None, **params):
    options = {"clusters": 6, "heads": 2, "epochs": 4, "relabellings": 4, "batch_size": 16}
    small = registry.get("sela").params("quick", options | params)
    return SeLa(**small).fit(the_task or task(), run or FakeRun())


def test_labels_stay_balanced_and_gather_images_of_a_kind():
    run = FakeRun()
    found = fit(run, epochs=12, relabellings=12, crop_scale=(0.8, 1.0)).assignments
    assert np.bincount(found, minlength=6).max() <= 20  # ten each, were plans not rounded
    kinds = np.arange(60) % 3
    pure = sum(np.bincount(kinds[found == c]).max() for c in np.unique(found)) / 60
    assert pure > 0.8
    changed = [values["changed"] for _, values in run.logged if "changed" in values]
    assert len(changed) == 11  # the last is due after the end, as in the released script
    assert changed[-1] < changed[0]


def test_without_relabelling_the_random_labels_stay():
    run = FakeRun()
    found = fit(run, relabellings=0).assignments
    np.testing.assert_array_equal(np.bincount(found), [10] * 6)
    assert not any("changed" in values for _, values in run.logged)


@pytest.mark.parametrize(
    "switch",
    [
        {"assignment": "k-means"},
        {"relabel": "all", "schedule": "quadratic"},
        {"mode": "eval", "views": 2},
        {"head_loss": "sum"},
    ],
    ids=str,
)
def test_every_switch_runs_and_changes_the_network(switch):
    plain, switched = fit(), fit(**switch)
    assert switched.assignments.shape == (60,)
    assert not torch.equal(plain.tensors["head.weight"], switched.tensors["head.weight"])


@pytest.mark.parametrize("assignment", ["transport", "k-means"])
def test_a_resumed_cell_ends_in_the_same_bytes(assignment):
    whole = FakeRun()
    wanted = fit(whole, assignment=assignment)
    again = fit(whole.resumed(whole.checkpoints[1]), assignment=assignment)
    np.testing.assert_array_equal(wanted.assignments, again.assignments)
    assert all(torch.equal(t, again.tensors[name]) for name, t in wanted.tensors.items())


class Dropping(ConvNet):
    """A network that draws at random by itself, as AlexNet does."""

    def features(self, x):
        return torch.dropout(super().features(x), 0.5, self.training)


def test_dropout_is_the_same_in_a_resumed_cell(monkeypatch):
    monkeypatch.setitem(known(), "dropping", Dropping)
    whole = FakeRun()
    wanted = fit(whole, network="dropping")
    assert not torch.equal(wanted.tensors["head.weight"], fit().tensors["head.weight"])
    torch.manual_seed(7)
    again = fit(whole.resumed(whole.checkpoints[1]), network="dropping")
    np.testing.assert_array_equal(wanted.classes["heads"], again.classes["heads"])
    assert all(torch.equal(t, again.tensors[name]) for name, t in wanted.tensors.items())


def test_the_labels_of_all_heads_are_handed_over():
    run = FakeRun()
    found = fit(run)
    assert found.classes["heads"].shape == (60, 2)
    np.testing.assert_array_equal(found.classes["heads"][:, 0], found.assignments)
    logged = {name for _, values in run.logged for name in values}
    assert logged == {"loss", "accuracy", "changed", "alike"}
    shares = [v["accuracy"] for _, v in run.logged if "accuracy" in v]
    assert all(0 <= share <= 1 for share in shares)
    assert "views" in found.architecture


@pytest.mark.parametrize("change", [{"mirror": True}, {"colour": 0.4}, {"grey": 0.5}, {"size": 12}])
def test_flips_and_colours_reach_the_network(change):
    grey = task().target
    coloured = RepresentTask("made/represent", np.concatenate([grey, 255 - grey, grey], axis=3))
    plain, changed = fit(the_task=coloured), fit(the_task=coloured, **change)
    assert not torch.equal(plain.tensors["head.weight"], changed.tensors["head.weight"])


def test_a_last_batch_of_one_image_is_passed_over():
    assert fit(the_task=task(33), batch_size=16).assignments.shape == (33,)


def test_more_clusters_than_images_are_refused():
    with pytest.raises(ValueError, match="clusters = 61 for 60 images"):
        fit(clusters=61)


@pytest.mark.parametrize("bad", [{"clusters": 0}, {"heads": 0}, {"views": 0}, {"relabellings": -1}])
def test_parameters_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        SeLa(**bad)


class Bytes(np.ndarray):
    """Images that note how many of them are read at a time."""

    read: list[int] = []  # noqa: RUF012 - the test's, emptied there

    def __getitem__(self, key):
        self.read.append(len(key))
        return super().__getitem__(key).view(np.ndarray)


@pytest.mark.parametrize("switch", [{}, {"relabel": "all", "views": 2}, {"assignment": "k-means"}])
def test_images_are_read_and_made_floats_a_batch_at_a_time(switch, monkeypatch):
    plain, floats = task(), []

    def noted(images, *device):
        floats.append(len(images))
        return to_tensor(images, *device)

    monkeypatch.setattr(augment, "to_tensor", noted)
    Bytes.read.clear()
    lazy = fit(the_task=RepresentTask(plain.name, plain.target.view(Bytes)), **switch)
    assert max(Bytes.read) == max(floats) == 16
    np.testing.assert_array_equal(lazy.classes["heads"], fit(**switch).classes["heads"])


def labeller(monkeypatch, **options):
    """One whose images are those of `task`, and the shapes of the matrices that it makes."""
    small = {"clusters": 6, "heads": 3, "batch_size": 16, "mode": "eval"} | options
    method = SeLa(**registry.get("sela").params("quick", small))
    outputs = method.clusters * method.heads
    network: Any = build(completed("convnet", channels=1, outputs=outputs, widths=[4]), seed=3)
    torch.nn.init.normal_(network.head.weight, generator=torch.Generator().manual_seed(4))
    crops = Views(8, False, 0.5, 0.5)
    made = pseudo_labels.PseudoLabels(method, network, task().target, crops, FakeRun())
    shapes, empty = [], made._empty
    monkeypatch.setattr(made, "_empty", lambda width: shapes.append(width) or empty(width))
    return made, shapes


@pytest.mark.parametrize(
    ("views", "heads", "wide"), [(1, [1], 0), (2, [0, 1, 2], 0), (1, [0, 2], 1)]
)
def test_labels_follow_from_log_probabilities_that_are_averaged_over_views(
    monkeypatch, views, heads, wide
):
    """By a transcription that holds all features, whichever matrices the method holds."""
    k = 60 if wide else 6
    made, shapes = labeller(monkeypatch, views=views, clusters=k)
    width = made.network.head.in_features
    found = torch.stack(list(made._by_transport(heads)))
    again, _ = labeller(monkeypatch, views=views, clusters=k)
    every = torch.arange(60).split(16)
    with torch.no_grad():
        again.network.eval()
        features = [
            torch.cat([again.network.features(again.view(rows)) for rows in every])
            for _ in range(views)
        ]
        for labels, head in zip(found, heads, strict=True):
            logits = [again.network.head(x)[:, k * head : k * (head + 1)] for x in features]
            log_p = sum(x.log_softmax(dim=1) for x in logits) / views
            wanted = balance(log_p, made.method.sharpness, stop=Stop(made.method.tolerance))
            assert torch.equal(labels, wanted.labels)
    assert shapes == ([width] * views + [k] * len(heads) if wide else [k] * len(heads))


def test_factors_too_far_apart_for_one_copy_are_found_with_two(monkeypatch):
    made, _ = labeller(monkeypatch, clusters=60)
    wanted = list(made._by_transport([0, 2]))
    asked = []

    def refusing(log_p, *args, overwrite=False, **named):
        asked.append(overwrite)
        if overwrite:
            log_p.zero_()
            raise FactorsApart("call with overwrite=False")
        return balance(log_p, *args, **named)

    monkeypatch.setattr(pseudo_labels, "balance", refusing)
    again, _ = labeller(monkeypatch, clusters=60)
    assert torch.equal(torch.stack(list(again._by_transport([0, 2]))), torch.stack(wanted))
    assert asked == [True, False] * 2


def test_k_means_may_cluster_whitened_components_of_unit_length():
    x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) * [5, 4, 3, 2, 1, 0.5]
    found = pseudo_labels.whitened(x.astype(np.float32), 3)
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / 39)
    literal = centred @ vectors[:, ::-1][:, :3] / np.sqrt(values[::-1][:3])
    literal /= np.linalg.norm(literal, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(found), np.abs(literal), atol=1e-4)
    assert pseudo_labels.whitened(x.astype(np.float32), 100).shape == (40, 6)


def test_heads_that_k_means_labels_together_differ(monkeypatch):
    """Their centres start from other seeds, and so do their weights."""
    made, _ = labeller(monkeypatch, assignment="k-means", relabel="all")
    one, other, _ = made._by_kmeans([0, 1, 2])
    assert not torch.equal(one, other)
    weights = made._layer.weight.detach().reshape(3, 6, -1)
    assert not torch.equal(weights[0], weights[1])
