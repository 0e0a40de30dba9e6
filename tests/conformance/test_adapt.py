"""Source only, DANN, CCN+ and CCN++ on two made-up domains."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from domains import ALL, PAIRED, build, domains, fit, module, similarity
from fake_run import FakeRun

from bench import registry
from bench.datasets import get_task
from bench.errors import BenchError, NonFiniteError
from bench.plan import experiment
from bench.plan.cell import PRESETS
from bench.tasks import Labelled, TaskInfo


@pytest.fixture(scope="module")
def needed():
    return similarity()


@pytest.mark.parametrize("name", ["dann", "ccn+", "ccn++"])
def test_the_statistics_kept_are_those_of_the_target(name, needed):
    task, _ = domains()
    run = FakeRun()
    fit(name, needed, run, task=task, iterations=1, learning_rate=1e-12, target_batch=60)
    network = build(name)._network(3, run)
    x = torch.from_numpy(task.target).permute(0, 3, 1, 2) / 255
    means = network[0].convs[0][0]((x - 0.5) / 0.5).mean(dim=(0, 2, 3))
    kept = run.checkpoints[-1]["learnt"]["0.0.convs.0.1.running_mean"]
    torch.testing.assert_close(kept, 0.1 * means, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["dann", "jan", "ccn+", "ccn++"])
def test_a_batch_that_mixes_the_domains_has_the_statistics_of_both(name, needed):
    task, _ = domains()
    task = replace(task, source=replace(task.source, images=task.target // 2))
    run = FakeRun()
    one_step = {"iterations": 1, "learning_rate": 1e-12, "source_batch": 60, "target_batch": 60}
    fit(name, needed, run, task=task, statistics="mixed", **one_step)
    network = build(name)._network(3, run)
    x = torch.from_numpy(np.concatenate([task.source.images, task.target]))
    means = network[0].convs[0][0]((x.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5).mean(dim=(0, 2, 3))
    kept = run.checkpoints[-1]["learnt"]["0.0.convs.0.1.running_mean"]
    torch.testing.assert_close(kept, 0.1 * means, rtol=0, atol=1e-5)


def test_mixed_batches_change_nothing_where_the_target_is_not_seen(needed):
    apart, mixed = FakeRun(), FakeRun()
    fit("source-only", needed, apart)
    fit("source-only", needed, mixed, statistics="mixed")
    one, other = (run.checkpoints[-1]["learnt"] for run in (apart, mixed))
    assert all(torch.equal(one[k], other[k]) for k in one)


# The methods


def alike(_, x):
    """In place of a transferred network: clear patterns are alike where they correlate."""
    rows = x.flatten(1) - x.flatten(1).mean(dim=1, keepdim=True)
    rows = rows / rows.norm(dim=1, keepdim=True)
    return rows @ rows.T > 0.8


@pytest.mark.parametrize("pair_loss", ["kcl", "mcl"])
def test_pairs_of_the_target_help_where_the_source_misleads(pair_loss, needed, monkeypatch):
    monkeypatch.setattr(module().transferred, "label", alike)
    task, labels = domains()
    long: dict[str, Any] = {
        "iterations": 80,
        "widths": (8, 16),
        "crop_scale": (0.9, 1.0),
        "learning_rate": 0.05,
    }
    clustered = fit("ccn+", needed, task=task, pair_loss=pair_loss, target_batch=30, **long)
    groups = [set(clustered[labels == c].tolist()) for c in range(3)]
    assert [len(g) for g in groups] == [1, 1, 1]


def test_the_source_is_learned(needed):
    task, labels = domains()
    same = replace(task, target=task.source.images)
    found = fit("source-only", needed, task=same, iterations=150, learning_rate=0.05)
    assert (found == labels).mean() > 0.9


@pytest.mark.parametrize("name", ALL)
def test_predictions_are_classes_of_the_source(name, needed):
    run = FakeRun()
    found = fit(name, needed, run)
    assert found.shape == (60,)
    assert set(found.tolist()) <= {0, 1, 2}
    assert max(run.snapshots) == 6
    assert np.array_equal(run.snapshots[6], found)


@pytest.mark.parametrize("name", ALL)
def test_labels_of_the_target_are_never_used(name, needed):
    task, labels = domains()
    states = []
    for seen in (None, labels, labels[::-1].copy()):
        run = FakeRun()
        fit(name, needed, run, task=replace(task, target_labels=seen))
        states.append(run.checkpoints[-1]["learnt"])
    for other in states[1:]:
        assert all(torch.equal(states[0][k], other[k]) for k in other)


@pytest.mark.parametrize("name", ALL)
def test_a_resumed_cell_ends_in_the_same_bytes(name, needed, monkeypatch):
    monkeypatch.setattr(module("adapt"), "_LOG", 2)
    params: dict[str, Any] = {"crop_scale": (0.7, 1.0)}
    whole = FakeRun()
    wanted = fit(name, needed, whole, **params)
    assert [c["step"] for c in whole.checkpoints] == [2, 4, 6]
    run = whole.resumed(whole.checkpoints[0])
    assert np.array_equal(fit(name, needed, run, **params), wanted)
    final, again = whole.checkpoints[-1]["learnt"], run.checkpoints[-1]["learnt"]
    assert all(torch.equal(final[k], again[k]) for k in final)
    assert whole.logged[1:] == run.logged


@pytest.mark.parametrize("name", ALL)
def test_seeds_are_honoured(name, needed):
    def weights(seed):
        run = FakeRun(seed)
        fit(name, needed, run, iterations=1)
        return torch.cat([v.flatten().float() for v in run.checkpoints[-1]["learnt"].values()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_the_target_moves_what_only_its_terms_see(needed):
    task, _ = domains()
    other = replace(task, target=255 - task.target)
    for name in ALL:
        runs = FakeRun(), FakeRun()
        for run, its in zip(runs, (task, other), strict=True):
            fit(name, needed, run, task=its, iterations=3)
        one, two = (run.checkpoints[-1]["learnt"]["0.0.convs.0.0.weight"] for run in runs)
        assert torch.equal(one, two) is (name == "source-only")


def test_epochs_limit_the_steps(needed):
    for epochs, batch, steps in ((1, 32, 2), (2, 25, 6), (3, 20, 6), (0, 32, 6)):
        run = FakeRun()
        fit("ccn+", needed, run, epochs=epochs, source_batch=batch)
        assert run.checkpoints[-1]["step"] == steps


# What cannot be


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("pair_loss", ["kcl", "mcl"])
def test_one_answer_for_all_pairs_is_a_defined_result(name, similar, pair_loss, needed):
    bias = torch.tensor([-1e4, 1e4] if similar else [1e4, -1e4])
    stubborn = replace(needed, tensors={**needed.tensors, "head.output.bias": bias})
    run = FakeRun()
    assert len(fit(name, stubborn, run, pair_loss=pair_loss)) == 60
    assert all(math.isfinite(values["loss"]) for _, values in run.logged)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("role", ["source", "target"])
def test_a_domain_of_one_image_is_refused(name, role, needed):
    task, _ = domains()
    one = replace(task, target=task.target[:1])
    if role == "source":
        one = replace(task, source=Labelled(task.source.images[:1], task.source.labels[:1], 3))
    with pytest.raises(ValueError, match="made/adapt: a batch needs two images of the source"):
        fit(name, needed, task=one)


def test_fewer_images_than_a_batch_are_all_taken(needed):
    task, _ = domains(each=2)
    for name in ALL:
        assert len(fit(name, needed, task=task)) == 6


def test_classes_without_images_are_no_fault(needed):
    task, _ = domains()
    more = replace(task, source=replace(task.source, n_classes=5))
    assert set(fit("ccn+", needed, task=more).tolist()) <= set(range(5))


def test_a_loss_that_is_not_finite_fails(needed):
    with pytest.raises((NonFiniteError, ValueError), match=r"NaN|infinite|nan"):
        fit("ccn+", needed, learning_rate=1e30)


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("ccn+", {"channels": 2}, "channels = 2 is neither 1 nor 3"),
        ("source-only", {"iterations": 0}, "must be at least 1"),
        ("source-only", {"widths": (0,)}, "must be at least 1"),
        ("source-only", {"bottleneck": -1}, "epochs and bottleneck must be at least 0"),
        ("source-only", {"source_batch": 1}, "source_batch must be at least 2"),
        ("dann", {"target_batch": 1}, "target_batch 0 or at least 2"),
        ("dann", {"target_batch": 0}, "target_batch must not be 0"),
        ("dann", {"bottleneck": 0}, "bottleneck must not be 0"),
        ("ccn+", {"target_batch": 0}, "target_batch must not be 0"),
        ("ccn++", {"bottleneck": 0}, "bottleneck must not be 0"),
    ],
)
def test_parameters_that_cannot_be_are_refused(name, params, expected):
    with pytest.raises(BenchError, match=expected):
        build(name, **params)


@pytest.mark.parametrize("name", PAIRED)
def test_a_task_without_a_similarity_to_transfer_is_refused(name):
    with pytest.raises(ValueError, match="made/adapt names no similarity task"):
        build(name).needs(TaskInfo("made/adapt", "adapt", True, True, {}))


def test_tasks_of_digits_name_their_similarity():
    for name in ("mnist-usps", "usps-mnist", "svhn-mnist", "svhn-test-mnist"):
        spec = get_task(f"{name}/adapt")
        assert (spec.auxiliary.dataset, spec.auxiliary.split) == ("omniglot", "background")
        need = build("ccn+").needs(spec.info())["similarity"]
        assert (need.method, need.task) == ("similarity", "omniglot/similarity")
    spec = get_task("svhn-test-mnist/adapt")
    assert (spec.source.split, spec.target.split) == ("test", "train")
    assert "test images" in spec.summary


@pytest.mark.parametrize("preset", PRESETS)
def test_all_of_office31_asks_one_similarity_network(preset):
    """The paper trains one on ImageNet, and the same one labels the pairs of every row and seed."""
    one = experiment.load("ccn-office31")
    own, asked = one.preset[preset].params, set()
    for entry in one.entries():
        if not entry.runs or entry.method == "similarity":
            continue
        info = registry.get(entry.method)
        params = info.params(preset, {**own.get(entry.method, {}), **entry.params})
        for task in map(get_task, entry.all_tasks):
            needs = info.build(params).needs(task.info())
            asked |= {(n.task, n.seed) for n in needs.values() if n.method == "similarity"}
    assert asked == {("imagenet1000/similarity", 0)}
