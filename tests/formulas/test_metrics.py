"""Each score against a literal transcription, the golden outputs of released code, and by hand."""

import itertools
import math
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as reference

from bench.score import metric_names, metrics

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.npz"

# name -> labels, assignments, ACC, NMI, ARI, AMI: what scikit-learn returns for the last three
EDGES = {
    "one cluster": ([0, 0, 1, 1], [0, 0, 0, 0], 0.5, 0.0, 0.0, 0.0),
    "one class": ([0, 0, 0, 0], [0, 1, 1, 2], 0.5, 0.0, 0.0, 0.0),
    "one class, one cluster": ([0, 0, 0], [0, 0, 0], 1.0, 1.0, 1.0, 1.0),
    "one sample": ([3], [1], 1.0, 1.0, 1.0, 1.0),
    "singletons on both sides": ([0, 1, 2, 3], [3, 0, 1, 2], 1.0, 1.0, 1.0, 1.0),
    "singletons in one class": ([0, 0, 0, 0], [0, 1, 2, 3], 0.25, 0.0, 0.0, 0.0),
    "permuted": ([0, 0, 1, 1, 2], [1, 1, 2, 2, 0], 1.0, 1.0, 1.0, 1.0),
    "independent": ([0, 0, 1, 1], [0, 1, 0, 1], 0.5, 0.0, -0.5, -0.5),
}


def slow_accuracy(labels, assignments):
    """The best of all one-to-one maps, tried one after the other."""
    k = max(*labels, *assignments) + 1
    pairs = list(zip(labels, assignments, strict=True))
    return max(
        sum(label == match[cluster] for label, cluster in pairs) / len(pairs)
        for match in itertools.permutations(range(k))
    )


def slow_ari(labels, assignments):
    """Hubert & Arabie from the four kinds of pairs, pair by pair."""
    both = in_class = in_cluster = pairs = 0
    for i, j in itertools.combinations(range(len(labels)), 2):
        same_class, same_cluster = labels[i] == labels[j], assignments[i] == assignments[j]
        both += same_class and same_cluster
        in_class += same_class
        in_cluster += same_cluster
        pairs += 1
    expected = in_class * in_cluster / pairs
    return (both - expected) / ((in_class + in_cluster) / 2 - expected)


def slow_information(labels, assignments):
    """I, H of the labels and H of the assignments from counted shares."""
    n = len(labels)

    def share(*columns):
        rows = list(zip(*columns, strict=True))
        return {row: rows.count(row) / n for row in rows}

    joint, p, q = share(labels, assignments), share(labels), share(assignments)
    information = sum(v * math.log(v / (p[(a,)] * q[(b,)])) for (a, b), v in joint.items())
    return information, *(-sum(v * math.log(v) for v in d.values()) for d in (p, q))


def slow_ami(labels, assignments, average):
    """The expectation as a mean over all orders of the assignments."""
    information, h, h_clusters = slow_information(labels, assignments)
    orders = list(itertools.permutations(assignments))
    expected = sum(slow_information(labels, order)[0] for order in orders) / len(orders)
    normaliser = max(h, h_clusters) if average == "max" else (h + h_clusters) / 2
    return (information - expected) / (normaliser - expected)


@pytest.mark.parametrize("n_classes", [2, 4, 5])
@pytest.mark.parametrize("n_clusters", [2, 3, 6])
def test_scores_equal_their_literal_transcriptions(n_classes, n_clusters):
    rng = np.random.default_rng(100 * n_classes + n_clusters)
    for _ in range(3):
        labels = rng.permutation(np.arange(40) % n_classes).tolist()
        assignments = rng.permutation(np.arange(40) % n_clusters).tolist()
        table = metrics.contingency(labels, assignments)
        information, h, h_clusters = slow_information(labels, assignments)
        assert metrics.clustering_accuracy(table) == slow_accuracy(labels, assignments)
        assert metrics.ari(table) == pytest.approx(slow_ari(labels, assignments), abs=1e-13)
        geometric = information / math.sqrt(h * h_clusters)
        assert metrics.nmi(table, "sqrt") == pytest.approx(geometric, abs=1e-13)
        arithmetic = 2 * information / (h + h_clusters)
        assert metrics.nmi(table, "arithmetic") == pytest.approx(arithmetic, abs=1e-13)


@pytest.mark.parametrize("average", ["arithmetic", "max"])
def test_ami_equals_its_definition_over_all_orders(average):
    labels, assignments = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 1]
    table = metrics.contingency(labels, assignments)
    expected = slow_ami(labels, assignments, average)
    assert metrics.ami(table, average) == pytest.approx(expected, abs=1e-12)


def golden_cases():
    with np.load(GOLDEN, allow_pickle=False) as data:
        return [str(name) for name in data["case_names"]]


@pytest.mark.parametrize("case", golden_cases())
def test_scores_equal_released_code(case):
    with np.load(GOLDEN, allow_pickle=False) as data:
        want = {key: data[f"{case}_{key}"] for key in ("labels", "preds", "acc_dtc", "acc_l2c")}
        keys = ("nmi_geometric", "nmi_arithmetic", "ari", "ami_arithmetic", "ami_max")
        scores = [float(data[f"{case}_{key}"]) for key in keys]
        size, confusion = int(data[f"{case}_l2c_k"]), data[f"{case}_l2c_confusion"]
    table = metrics.contingency(want["labels"], want["preds"])
    got = metrics.cluster_scores(table, table.shape[1])
    assert got["ACC"] == pytest.approx(float(want["acc_dtc"]), abs=1e-12)
    assert got["ACC"] == pytest.approx(float(want["acc_l2c"]), abs=1e-12)
    names = ("NMI", "NMI-arithmetic", "ARI", "AMI", "AMI-max")
    assert [got[name] for name in names] == pytest.approx(scores, abs=1e-10)
    square = metrics.contingency(want["labels"], want["preds"], n_classes=size, n_clusters=size)
    np.testing.assert_array_equal(square, confusion)


@pytest.mark.parametrize("case", EDGES)
def test_edge_cases(case):
    labels, assignments, acc, nmi, ari, ami = EDGES[case]
    table = metrics.contingency(labels, assignments)
    got = metrics.cluster_scores(table, table.shape[1])
    assert got["ACC"] == acc
    assert [got["NMI"], got["NMI-arithmetic"]] == pytest.approx([nmi, nmi], abs=1e-12)
    assert got["ARI"] == pytest.approx(ari, abs=1e-12)
    assert [got["AMI"], got["AMI-max"]] == pytest.approx([ami, ami], abs=1e-12)
    assert got["ARI"] == pytest.approx(reference.adjusted_rand_score(labels, assignments))
    theirs = reference.adjusted_mutual_info_score(labels, assignments)
    assert got["AMI"] == pytest.approx(theirs, abs=1e-12)
    for name, average in (("NMI", "geometric"), ("NMI-arithmetic", "arithmetic")):
        theirs = reference.normalized_mutual_info_score(labels, assignments, average_method=average)
        assert got[name] == pytest.approx(theirs, abs=1e-12)


def test_scores_agree_with_scikit_learn_on_random_partitions():
    rng = np.random.default_rng(0)
    for n, n_classes, n_clusters in [(30, 3, 25), (500, 10, 100), (2000, 47, 7)]:
        labels, assignments = rng.integers(n_classes, size=n), rng.integers(n_clusters, size=n)
        got = metrics.cluster_scores(metrics.contingency(labels, assignments), n_clusters)
        for average, name in (("arithmetic", "AMI"), ("max", "AMI-max")):
            theirs = reference.adjusted_mutual_info_score(
                labels, assignments, average_method=average
            )
            assert got[name] == pytest.approx(theirs, abs=1e-10)
        theirs = reference.adjusted_rand_score(labels, assignments)
        assert got["ARI"] == pytest.approx(theirs, abs=1e-12)


def test_every_cluster_score_is_a_known_metric_and_a_plain_number():
    scores = metrics.cluster_scores(metrics.contingency([0, 1, 1], [0, 1, 0]), 2)
    assert set(scores) == {"ACC", "NMI", "NMI-arithmetic", "ARI", "AMI", "AMI-max", "NDC", "ADif"}
    assert set(scores) <= set(metric_names.METRICS)
    assert {type(value) for value in scores.values()} == {float}


def test_a_million_samples_neither_overflow_nor_take_long():
    labels = np.repeat(np.arange(10), 100_000)
    start = time.process_time()
    table = metrics.contingency(labels, (labels + 3) % 10)
    assert time.process_time() - start < 1.0
    assert metrics.ari(table) == 1.0
    half = metrics.contingency(labels, labels // 2)
    # ten classes in five pairs, by hand: the expected and the largest index in units of N²/2
    share, expected = 0.1, 0.1 * 0.2
    assert metrics.ari(half) == pytest.approx((share - expected) / (0.15 - expected), abs=1e-5)


def test_dominant_clusters_count_from_exactly_n_over_k():
    table = metrics.contingency([0] * 12, [0] * 3 + [1] * 4 + [2] * 5, n_clusters=4)
    assert metrics.ndc(table, 4) == 3  # N/K = 3: the first counts, the empty fourth does not
    assert metrics.ndc(table, 5) == 3
    assert metrics.ndc(metrics.contingency([0] * 12, [0] * 2 + [1] * 10), 4) == 1
    with pytest.raises(ValueError, match=r"has 4 clusters, 3 were declared"):
        metrics.ndc(table, 3)


def test_dominant_clusters_use_the_declared_number_even_if_the_last_are_empty():
    table = metrics.contingency([0, 0, 1, 1], [0, 0, 0, 1])
    assert metrics.ndc(table, 2) == 1
    assert metrics.ndc(table, 100) == 2


def test_adif_is_how_far_that_number_is_from_the_classes_that_occur():
    table = metrics.contingency([0] * 12, [0] * 3 + [1] * 4 + [2] * 5, n_classes=2, n_clusters=4)
    assert metrics.cluster_scores(table, 4)["ADif"] == 2  # three dominant clusters, one class
    fewer = metrics.contingency([0, 1, 2, 3], [0, 0, 0, 0])
    assert metrics.cluster_scores(fewer, 2)["ADif"] == 3


def test_matching_leaves_surplus_clusters_out_and_agrees_with_the_accuracy():
    table = np.array([[0, 5, 1, 0], [4, 0, 2, 0]])
    np.testing.assert_array_equal(metrics.matching(table), [1, 0, -1, -1])
    assert metrics.clustering_accuracy(table) == 9 / 12
    fewer = np.array([[0, 5], [4, 0], [1, 3]])
    np.testing.assert_array_equal(metrics.matching(fewer), [1, 0])
    assert metrics.matching(fewer).dtype == np.int64


def test_contingency_counts_and_keeps_declared_shape():
    table = metrics.contingency(np.array([0, 1, 1], np.uint8), [2, 0, 0], n_classes=3, n_clusters=4)
    np.testing.assert_array_equal(table, [[0, 0, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    assert table.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "assignments", "message"),
    [
        ([0, 1], [0], "2 labels but 1 assignments"),
        ([], [], r"labels have shape \(0,\)"),
        ([[0], [1]], [0, 1], r"labels have shape \(2, 1\)"),
        ([0, 1], [0.0, 1.0], "assignments are float64"),
        ([0, -1], [0, 1], "labels hold -1"),
        ([0, 1], [0, 2], r"assignments hold 2: .* 2 declared they must be 0\.\.1"),
    ],
)
def test_contingency_refuses_bad_input(labels, assignments, message):
    with pytest.raises(ValueError, match=message):
        metrics.contingency(labels, assignments, n_clusters=2)


def test_ids_that_are_no_cluster_numbers_are_refused_instead_of_filling_memory():
    with pytest.raises(ValueError, match=r"ids must be 0\.\.K-1"):
        metrics.contingency([0, 1], [0, 10**12])


def test_top_k_accuracy_by_hand():
    labels = [0, 1, 2, 3]
    ranked = [[0, 1], [0, 1], [0, 1], [3, 2]]
    assert metrics.accuracy(labels, [0, 0, 0, 3]) == 0.5
    assert metrics.top_k_accuracy(labels, ranked) == 0.75
    assert metrics.top_k_accuracy(labels, np.array(ranked)[:, :1]) == 0.5


@pytest.mark.parametrize("ranked", [[0, 1], [[0], [1], [2]], [[0.0], [1.0]], [[], []]])
def test_top_k_accuracy_refuses_other_shapes_and_types(ranked):
    with pytest.raises(ValueError, match=r"integers of \(2, k\) are needed"):
        metrics.top_k_accuracy([0, 1], ranked)


def test_pair_scores_equal_counting_one_by_one():
    rng = np.random.default_rng(1)
    similar, scores = rng.random(300) < 0.2, rng.random(300)
    got = metrics.pair_scores(similar, scores, threshold=0.6)
    called = [score > 0.6 for score in scores]
    tp = sum(t and c for t, c in zip(similar, called, strict=True))
    fp = sum(not t and c for t, c in zip(similar, called, strict=True))
    fn = sum(t and not c for t, c in zip(similar, called, strict=True))
    tn = 300 - tp - fp - fn
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    assert got == pytest.approx(
        {
            "similar precision": precision,
            "similar recall": recall,
            "dissimilar precision": tn / (tn + fn),
            "dissimilar recall": tn / (tn + fp),
            "similar F1": 2 * precision * recall / (precision + recall),
        }
    )
    assert set(got) <= set(metric_names.METRICS)


def test_undefined_pair_scores_are_left_out():
    nothing_similar = metrics.pair_scores(np.array([False, False]), [0.1, 0.5])
    assert nothing_similar == {"dissimilar precision": 1.0, "dissimilar recall": 1.0}
    all_called = metrics.pair_scores(np.array([True, False]), [0.9, 0.9])
    assert "dissimilar precision" not in all_called
    assert all_called["dissimilar recall"] == 0.0
    missed = metrics.pair_scores(np.array([True, False]), [0.1, 0.1])
    assert "similar precision" not in missed
    assert missed["similar F1"] == 0.0


@pytest.mark.parametrize(
    ("similar", "scores"),
    [
        (np.array([True]), [0.5, 0.5]),
        (np.array([1, 0]), [0.5, 0.5]),
        (np.array([True, False]), [0.5, np.nan]),
        (np.array([], dtype=bool), []),
    ],
)
def test_pair_scores_refuse_bad_input(similar, scores):
    with pytest.raises(ValueError, match=r"pairs but|must be bool, and every score finite"):
        metrics.pair_scores(similar, scores)


def test_names_of_metrics():
    for name in ("ACC", "NMI-arithmetic", "knn top-1", "linear conv5 top-5", "top-1", "fc6-8 mAP"):
        assert metric_names.is_metric(name)
    for name in ("acc", "knn", "knn top-2", " top-1", "NMI top-1 accuracy", " mAP"):
        assert not metric_names.is_metric(name)
    assert metric_names.METRICS["NDC"].higher_is_better is None
    plain = {n for n in metric_names.METRICS if not n.endswith((" low", " high"))}  # of intervals
    fractions = [metric_names.METRICS[n] for n in plain if not metric_names.is_count(n)]
    assert all(m.higher_is_better for m in fractions)
    assert metric_names.METRICS["ADif"].higher_is_better is False
