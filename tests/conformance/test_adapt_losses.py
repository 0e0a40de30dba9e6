"""The losses of CCN+, CCN++ and DANN, by loops."""

import math
from dataclasses import replace

import pytest
import torch
from domains import build, domains, module, similarity
from fake_run import FakeRun

from bench.nn.losses import domain
from bench.nn.networks import transferred

EPS = 1e-7


@pytest.fixture(scope="module")
def needed():
    return similarity()


def divergence(p, i, j):
    pairs = zip(p[i].tolist(), p[j].tolist(), strict=True)
    return sum((a + EPS) * (math.log(a + EPS) - math.log(b + EPS)) for a, b in pairs)


def literal_kcl(p, similar, margin):
    """CCN, equations 2 to 5 and 9: both directions of each ordered pair."""
    total = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            for kl in (divergence(p, i, j), divergence(p, j, i)):
                total += kl if similar[i, j] else max(0.0, margin - kl)
    return total / len(p) ** 2


def released_kcl(p, similar, margin):
    """One direction of each."""
    total = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            kl = divergence(p, i, j)
            total += kl if similar[i, j] else max(0.0, margin - kl)
    return total / len(p) ** 2


def literal_mcl(p, similar, _):
    total = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            g = float(p[i] @ p[j])
            total -= math.log((g if similar[i, j] else 1 - g) + EPS)
    return total / len(p) ** 2


LOSSES = [
    ("kcl", {}, literal_kcl),
    ("kcl", {"directions": "one"}, released_kcl),
    ("mcl", {}, literal_mcl),
]


@pytest.mark.parametrize(("pair_loss", "how", "literal"), LOSSES)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_loss_of_ccn_plus_by_loops(pair_loss, how, literal, mode, needed):
    task, run = domains()[0], FakeRun()
    params = {"iterations": 1, "source_batch": 5, "target_batch": 7, "margin": 1.5}
    method = build("ccn+", **params, **how, pair_loss=pair_loss, similarity_mode=mode)
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
    ((step, values),) = run.logged
    assert (step, *values) == (1, "loss")
    assert values["loss"] == pytest.approx(wanted, abs=1e-5)


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
        batch = module().Batch(
            step, torch.zeros(2, 1, 8, 8), source, target, *[torch.zeros(2, 3)] * 2
        )
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
    p = torch.zeros(3, 3)
    term(module().Batch(0, crops, torch.zeros(2, 3), p, torch.zeros(2, 3), p))
    pixels = 1 - crops if invert else crops
    torch.testing.assert_close(seen[0], (pixels - 0.086) / 0.235)
