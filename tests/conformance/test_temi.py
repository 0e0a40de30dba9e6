"""TEMI: its heads against the literal form, its loop, and the head that it chooses."""

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from torch.nn import functional

from bench import ROOT, registry
from bench.tasks import ClusterTask, Prediction

temi = registry.import_from(ROOT / "methods", "temi")
TEMI, Heads = temi.TEMI, temi.Heads
BRIEF = {
    "heads": 3,
    "hidden": 16,
    "bottleneck": 8,
    "epochs": 30,
    "batch_size": 50,
    "neighbours": 8,
    "learning_rate": 2e-2,
    "teacher_momentum": 0.9,
}


def clouds(n=170, width=12, seed=0):
    """Four clouds of points."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    points = 4 * rng.normal(size=(4, width))[labels] + rng.normal(size=(n, width))
    return torch.from_numpy(points.astype(np.float32)), labels


def task(n=170, clusters=4):
    return ClusterTask("t", np.zeros((n, 2, 2, 1), np.uint8), clusters)


def run_on(points, seed=0, state=None):
    needs = {"features": Prediction(tensors={"features": points})}
    return FakeRun(seed, needs=needs, state=state)


def test_heads_are_small_networks_one_beside_the_other():
    heads = Heads(TEMI(**BRIEF), 12, 4, FakeRun())
    generator = torch.Generator().manual_seed(1)
    for parameter in heads.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    x = torch.randn(7, 12, generator=generator)
    found = heads(x)
    for h in range(3):
        for i in range(7):
            hidden = functional.gelu(heads.hidden[h].T @ x[i] + heads.hidden_bias[h, 0])
            code = heads.code[h].T @ hidden + heads.code_bias[h, 0]
            code = code / code.norm()
            for c in range(4):
                row = heads.direction[h, :, c]
                wanted = heads.length[h, 0, c] * (row @ code) / row.norm()
                assert found[h, i, c].item() == pytest.approx(wanted.item(), abs=1e-5)


def test_it_finds_clusters_that_are_there_and_gives_the_head_that_found_them():
    points, labels = clouds()
    run = run_on(points)
    found = TEMI(**BRIEF).fit(task(), run)
    groups = {tuple(np.unique(found.assignments[labels == c])) for c in range(4)}
    assert len(groups) == 4
    assert all(len(group) == 1 for group in groups)
    single = Heads(TEMI(**BRIEF | {"heads": 1}), 12, 4, FakeRun())
    single.load_state_dict(found.tensors)
    assert (single(points)[0].argmax(dim=1).numpy() == found.assignments).all()
    assert run.logged[-1][1]["loss"] < run.logged[0][1]["loss"]


def test_the_head_of_the_lowest_loss_is_taken():
    heads = Heads(TEMI(**BRIEF), 12, 4, FakeRun())
    best = heads.head(torch.tensor([-0.1, -0.9, -0.9]))
    for name, parameter in heads.named_parameters():
        assert torch.equal(best[name], parameter[1:2])


def test_still_students_are_their_teachers_and_the_last_layer_waits():
    points, _ = clouds()
    start = dict(Heads(TEMI(**BRIEF), 12, 4, FakeRun()).named_parameters())
    still = TEMI(**BRIEF | {"epochs": 2, "learning_rate": 0.0}).fit(task(), run_on(points))
    frozen = TEMI(**BRIEF | {"epochs": 2, "freeze_last_layer": 1.0}).fit(task(), run_on(points))
    for name, value in still.tensors.items():
        assert any(torch.allclose(value[0], one, atol=1e-6) for one in start[name])
    for name, value in frozen.tensors.items():
        waits = any(torch.allclose(value[0], one, atol=1e-6) for one in start[name])
        assert waits is (name in ("direction", "length"))


@pytest.mark.parametrize("at", [0, 3, 5])
def test_a_run_that_was_stopped_ends_in_the_same_bytes(at):
    points, _ = clouds()
    method = TEMI(**BRIEF | {"epochs": 6, "freeze_last_layer": 0.4})
    whole = run_on(points)
    wanted = method.fit(task(), whole)
    again = run_on(points, state=whole.checkpoints[at])
    found = method.fit(task(), again)
    assert (found.assignments == wanted.assignments).all()
    for name, value in wanted.tensors.items():
        assert torch.equal(found.tensors[name], value)
    assert again.logged == whole.logged[at + 1 :]


def test_neighbours_are_those_of_the_smallest_angle(monkeypatch):
    seen, nearest = [], temi.nearest
    monkeypatch.setattr(temi, "nearest", lambda x, k: seen.append((x, k)) or nearest(x, k))
    points, _ = clouds()
    TEMI(**BRIEF | {"epochs": 1}).fit(task(), run_on(points))
    ((found, k),) = seen
    torch.testing.assert_close(found, points / points.norm(dim=1, keepdim=True))
    assert k == 8


def test_fewer_images_than_a_batch_are_one_batch():
    points, _ = clouds(n=30)
    run = run_on(points)
    TEMI(**BRIEF | {"epochs": 2}).fit(task(30), run)
    assert len(run.logged) == 2


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (clouds(n=8)[0], r"k = 8 neighbours among 8 points"),
        (torch.full((170, 3), float("nan")), "NaN"),
    ],
    ids=["few", "NaN"],
)
def test_bad_features_are_named(points, message):
    with pytest.raises(ValueError, match=message):
        TEMI(**BRIEF).fit(task(len(points)), run_on(points))


def test_equal_images_are_one_cluster():
    found = TEMI(**BRIEF | {"epochs": 2}).fit(task(), run_on(torch.ones(170, 3)))
    assert len(set(found.assignments.tolist())) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heads": 0}, "at least 1"),
        ({"beta": 0.0}, "above 0"),
        ({"warmup": 1.0}, "fractions"),
        ({"share_momentum": 1.5}, "lie in 0..1"),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        TEMI(**wrong)
