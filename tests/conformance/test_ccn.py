"""G, KCL and MCL on made-up characters, with views and a transferred similarity network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from characters import LONG, G, build, characters, cluster, cluster_task, similarity_task
from fake_run import FakeRun
from torchvision.transforms import functional as torchvision

from bench.nn.images.views import Views, random_boxes, resized_crop
from bench.nn.losses import pairs
from bench.nn.networks import transferred
from bench.nn.networks.similarity import similarity
from bench.score import metrics
from bench.tasks import TaskInfo


@pytest.fixture(scope="module")
def trained():
    return build("similarity", **G).fit(similarity_task(), FakeRun())


@pytest.fixture
def task():
    return cluster_task()


# Views


def test_crops_are_those_of_torchvision():
    x = torch.rand(5, 3, 20, 30)
    boxes = torch.tensor(
        [[0, 0, 20, 30], [3, 5, 9, 11], [19, 29, 1, 1], [0, 4, 20, 3], [2, 2, 7, 7]]
    )
    for size in (7, 25):
        got = resized_crop(x, boxes, size)
        for image, box, one in zip(x, boxes.tolist(), got, strict=True):
            wanted = torchvision.resized_crop(image, *box, [size, size], antialias=True)
            torch.testing.assert_close(one, wanted, rtol=0, atol=1e-5)


def test_clean_views_are_whole_inverted_and_normalised():
    x = torch.rand(2, 1, 21, 21)
    views = Views(size=8, mean=0.1, std=0.5)
    wanted = (1 - torchvision.resize(x, [8, 8], antialias=True) - 0.1) / 0.5
    torch.testing.assert_close(views.clean(x), wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(replace(views, invert=False).clean(1 - x), wanted, rtol=0, atol=1e-5)


def test_boxes_by_loops():
    n, height, width, scale, ratio = 200, 21, 17, (0.6, 1.0), (0.5, 2.0)
    got = random_boxes(n, (height, width), scale, ratio, torch.Generator().manual_seed(3))
    draws = torch.rand(4, n, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    wholes = 0
    for i in range(n):
        box = (height, width)
        for attempt in range(10):
            area = height * width * (scale[0] + (scale[1] - scale[0]) * draws[0, i, attempt].item())
            low, high = np.log(ratio)
            aspect = np.exp(low + (high - low) * draws[1, i, attempt].item())
            h, w = round((area / aspect) ** 0.5), round((area * aspect) ** 0.5)
            if h <= height and w <= width:
                box = (h, w)
                break
        else:
            wholes += 1
        top = int(draws[2, i, 0].item() * (height - box[0] + 1))
        left = int(draws[3, i, 0].item() * (width - box[1] + 1))
        assert got[i].tolist() == [top, left, *box]
    assert wholes < n / 10
    # Corners reach both ends.
    assert (got[:, 0] == 0).any()
    assert (got[:, 0] + got[:, 2] == height).any()


def test_where_no_box_fits_the_whole_image_is_taken():
    boxes = random_boxes(3, (4, 100), (1.0, 1.0), (1.0, 1.0), torch.Generator().manual_seed(0))
    assert boxes.tolist() == [[0, 0, 4, 100]] * 3


def test_augmentation_follows_its_generator_alone():
    x, views = torch.rand(4, 1, 20, 20), Views(size=8)
    one, again, other = (views.augmented(x, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "bad", [{"size": 0}, {"std": 0.0}, {"crop_scale": (0.9, 0.5)}, {"crop_ratio": (0.0, 1.0)}]
)
def test_views_refuse_what_cannot_be(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} = "):
        Views(**bad)


# The similarity network


def test_scores_of_pairs_are_those_of_the_grid(trained):
    task = similarity_task()
    network, views = transferred.load(trained.architecture, trained.tensors)
    network.eval()
    x = torch.from_numpy(task.target).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        grid = similarity(network.head, network.trunk(views.clean(x))).numpy()
    wanted = grid[task.pairs[:, 0], task.pairs[:, 1]]
    np.testing.assert_allclose(trained.scores, wanted, atol=1e-5)
    assert abs(grid[0, 1] - grid[1, 0]) > 1e-4  # or the order of a pair would go untested


def test_similarity_learns_pairs_of_unseen_characters(trained):
    network, views = transferred.load(trained.architecture, trained.tensors)
    images, labels = characters(4, 5, seed=2)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    right = transferred.label(network.train(), views.clean(x)).numpy() == (
        labels[:, None] == labels
    )
    assert right.mean() > 0.85


def test_batches_hold_a_few_images_of_each_of_some_classes():
    g = build("similarity", **G)
    auxiliary = similarity_task().auxiliary
    members = g._members(auxiliary, "made")
    order = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(20):
        rows = g._draw(members, order)
        labels = auxiliary.labels[rows].reshape(8, 4)
        assert len(set(rows.tolist())) == 32
        assert (labels == labels[:, :1]).all()
        assert len(set(labels[:, 0])) == 8
        seen |= set(labels[:, 0])
    assert seen == set(range(40))


def test_a_background_with_too_few_classes_is_refused():
    with pytest.raises(ValueError, match="made/similarity has 3 auxiliary classes of 4 images"):
        build("similarity", **G).fit(similarity_task(classes=3), FakeRun())
    with pytest.raises(ValueError, match="has 0 auxiliary classes of 4"):
        build("similarity", **G).fit(similarity_task(each=3), FakeRun())


def test_what_is_no_similarity_network_is_refused(trained):
    with pytest.raises(ValueError, match="no similarity network"):
        transferred.load('{"name": "convnet"}', {})
    with pytest.raises(ValueError, match="weights do not fit"):
        transferred.load(trained.architecture, {"trunk.0.weight": torch.zeros(1)})


# The clustering network


@pytest.mark.parametrize("name", ["kcl", "ccn", "mcl"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_clusters_are_found_from_transferred_similarity(name, mode, task, trained):
    run = FakeRun()
    assignments = cluster(name, task, trained, run, similarity_mode=mode, **LONG)
    labels = np.repeat(np.arange(3), 10)
    assert metrics.clustering_accuracy(metrics.contingency(labels, assignments)) > 0.8
    assert sorted(run.snapshots)[-1] == 40


def test_ccn_is_kcl_and_mcl_is_not(task, trained):
    kcl, ccn, mcl = (cluster(name, task, trained, epochs=2) for name in ("kcl", "ccn", "mcl"))
    assert np.array_equal(kcl, ccn)
    p, similar = torch.softmax(torch.randn(5, 3), dim=1), torch.eye(5) > 0
    assert build("kcl", margin=1.0).loss(p, similar) == pairs.kcl(p, similar, margin=1.0)
    assert build("mcl").loss(p, similar) == pairs.mcl(p, similar)
    assert mcl.shape == kcl.shape


@pytest.mark.parametrize("name", ["kcl", "mcl"])
@pytest.mark.parametrize("similar", [True, False])
def test_one_answer_for_all_pairs_is_a_defined_result(name, similar, task, trained):
    bias = torch.tensor([-1e4, 1e4] if similar else [1e4, -1e4])
    stubborn = replace(trained, tensors={**trained.tensors, "head.output.bias": bias})
    run = FakeRun()
    assignments = cluster(name, task, stubborn, run, **LONG)
    assert all(np.isfinite(values["loss"]) for _, values in run.logged)
    used = len(set(assignments.tolist()))
    assert used == 1 if similar else used > 1


@pytest.mark.parametrize("name", ["kcl", "mcl"])
def test_a_last_batch_of_one_image_is_passed_over(name, task, trained):
    assert len(cluster(name, task, trained, batch_size=29, epochs=2)) == 30
    alone = replace(task, target=task.target[:1], n_clusters=1)
    assert cluster(name, alone, trained).tolist() == [0]


def test_an_alphabet_with_a_single_character_may_declare_more(task, trained):
    single = replace(task, target=task.target[:10], n_clusters=5)
    assert cluster("kcl", single, trained).max() < 5
    assert cluster("mcl", replace(single, n_clusters=1), trained).tolist() == [0] * 10


@pytest.mark.parametrize("k", [0, 31])
def test_k_beyond_the_images_is_refused(k, task, trained):
    with pytest.raises(
        ValueError, match=rf"n_clusters = {k} for 30 images of \S+: must lie in 1\.\.30"
    ):
        cluster("kcl", replace(task, n_clusters=k), trained)


def test_parameters_that_cannot_be_are_refused(task, trained):
    for name, params, expected in [
        ("kcl", {"batch_size": 1}, "batch_size must be at least 2"),
        ("mcl", {"epochs": 0}, "epochs, hidden and widths at least 1"),
        ("similarity", {"classes_per_batch": 0}, "must be at least 1"),
        ("similarity", {"classes_per_batch": 1, "images_per_class": 1}, "no pairs"),
    ]:
        with pytest.raises(Exception, match=expected):
            build(name, **params)
    with pytest.raises(ValueError, match="4 widths halve 8 pixels to none"):
        cluster("kcl", task, trained, widths=(4, 4, 4, 4))


def test_a_task_without_a_similarity_to_transfer_is_refused():
    with pytest.raises(ValueError, match="made/cluster names no similarity task"):
        build("kcl").needs(TaskInfo("made/cluster", "cluster", True, True, {}))
    related = {"similarity": "made/similarity"}
    need = build("mcl").needs(TaskInfo("made/cluster", "cluster", False, True, related))
    assert (need["similarity"].method, need["similarity"].task) == ("similarity", "made/similarity")


# Both: the harness's contract


def test_a_resumed_similarity_ends_in_the_same_bytes():
    method, whole = build("similarity", **{**G, "epochs": 4, "milestones": (2,)}), FakeRun()
    wanted = method.fit(similarity_task(), whole)
    got = method.fit(similarity_task(), whole.resumed(whole.checkpoints[1]))
    assert wanted.tensors.keys() == got.tensors.keys()
    assert all(torch.equal(wanted.tensors[k], got.tensors[k]) for k in wanted.tensors)
    assert np.array_equal(wanted.scores, got.scores)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_resumed_clustering_ends_in_the_same_bytes(mode, task, trained):
    params = {"similarity_mode": mode, "epochs": 6}
    whole = FakeRun()
    wanted = cluster("kcl", task, trained, whole, **params)
    run = whole.resumed(whole.checkpoints[2])
    assert np.array_equal(cluster("kcl", task, trained, run, **params), wanted)
    final, again = whole.checkpoints[-1]["network"], run.checkpoints[-1]["network"]
    assert all(torch.equal(final[k], again[k]) for k in final)


def test_seeds_are_honoured(task, trained):
    def weights(seed):
        run = FakeRun(seed)
        cluster("mcl", task, trained, run, epochs=1)
        return run.checkpoints[-1]["network"]["hidden.0.weight"]

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_the_mode_of_the_labelling_network_counts(task, trained):
    weights = []
    for mode in ("train", "eval"):
        run = FakeRun()
        cluster("kcl", task, trained, run, similarity_mode=mode, epochs=2)
        weights.append(run.checkpoints[-1]["network"]["hidden.0.weight"])
    assert not torch.equal(*weights)
