"""TSP: its loss against SCAN's code and a literal sum, its loop, and many seeds at once."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import registry
from bench.tasks import ClusterTask, Prediction, TaskInfo

registry.load()
TSP, SCAN, KMeans, Applied = (
    registry.get(name).cls for name in ("tsp", "scan", "tsp-kmeans", "tsp-test")
)
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "scan.npz", allow_pickle=False)
QUICK = {"epochs": 6, "batch_size": 50, "neighbours": 8, "learning_rate": 1e-2}


def features(n=170, width=12, seed=0):
    """Four clouds of points."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(4, width))
    labels = np.arange(n) % 4
    points = centres[labels] + rng.normal(size=(n, width))
    return torch.from_numpy(points.astype(np.float32)), labels


def task(n=170, clusters=4):
    return ClusterTask("t", np.zeros((n, 2, 2, 1), np.uint8), clusters)


def run_on(points, seed=0, **changes):
    return FakeRun(seed, needs={"features": Prediction(tensors={"features": points})}, **changes)


def golden_logits(requires_grad=True):
    pairs = [torch.from_numpy(GOLDEN[f"{name}_logits"]) for name in ("anchor", "neighbour")]
    return [x.requires_grad_(requires_grad) for x in pairs]


@pytest.mark.parametrize("weight", [5, 3])
def test_the_loss_is_scans(weight):
    anchor, neighbour = golden_logits()
    n = len(anchor)
    logits = torch.stack([anchor.T, neighbour.T], dim=1)[None]
    even = torch.full((n,), 1 / n, dtype=torch.float64)
    method = SCAN(entropy_weight=float(weight))
    (found,) = method.loss(logits, even.expand(1, 1, n), even)
    assert found.item() == pytest.approx(float(GOLDEN[f"total_w{weight}"]), rel=1e-12)
    found.backward()
    for name, x in (("anchor", anchor), ("neighbour", neighbour)):
        wanted = GOLDEN[f"grad_{name}_w{weight}"]
        np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-9, atol=1e-14)


def test_the_exact_loss_is_equation_5_term_by_term():
    generator = torch.Generator().manual_seed(0)
    heads, clusters, n, k = 2, 3, 5, 4
    logits = torch.randn(heads, clusters, 1 + k, n, generator=generator, dtype=torch.float64)
    chance = torch.rand(heads, k, n, generator=generator, dtype=torch.float64)
    chance /= chance.sum(dim=1, keepdim=True)
    found = TSP().loss(logits, chance / n, torch.full((n,), 1 / n, dtype=torch.float64))
    for head in range(heads):
        p: Any = [logits[head, :, 0, i].softmax(dim=0) for i in range(n)]
        total = 0.0
        for i in range(n):
            for j in range(k):
                q = logits[head, :, 1 + j, i].softmax(dim=0)
                total -= float(chance[head, j, i]) * math.log(float(p[i] @ q)) / n
        mean = sum(p) / n
        total += 3.0 * sum(float(m) * math.log(float(m)) for m in mean)
        assert found[head].item() == pytest.approx(total, rel=1e-12)


def test_it_finds_clusters_that_are_there():
    points, labels = features()
    for method in (
        TSP(**QUICK),
        SCAN(**QUICK),
        TSP(**QUICK, expectation="exact"),
        KMeans(n_init=5),
    ):
        found = method.fit(task(), run_on(points)).assignments
        groups = {tuple(np.unique(found[labels == c])) for c in range(4)}
        assert len(groups) == 4
        assert all(len(group) == 1 for group in groups)


def test_the_head_that_comes_with_it_gives_the_assignments():
    points, _ = features()
    for method in (TSP(**QUICK), KMeans()):
        found = method.fit(task(), run_on(points))
        scores = points @ found.tensors["weight"].T + found.tensors["bias"]
        assert (scores.argmax(dim=1).numpy() == found.assignments).all()


def test_kmeans_gives_each_image_the_nearest_centre():
    points, _ = features()
    found = KMeans().fit(task(), run_on(points))
    centres = found.tensors["weight"]
    assert (torch.cdist(points, centres).argmin(dim=1).numpy() == found.assignments).all()


def test_the_head_starts_from_normalised_centres():
    points, _ = features()
    start = TSP(**{**QUICK, "learning_rate": 0.0}).fit(task(), run_on(points)).tensors
    centres = KMeans().fit(task(), run_on(points)).tensors["weight"]
    wanted = centres / centres.norm(dim=1, keepdim=True) / 12**0.5
    torch.testing.assert_close(start["weight"], wanted)
    assert (start["bias"] == 0).all()


def test_a_random_head_is_torchs():
    points, _ = features(width=400)
    method = TSP(**{**QUICK, "learning_rate": 0.0}, initial="random")
    drawn = method.fit(task(), run_on(points)).tensors["weight"]
    assert drawn.abs().max() <= 1 / 20
    assert drawn.std().item() == pytest.approx(1 / 20 / 3**0.5, rel=0.05)


def test_neighbours_are_drawn_as_often_as_they_are_likely():
    tsp = TSP.__dict__["_train"].__globals__
    points, _ = features(n=40)
    chance = torch.tensor([[0.5, 0.3, 0.2]]).double().expand(40, 3)
    data = tsp["_Data"](points, torch.arange(120).view(40, 3), chance)
    member = tsp["_Member"](TSP(), run_on(points), {"epoch": 0})
    counts = np.zeros(3)
    for _ in range(400):
        rows, weights = member.draw(data)
        assert sorted(rows[0].tolist()) == list(range(40))
        assert (rows[1] // 3 == rows[0]).all()
        assert (weights == 1).all()
        counts += np.bincount(rows[1] % 3, minlength=3)
    np.testing.assert_allclose(counts / counts.sum(), [0.5, 0.3, 0.2], atol=0.02)


VARIANTS = [{}, {"expectation": "exact"}, {"initial": "random"}, {"normalise": True}]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_many_seeds_at_once_are_each_as_alone(variant):
    points, _ = features()
    method = TSP(**QUICK, **variant)
    together = method.fit_many(task(), runs := [run_on(points, seed) for seed in range(10)])
    for seed in (0, 3, 9):
        alone = run_on(points, seed)
        found = method.fit(task(), alone)
        assert (found.assignments == together[seed].assignments).all()
        for name, tensor in found.tensors.items():
            assert torch.equal(tensor, together[seed].tensors[name])
        assert alone.logged == runs[seed].logged
        assert alone.snapshots.keys() == runs[seed].snapshots.keys()
    assert not torch.equal(together[0].tensors["weight"], together[1].tensors["weight"])


def test_seeds_that_stopped_at_different_epochs_end_in_the_same_bytes():
    points, _ = features()
    method = TSP(**QUICK)
    runs = [run_on(points, seed) for seed in range(4)]
    whole = method.fit_many(task(), runs)
    states = [runs[0].checkpoints[3], runs[1].checkpoints[1], None, runs[3].checkpoints[3]]
    again = [run_on(points, seed, state=state) for seed, state in enumerate(states)]
    for before, now in zip(whole, method.fit_many(task(), again), strict=True):
        assert torch.equal(before.tensors["weight"], now.tensors["weight"])
        assert (before.assignments == now.assignments).all()
    assert [run.logged[0][0] for run in again] == [5, 3, 1, 5]


def test_a_seed_that_fails_takes_no_other_with_it():
    points, _ = features()
    method = TSP(**QUICK)
    runs = [run_on(points, seed) for seed in range(3)]
    whole = method.fit_many(task(), runs)
    states = [run.checkpoints[3] for run in runs]
    states[1] = spoilt(states[1])
    again = [run_on(points, seed, state=state) for seed, state in enumerate(states)]
    found = method.fit_many(task(), again)
    assert "loss is nan at step 5" in str(found[1])
    for seed in (0, 2):
        assert torch.equal(found[seed].tensors["weight"], whole[seed].tensors["weight"])
    with pytest.raises(ValueError, match="loss is nan"):
        method.fit(task(), run_on(points, 1, state=states[1]))


def spoilt(state):
    values = torch.full_like(state["head"]["values"], float("nan"))
    return {**state, "head": {**state["head"], "values": values}}


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (features(n=8)[0], r"k = 8 neighbours among 8 points"),
        (torch.full((170, 3), float("nan")), "NaN"),
    ],
    ids=["few", "NaN"],
)
def test_bad_features_are_named(points, message):
    with pytest.raises(ValueError, match=message):
        TSP(**QUICK).fit(task(len(points)), run_on(points))


def test_more_clusters_than_images_are_named():
    with pytest.raises(ValueError, match="n_clusters = 20 for 15 points"):
        TSP(**QUICK).fit(task(15, 20), run_on(features(n=15)[0]))


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_equal_images_have_a_defined_result():
    points, _ = features()
    points[:60] = points[0]
    assert np.isin(TSP(**QUICK).fit(task(), run_on(points)).assignments, range(4)).all()
    flat = TSP(**QUICK).fit(task(), run_on(torch.ones(170, 3)))
    assert len(set(flat.assignments.tolist())) == 1


def test_parameters_out_of_range_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        TSP(neighbours=0)


INFO = TaskInfo("t/test", "cluster", False, False, {"trained": "t/train"})


def test_features_are_one_cell_for_all_seeds():
    need = TSP(network="dino", pretraining="digits/represent").needs(INFO)["features"]
    assert (need.method, need.task, need.seed) == ("features", None, 0)
    assert need.params["pretraining"] == "digits/represent"
    assert registry.get("features").params("paper", need.params) is not None


@pytest.mark.parametrize("trained", ["tsp", "scan", "tsp-kmeans"])
def test_a_trained_head_is_applied_to_other_images(trained):
    method = Applied(trained=trained, neighbours=5, transform="crop")
    needs = method.needs(INFO)
    assert (needs["head"].method, needs["head"].task) == (trained, "t/train")
    assert needs["head"].seed is None
    built: Any = registry.get(trained).build(needs["head"].params)
    assert built.transform == "crop"
    assert getattr(built, "neighbours", 5) == 5
    points, _ = features()
    head = TSP(**QUICK).fit(task(), run_on(points))
    run = run_on(points)
    run.needs["head"] = head
    assert (method.fit(task(), run).assignments == head.assignments).all()
    with pytest.raises(ValueError, match="4 outputs and the task declares 3"):
        method.fit(replace(task(), n_clusters=3), run)


def test_a_head_needs_a_task_to_be_trained_on():
    with pytest.raises(ValueError, match="names no task"):
        Applied().needs(TaskInfo("t", "cluster", False, False, {}))
