"""Source only, DANN, CCN+ and CCN++ on two made-up domains, with `bench.nn.losses.domain`."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import registry
from bench.datasets import get_task
from bench.errors import BenchError, NonFiniteError
from bench.nn import training
from bench.nn.images.views import Views
from bench.nn.losses import domain
from bench.nn.networks import transferred
from bench.tasks import AdaptTask, Labelled, Prediction, TaskInfo

ALL = ("source-only", "dann", "ccn+", "ccn++")
PAIRED = ("ccn+", "ccn++")
SMALL = {"widths": (4, 8), "size": 8, "iterations": 6}


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "golden" / "domain.npz", allow_pickle=False) as file:
        return {k: torch.from_numpy(np.asarray(file[k])) for k in file.files}


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


# Gradient reversal, discriminator, schedules


def discriminator(golden):
    network = domain.discriminator(24, hidden=16).double()
    weights = {k.removeprefix("disc_").replace("6_0", "6"): v for k, v in golden.items()}
    weights = {k.replace("_", "."): v for k, v in weights.items() if k[:2] in {"0_", "1_", "3_"}
               or k[:2] in {"4_", "6_"}}  # fmt: skip
    network.load_state_dict({**network.state_dict(), **weights})
    return network


@pytest.mark.parametrize("step", [0, 7, 1000])
def test_the_domain_loss_and_its_gradients_are_those_of_the_library(step, golden):
    network = discriminator(golden)
    f_source, f_target = (golden[k].clone().requires_grad_() for k in ("f_source", "f_target"))
    loss = domain.domain_loss(network, f_source, f_target, domain.reversal(step))
    loss.backward()
    close = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(loss, golden[f"dann_loss_iter{step}"], **close)
    for side, f in (("source", f_source), ("target", f_target)):
        torch.testing.assert_close(f.grad, golden[f"dann_grad_f_{side}_iter{step}"], **close)
    if step == 7:
        torch.testing.assert_close(network[0].weight.grad, golden["dann_grad_disc_0_weight"])
        last = golden["dann_grad_disc_final_weight"]
        torch.testing.assert_close(network[6].weight.grad, last, **close)


def test_the_discriminator_is_that_of_the_library(golden):
    both = torch.cat([golden["f_source"], golden["f_target"]])
    got = torch.sigmoid(discriminator(golden)(both))
    torch.testing.assert_close(got, golden["disc_output_train_mode"], rtol=0, atol=1e-10)


def test_the_domain_loss_of_given_outputs(golden):
    logits = torch.logit(golden["given_disc_output"])
    one = torch.zeros(32, 4, dtype=torch.float64)
    loss = domain.domain_loss(lambda _: logits, one, one, 1.0)
    torch.testing.assert_close(loss, golden["dann_loss_given"], rtol=0, atol=1e-10)
    total = 0.0
    for side, d in enumerate(golden["given_disc_output"].flatten().split(32)):
        total += sum(-math.log(1 - p if side else p) for p in d.tolist()) / 32
    assert loss.item() == pytest.approx(total / 2, abs=1e-12)


def test_the_reversal_rises_as_in_the_library(golden):
    for name, options in (
        ("default", {}),
        ("alpha10_hi05", {"over": 300, "alpha": 10.0, "high": 0.5}),
    ):
        steps, wanted = golden[f"grl_iter_{name}"].tolist(), golden[f"grl_coeff_{name}"].tolist()
        got = [domain.reversal(step, **options) for step in steps]
        assert got == pytest.approx(wanted, abs=1e-12)


def test_a_reversed_gradient_is_turned_round_and_scaled():
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    out = domain.reverse(x, 0.3)
    assert torch.equal(out, x)
    (out**2).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * 2 * x.detach())


def test_the_learning_rate_falls():
    assert domain.annealed(0) == 1.0
    assert domain.annealed(1000) == pytest.approx(2**-0.75)
    assert domain.annealed(10, gamma=0.1, power=2.0) == 0.25


def test_logits_beyond_all_bounds_stay_finite():
    one = torch.zeros(2, 3)
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4])[:, None]
    assert domain.domain_loss(lambda _: logits, one, one, 1.0).item() == pytest.approx(5e3)


def test_features_that_do_not_fit_are_refused():
    network = domain.discriminator(4, hidden=3)
    with pytest.raises(ValueError, match=r"\(0, 4\) and \(5, 4\), not \(n, D\) and \(m, D\)"):
        domain.domain_loss(network, torch.zeros(0, 4), torch.zeros(5, 4), 1.0)
    with pytest.raises(ValueError, match="source features have length 4, those of the target 3"):
        domain.domain_loss(network, torch.zeros(2, 4), torch.zeros(5, 3), 1.0)


def test_domains_are_given_the_same_channels():
    x = torch.rand(2, 3, 4, 5)
    grey = domain.with_channels(x, 1)
    wanted = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    torch.testing.assert_close(grey, wanted[:, None])
    assert torch.equal(domain.with_channels(grey, 3), torch.cat([grey] * 3, dim=1))
    assert domain.with_channels(x, 3) is x
    with pytest.raises(ValueError, match="images have 4 channels, wanted are 1"):
        domain.with_channels(torch.rand(2, 4, 5, 5), 1)


def test_untracked_statistics_are_used_but_not_kept():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3, momentum=0.2))
    x, y = torch.randn(2, 8, 1, 5, 5).unbind(0)
    with domain.untracked(network):
        untracked = network(x)
    assert torch.equal(network[1].running_mean, torch.zeros(3))
    assert torch.equal(network(x), untracked)
    network[1].reset_running_stats()
    means = network[0](y).mean(dim=(0, 2, 3))
    network(y)
    torch.testing.assert_close(network[1].running_mean, 0.2 * means)


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


# The losses


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
    long = {"iterations": 80, "widths": (8, 16), "crop_scale": (0.9, 1.0), "learning_rate": 0.05}
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
    monkeypatch.setattr(module(), "_LOG", 2)
    params, whole = {"crop_scale": (0.7, 1.0)}, FakeRun()
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
