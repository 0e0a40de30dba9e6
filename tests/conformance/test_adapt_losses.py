"""The losses of CCN+, CCN++ and DANN, by loops."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import registry
from bench.nn import training
from bench.nn.images.views import Views
from bench.nn.losses import domain
from bench.nn.networks import transferred
from bench.tasks import AdaptTask, Labelled, Prediction

ALL = ("source-only", "dann", "ccn+", "ccn++")
PAIRED = ("ccn+", "ccn++")
SMALL = {"widths": (4, 8), "size": 8, "iterations": 6}


@pytest.fixture(scope="module")
def needed():
    """A similarity network with fresh weights; its statistics make both answers occur."""
    architecture = transferred.describe(1, (4, 8), Views(size=8))
    network, views = transferred.build(architecture, seed=5)
    x = torch.from_numpy(domains()[0].target).permute(0, 3, 1, 2) / 255
    for _ in range(40):
        transferred.label(network.train(), replace(views, invert=False).clean(x))
    return Prediction(tensors=training.weights(network), architecture=architecture)


def domains(each=20, classes=3):
    """A task and the target's labels: clear patterns to classify, and noisy pale labelled ones."""
    rng = np.random.default_rng(0)
    patterns = np.kron(rng.random((classes, 4, 4)) < 0.5, np.ones((2, 2)))
    labels = np.repeat(np.arange(classes), each)
    target = 20 + 200 * patterns[labels] + rng.normal(0, 5, (len(labels), 8, 8))
    source = 130 - 40 * patterns[labels] + rng.normal(0, 20, (len(labels), 8, 8))
    source[:, ::2] += 40
    coloured = np.repeat(source[..., None], 3, axis=3).clip(0, 255).astype(np.uint8)
    task = AdaptTask(
        "made/adapt",
        target[..., None].clip(0, 255).astype(np.uint8),
        Labelled(coloured, labels, classes),
    )
    return task, labels


def build(name, **params):
    return registry.get(name).build({**SMALL, **params})


def module():
    registry.get("ccn+")
    return sys.modules["bench_methods.adapt"]


def fit(name, needed, run=None, task=None, **params):
    run = run or FakeRun()
    run.needs["similarity"] = needed
    return build(name, **params).fit(task or domains()[0], run).assignments


def literal_kcl(p, similar, margin):
    """CCN, equations 3 to 5 and 9, one ordered pair after the other."""
    total, eps = 0.0, 1e-7
    for i in range(len(p)):
        for j in range(len(p)):
            kl = sum(
                (a + eps) * (math.log(a + eps) - math.log(b + eps))
                for a, b in zip(p[i].tolist(), p[j].tolist(), strict=True)
            )
            total += kl if similar[i, j] else max(0.0, margin - kl)
    return total / len(p) ** 2


def literal_mcl(p, similar, _):
    total = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            g = float(p[i] @ p[j])
            total -= math.log((g if similar[i, j] else 1 - g) + 1e-7)
    return total / len(p) ** 2


@pytest.mark.parametrize(("pair_loss", "literal"), [("kcl", literal_kcl), ("mcl", literal_mcl)])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_loss_of_ccn_plus_by_loops(pair_loss, literal, mode, needed):
    task, run = domains()[0], FakeRun()
    params = {"iterations": 1, "source_batch": 5, "target_batch": 7, "margin": 1.5}
    method = build("ccn+", **params, pair_loss=pair_loss, similarity_mode=mode)
    run.needs["similarity"] = needed
    method.fit(task, run)
    network = method._network(3, run)
    order, crops = run.generator("batches"), run.generator("augment")
    rows, source = method._draw(task.source.images, 5, order, crops, run)
    _, target = method._draw(task.target, 7, order, crops, run)
    q, p = (network((x - 0.5) / 0.5).detach().double().softmax(dim=1) for x in (source, target))
    classification = sum(
        -math.log(q[i, task.source.labels[row]]) for i, row in enumerate(rows.tolist())
    )
    labeller, views = transferred.load(needed.architecture, needed.tensors)
    x = replace(views, invert=False).clean(target)
    similar = transferred.label(labeller.train(mode == "train"), x)
    assert similar.any()
    assert not similar.all()
    wanted = classification / 5 + literal(p, similar, 1.5)
    assert run.logged == [(1, {"loss": pytest.approx(wanted, abs=1e-5)})]


def test_ccn_plus_plus_adds_both_terms(needed):
    run = FakeRun(needs={"similarity": needed})
    clusters, domains_ = build("ccn++").terms(run)
    assert type(clusters) is module().Clusters
    assert type(domains_) is module().Domains
    assert [type(t) for t in build("dann").terms(run)] == [module().Domains]
    assert [type(t) for t in build("ccn+").terms(run)] == [module().Clusters]
    assert build("source-only").terms(run) == []


def test_the_discriminators_gradient_reaches_the_features_reversed():
    term = module().Domains(4, seed=0)
    slopes = []
    for step in (0, 1000):
        features = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
        source, target = features[:4], features[4:]
        batch = module().Batch(step, torch.zeros(2, 1, 8, 8), source, target, torch.zeros(2, 3))
        term(batch).backward()
        slopes.append(features.grad)
        wanted = domain.domain_loss(term.discriminator, source, target, 0.0)
        torch.testing.assert_close(term(batch), wanted)
    assert slopes[0].abs().max() == 0.0
    assert slopes[1].abs().max() > 0.0


@pytest.mark.parametrize("invert", [False, True])
def test_the_similarity_network_sees_the_batch_in_its_own_views(invert, needed, monkeypatch):
    seen = []
    monkeypatch.setattr(module().pairs, "kcl", lambda p, _, margin: (p * margin).sum())

    def label(_, x):
        seen.append(x)
        return torch.ones(len(x), len(x)) > 0

    monkeypatch.setattr(module().transferred, "label", label)
    (term,) = build("ccn+", invert=invert).terms(FakeRun(needs={"similarity": needed}))
    crops = torch.rand(3, 1, 8, 8)
    term(module().Batch(0, crops, torch.zeros(2, 3), torch.zeros(3, 3), torch.zeros(3, 3)))
    pixels = 1 - crops if invert else crops
    torch.testing.assert_close(seen[0], (pixels - 0.086) / 0.235)
