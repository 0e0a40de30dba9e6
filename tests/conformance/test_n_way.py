"""Tests of a similarity network on pairs that it was not trained for: N-way, and random ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from harness import run, write_experiment
from opinions import IMAGES, asked, untrained

from bench import registry
from bench.datasets import get_task, tasks
from bench.errors import BenchError
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.run.draws import draw_batches, draw_episodes, draw_pairs
from bench.score import metrics, scores
from bench.tasks import Labelled, Prediction, SimilarityTask, TaskInfo

# Episodes


def labels_of(sizes):
    """Classes of these many images, in random order."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(5).permutation(labels)


def test_episodes_have_distinct_classes_one_exemplar_each_and_another_image_as_query():
    labels = labels_of([2, 3, 5, 20, 2, 9])
    pairs = draw_episodes(labels, 4, 500, seed=0).reshape(500, 4, 2)
    for queries, exemplars in pairs.transpose(0, 2, 1):
        assert len(set(queries)) == 1
        assert len(set(labels[exemplars])) == 4
        assert (labels[exemplars] == labels[queries]).sum() == 1
        assert queries[0] not in exemplars


def test_episodes_draw_every_class_image_and_place_alike():
    labels, n = labels_of([4] * 6), 6000
    pairs = draw_episodes(labels, 3, n, seed=1).reshape(n, 3, 2)
    places = (labels[pairs[:, :, 0]] == labels[pairs[:, :, 1]]).argmax(axis=1)
    for counts, size in [
        (np.bincount(places, minlength=3), n),
        (np.bincount(labels[pairs[:, 0, 0]], minlength=6), n),
        (np.bincount(pairs[:, 0, 0], minlength=24), n),
        (np.bincount(pairs[:, :, 1].ravel(), minlength=24), 3 * n),
    ]:
        expected = size / len(counts)
        assert np.abs(counts - expected).max() < 5 * expected**0.5


def test_episodes_follow_their_seed_alone():
    labels = labels_of([5] * 8)
    one, again, other = (draw_episodes(labels, 5, 20, seed=s) for s in (3, 3, 4))
    assert one.dtype == np.int64
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_classes_of_a_single_image_are_passed_over():
    labels = labels_of([1, 2, 1, 2, 0, 1])
    pairs = draw_episodes(labels, 2, 50, seed=0)
    assert set(labels[pairs].ravel()) == {1, 3}


@pytest.mark.parametrize(("n_way", "most"), [(1, 3), (4, 3), (2, 1)])
def test_too_few_classes_for_an_episode_are_refused(n_way, most):
    labels = labels_of([2] * most + [1, 1])
    with pytest.raises(ValueError, match=rf"n_way = {n_way}: must lie in 2\.\.{most}, the number"):
        draw_episodes(labels, n_way, 10, seed=0)


# Their score


def test_the_accuracy_by_loops():
    rng = np.random.default_rng(0)
    similar, scores, hits = [], [], 0
    for _ in range(200):
        truth, found = rng.integers(5), rng.random(5)
        similar += [i == truth for i in range(5)]
        scores += found.tolist()
        hits += max(range(5), key=found.__getitem__) == truth
    assert metrics.n_way_accuracy(similar, scores, 5) == hits / 200


def test_exemplars_that_score_alike_share_the_hit():
    similar = [True, False, False, False, True, False]
    assert metrics.n_way_accuracy(similar, [1.0, 1.0, 0.0, 0.3, 0.3, 0.3], 3) == (1 / 2 + 1 / 3) / 2
    assert metrics.n_way_accuracy(similar, np.full(6, 0.5), 3) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("similar", "scores"),
    [([], []), ([True, True], [0.1, 0.2]), ([False, False], [0.1, 0.2]), ([True], [0.5])],
)
def test_episodes_that_are_none_have_no_accuracy(similar, scores):
    with pytest.raises(ValueError, match=r"one exemplar|reshape"):
        metrics.n_way_accuracy(similar, scores, 2)


def test_a_task_with_n_way_is_scored_by_it_and_by_nothing_else():
    labels, pairs = np.array([0, 0, 1, 2]), np.array([[0, 1], [0, 2], [0, 3]])
    prediction = Prediction(scores=np.array([0.2, 0.1, 0.0]))
    kind: dict[str, Any] = {"n_classes": 3, "pairs": pairs}
    found = scores.score("similarity", prediction, labels, setting={"n_way": 3}, **kind)
    assert found == {"N-way accuracy": 1.0}
    assert "N-way accuracy" not in scores.score(
        "similarity", prediction, labels, setting={}, **kind
    )


# The method


@pytest.fixture(scope="module")
def trained():
    return untrained()


def test_training_mode_answers_as_where_clusters_are_learned(trained):
    images = np.random.default_rng(0).integers(256, size=(9, 12, 12, 1), dtype=np.uint8)
    pairs = draw_batches(9, 4, 3, seed=0)
    shuffled = np.random.default_rng(1).permutation(12)
    pairs[12:24] = pairs[12:24][shuffled]  # in any order within a batch
    task = SimilarityTask("made/pairs", Labelled(images[:0], np.zeros(0, int), 0), images, pairs)
    method = registry.get("similarity-test").build({"batch": 4})
    found = method.fit(task, FakeRun(needs={"similarity": trained})).scores.reshape(3, 12)
    network, views = transferred.load(trained.architecture, trained.tensors)
    crops = FakeRun().generator("augment")
    network.train()
    for block, p in zip(pairs.reshape(3, 12, 2), found, strict=True):
        rows = np.unique(block)
        x = views.augmented(to_tensor(images[rows], "cpu"), crops)
        similar = transferred.label(network, x)
        place = {row: i for i, row in enumerate(rows)}
        held = [bool(similar[place[i], place[j]]) for i, j in block]
        assert held == (p > 0.5).tolist()
    assert 0 < (found > 0.5).mean() < 1


@pytest.mark.parametrize("pairs", [draw_batches(9, 4, 2, seed=0)[:-1], draw_pairs(9, 24, seed=0)])
def test_training_mode_refuses_pairs_that_are_no_batches(trained, pairs):
    images = np.zeros((9, 12, 12, 1), np.uint8)
    task = SimilarityTask("made/pairs", Labelled(images[:0], np.zeros(0, int), 0), images, pairs)
    method = registry.get("similarity-test").build({"batch": 4})
    with pytest.raises(ValueError, match="are not those of a batch of 4 images"):
        method.fit(task, FakeRun(needs={"similarity": trained}))


@pytest.mark.parametrize("params", [{"batch": 1}, {"batch": 4, "both_orders": True}])
def test_batches_of_one_image_and_of_two_orders_are_refused(params):
    with pytest.raises(BenchError, match=r"neither 0 nor at least 2|both_orders is for evaluation"):
        registry.get("similarity-test").build(params)


def test_both_orders_are_the_mean_of_the_two(trained):
    scores = asked(trained)
    assert np.abs(scores - scores.T).max() > 1e-3
    np.testing.assert_allclose(asked(trained, both_orders=True), (scores + scores.T) / 2, atol=1e-6)


def test_ink_is_as_where_the_similarity_was_learned_unless_it_is_said(trained):
    scores = asked(trained)
    assert np.array_equal(scores, asked(trained, invert=True))
    bright = asked(trained, invert=False)
    assert np.abs(scores - bright).max() > 1e-3
    network, views = transferred.load(trained.architecture, trained.tensors)
    plain = transferred.score(network, replace(views, invert=False), IMAGES, np.array([[2, 5]]))
    assert plain[0] == pytest.approx(bright[2, 5], abs=1e-6)


def test_only_the_images_of_the_pairs_are_looked_at(trained):
    network, views = transferred.load(trained.architecture, trained.tensors)
    images = np.random.default_rng(1).integers(256, size=(9, 12, 12, 1), dtype=np.uint8)
    seen = []
    network.trunk.register_forward_hook(lambda module, given, found: seen.append(len(found)))
    transferred.score(network, views, images, np.array([[7, 2], [2, 7], [7, 7]]))
    assert sum(seen) == 2


@pytest.mark.parametrize("name", ["similarity-test", "ccn", "mcl", "discovery"])
def test_rows_may_share_the_similarity_of_one_seed(name):
    info = TaskInfo("made", "similarity", False, True, {"similarity": "made/similarity"})
    for seed in (None, 0, 3):
        need = registry.get(name).build({"similarity_seed": seed}).needs(info)["similarity"]
        assert (need.method, need.task, need.seed) == ("similarity", "made/similarity", seed)


def test_a_task_without_a_similarity_is_refused():
    with pytest.raises(ValueError, match="made names no similarity task to take a network from"):
        registry.get("similarity-test").build({}).needs(
            TaskInfo("made", "similarity", False, True, {})
        )


# Other trunks


DESCRIBED = '{"name": "convnet", "widths": [4, 6]}'


def test_any_network_of_the_registry_can_be_the_trunk():
    architecture = transferred.describe(3, (64,), Views(size=10), trunk=DESCRIBED)
    network: Any
    network, views = transferred.build(architecture, seed=1)
    again, _ = transferred.build(architecture, seed=1)
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True)
    )
    x = torch.rand(5, 3, views.size, views.size)
    assert network(x).shape == (5, 5, 2)
    assert network.head.hidden.in_features == 2 * 24
    network(x).sum().backward()
    assert network.trunk.network.convs[0][0].weight.grad.abs().sum() > 0
    loaded, _ = transferred.load(architecture, network.state_dict())
    assert torch.equal(loaded.eval()(x), network.eval()(x))


def test_a_description_may_leave_the_widths_to_the_network():
    plain = transferred.describe(1, (64,), Views(), trunk="convnet")
    network, _ = transferred.build(plain)
    assert network.head.hidden.in_features == 2 * 512


@pytest.mark.parametrize("name", ["similarity", "kcl"])
def test_a_trunk_that_nobody_knows_is_refused_before_the_run(name):
    for bad, said in [
        ("convent", "unknown network 'convent': did you mean 'convnet'"),
        ('{"widths": [4]}', "is not JSON such as"),
        ('{"name": "convnet"', "is not JSON such as"),
    ]:
        with pytest.raises(Exception, match=said):
            registry.get(name).build({"network": bad})


# The tasks


def test_every_test_of_a_similarity_names_one_that_was_learned_on_the_same_classes():
    found = [t for t in tasks().values() if t.kind == "similarity" and t.related]
    assert len(found) >= 5
    for task in found:
        learned = get_task(task.related["similarity"])
        assert learned.auxiliary == task.auxiliary
        assert not learned.related or task.name.startswith("tiny/")


def test_the_harness_draws_scores_and_needs(tmp_path, forkserver):
    """Real digits 5 to 9, five ways: pixels alone do far better than the chance of one in five."""
    rows = [{"method": "pixel-likeness"}]
    toml = write_experiment(tmp_path / "x.toml", "digits/5-way", rows, metric="N-way accuracy", n=2)
    values = {r.metrics["N-way accuracy"] for r in run(toml, tmp_path).records.values()}
    assert len(values) == 2
    assert all(0.6 < value < 1 for value in values)


def test_more_ways_than_classes_end_that_cell_alone(tmp_path, forkserver, capsys):
    toml = write_experiment(
        tmp_path / "x.toml",
        "digits/5-way",
        [{"method": "pixel-likeness"}, {"label": "six", "method": "pixel-likeness"}],
        metric="N-way accuracy",
    )
    toml.write_text(toml.read_text() + "setting = { n_way = 6 }\n")
    results, said = run(toml, tmp_path), capsys.readouterr().out
    assert sorted(results.states.values()) == ["done", "missing"]  # it is looked at anew next time
    assert "unavailable pixel-likeness digits/5-way n_way=6 seed 0: digits/5-way: n_way = 6" in said
    assert "n_way = 6: must lie in 2..5, the number of" in said


def test_a_pair_needs_two_images():
    with pytest.raises(ValueError, match="a pair needs two images, and the target has 1"):
        draw_pairs(1, 5, seed=0)
    assert sorted(set(map(tuple, draw_pairs(2, 50, seed=0).tolist()))) == [(0, 1), (1, 0)]
