"""Scores of a prediction against the hidden labels; all values but NDC and ADif are fractions.

A clustering is scored from one contingency table, classes by clusters. Entropies are in nats.
Where a score is a matter of convention (a single cluster, a single class, a single sample) the
value is scikit-learn's.
"""

from __future__ import annotations

from math import comb, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Table = npt.NDArray[np.int64]
"""Contingency table, (classes, clusters): numbers of samples."""

MAX_TABLE_ENTRIES = 10**8
"""A larger contingency table means that the ids are not 0..K-1."""


def contingency(
    labels: npt.ArrayLike,
    assignments: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    n_clusters: int | None = None,
) -> Table:
    """Count the samples of each class in each cluster.

    Args:
        labels: Integers, (N,), values 0..n_classes-1.
        assignments: Integers, (N,), values 0..n_clusters-1.
        n_classes: Number of rows; the largest label + 1 where not given.
        n_clusters: Number of columns; the largest assignment + 1 where not given.

    Returns:
        int64, (n_classes, n_clusters); it sums to N.

    Raises:
        ValueError: no samples, different lengths, no integers, or an id out of range.
    """
    rows = _ids(labels, "labels", n_classes)
    columns = _ids(assignments, "assignments", n_clusters)
    if len(rows) != len(columns):
        raise ValueError(f"{len(rows)} labels but {len(columns)} assignments: one each is needed")
    height = int(rows.max()) + 1 if n_classes is None else n_classes
    width = int(columns.max()) + 1 if n_clusters is None else n_clusters
    if height * width > MAX_TABLE_ENTRIES:
        raise ValueError(f"{height} classes x {width} clusters are too many: ids must be 0..K-1")
    counts = np.bincount(rows * width + columns, minlength=height * width)
    return counts.reshape(height, width).astype(np.int64, copy=False)


def _ids(values: npt.ArrayLike, what: str, limit: int | None) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{what} have shape {array.shape}: one integer a sample is needed, (N,)")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{what} are {array.dtype}: integers are needed")
    low, high = int(array.min()), int(array.max())
    if low < 0:
        raise ValueError(f"{what} hold {low}: they must be 0 or more")
    if limit is not None and high >= limit:
        raise ValueError(f"{what} hold {high}: with {limit} declared they must be 0..{limit - 1}")
    return array.astype(np.int64, copy=False)


def matching(table: Table) -> npt.NDArray[np.int64]:
    """Match clusters to classes one to one so that the most samples agree (Hungarian method).

    Returns:
        int64, (clusters,): the class of each cluster; -1 for the clusters that are left over
        where there are more clusters than classes.
    """
    classes, clusters = linear_sum_assignment(table, maximize=True)
    match = np.full(table.shape[1], -1, dtype=np.int64)
    match[clusters] = classes
    return match


def clustering_accuracy(table: Table) -> float:
    """ACC: the share of samples in the cluster matched to their class, in 0..1.

    Samples of clusters left unmatched are errors, as in a square table padded with zeros.
    """
    classes, clusters = linear_sum_assignment(table, maximize=True)
    return int(table[classes, clusters].sum()) / _total(table)


def nmi(table: Table, average: Literal["sqrt", "arithmetic"] = "sqrt") -> float:
    """Mutual information over a mean of the two entropies, in 0..1.

    "sqrt" is I / sqrt(H H') (Strehl & Ghosh 2002; discovery, eq. 8), used by CCN and SUPREME
    too; "arithmetic" is 2 I / (H + H'), used by SCAN and TSP.
    """
    if _same_partition(table):
        return 1.0
    information, *entropies = _information(table)
    return max(information, 0.0) / _average(entropies, average) if all(entropies) else 0.0


def ami(
    table: Table,
    average: Literal["arithmetic", "max"] = "arithmetic",
    *,
    expected: float | None = None,
) -> float:
    """Mutual information adjusted for chance (Vinh, Epps & Bailey 2010), at most 1.

    A random clustering scores 0 on average. The normaliser is the mean or the larger of the two
    entropies; `expected` spares the computation of the expected information (nats) if known.
    """
    if _same_partition(table):
        return 1.0
    information, *entropies = _information(table)
    if not all(entropies):
        return 0.0
    if expected is None:
        expected = _expected_information(table)
    return (information - expected) / (_average(entropies, average) - expected)


def ari(table: Table) -> float:
    """Adjusted Rand index (Hubert & Arabie 1985), in -0.5..1: 0 for chance, 1 for the classes."""
    if _same_partition(table):
        return 1.0
    together, in_classes = _pairs(table), _pairs(table.sum(axis=1))
    in_clusters, pairs = _pairs(table.sum(axis=0)), comb(_total(table), 2)
    expected = in_classes * in_clusters  # times `pairs`: whole numbers of any size, no rounding
    return 2 * (pairs * together - expected) / (pairs * (in_classes + in_clusters) - 2 * expected)


def ndc(table: Table, n_clusters: int) -> int:
    """Number of dominant clusters (CCN, section 5.1.2): those that hold at least N/K samples.

    K is the declared `n_clusters`, empty clusters included.

    Raises:
        ValueError: the table has more clusters than were declared.
    """
    if table.shape[1] > n_clusters:
        raise ValueError(f"the table has {table.shape[1]} clusters, {n_clusters} were declared")
    sizes = table.sum(axis=0)
    return int(np.count_nonzero(sizes * n_clusters >= _total(table)))


def cluster_scores(table: Table, n_clusters: int) -> dict[str, float]:
    """All scores of a clustering by their names in `METRICS`; `n_clusters` as for `ndc`."""
    expected, dominant = _expected_information(table), ndc(table, n_clusters)
    return {
        "ACC": clustering_accuracy(table),
        "NMI": nmi(table, "sqrt"),
        "NMI-arithmetic": nmi(table, "arithmetic"),
        "ARI": ari(table),
        "AMI": ami(table, "arithmetic", expected=expected),
        "AMI-max": ami(table, "max", expected=expected),
        "NDC": float(dominant),
        "ADif": float(abs(dominant - table.any(axis=1).sum())),
    }


def accuracy(labels: npt.ArrayLike, classes: npt.ArrayLike) -> float:
    """The share of samples whose predicted class is their label; integers, (N,) both."""
    return top_k_accuracy(labels, _ids(classes, "classes", None)[:, None])


def top_k_accuracy(labels: npt.ArrayLike, ranked: npt.ArrayLike) -> float:
    """The share of samples whose label is among their k predicted classes.

    `labels` are integers, (N,); `ranked` integers, (N, k): the k classes held most likely.

    Raises:
        ValueError: no samples, different lengths or no integers.
    """
    truth, guesses = _ids(labels, "labels", None), np.asarray(ranked)
    fits = guesses.ndim == 2 and guesses.size > 0 and len(guesses) == len(truth)
    if not fits or guesses.dtype.kind not in "iu":
        got = f"{guesses.dtype} of shape {guesses.shape}"
        raise ValueError(f"ranked classes are {got}: integers of ({len(truth)}, k) are needed")
    return int((guesses == truth[:, None]).any(axis=1).sum()) / len(truth)


def pair_scores(
    similar: npt.ArrayLike, scores: npt.ArrayLike, threshold: float = 0.5
) -> dict[str, float]:
    """Precision and recall of calling pairs similar or dissimilar.

    Args:
        similar: bool, (P,): whether the two truly share a class.
        scores: Floats, (P,): the predicted probability that they do.
        threshold: A score above it calls the pair similar; an equal one does not, as with the
            argmax of two equal logits, "dissimilar" first.

    Returns:
        By their names in `METRICS`. One that is undefined is left out: a recall where the truth
        has no such pair, a precision where the prediction has none, F1 where neither has one.

    Raises:
        ValueError: no pairs, different lengths, `similar` not bool or scores not finite.
    """
    truth, values = np.asarray(similar), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.size == 0 or truth.shape != values.shape:
        raise ValueError(f"{truth.shape} pairs but {values.shape} scores: (P,) each is needed")
    if truth.dtype.kind != "b" or not np.isfinite(values).all():
        raise ValueError(f"similar ({truth.dtype}) must be bool, and every score finite")
    called = values > threshold
    hits, rejections = np.count_nonzero(truth & called), np.count_nonzero(~truth & ~called)
    n_true, n_called, n_pairs = np.count_nonzero(truth), np.count_nonzero(called), len(truth)
    ratios = {
        "similar precision": (hits, n_called),
        "similar recall": (hits, n_true),
        "dissimilar precision": (rejections, n_pairs - n_called),
        "dissimilar recall": (rejections, n_pairs - n_true),
        "similar F1": (2 * hits, n_true + n_called),
    }
    return {name: part / whole for name, (part, whole) in ratios.items() if whole}


def n_way_accuracy(similar: npt.ArrayLike, scores: npt.ArrayLike, n_way: int) -> float:
    """The share of episodes in which the query's own exemplar scores highest.

    Args:
        similar: bool, (episodes * n_way,): whether this exemplar is of the query's class.
        scores: Floats, the same shape: the raw probability that the two are similar.
        n_way: Exemplars of an episode. Where several score alike, they share the hit.

    Raises:
        ValueError: other lengths, or an episode without exactly one exemplar of the query's class.
    """
    truth = np.asarray(similar, dtype=bool).reshape(-1, n_way)
    values = np.asarray(scores, dtype=np.float64).reshape(truth.shape)
    if not len(truth) or not (truth.sum(axis=1) == 1).all():
        raise ValueError("each episode needs one exemplar of the query's class, no less, no more")
    highest = values == values.max(axis=1, keepdims=True)
    return float((highest & truth).sum(axis=1) @ (1 / highest.sum(axis=1))) / len(truth)


def _total(table: Table) -> int:
    total = int(table.sum())
    if total == 0:
        raise ValueError("the contingency table is empty: there is no sample to score")
    return total


def _pairs(counts: Table) -> int:
    """Pairs of samples within groups of these sizes."""
    return int((counts * (counts - 1) // 2).sum())


def _same_partition(table: Table) -> bool:
    """Whether clusters and classes are the same groups; also when each has one group only."""
    filled = table > 0
    return bool((filled.sum(axis=0) <= 1).all() and (filled.sum(axis=1) <= 1).all())


def _information(table: Table) -> tuple[float, float, float]:
    """Mutual information, entropy of the classes and entropy of the clusters, in nats."""
    joint = table / _total(table)
    by_class, by_cluster = joint.sum(axis=1), joint.sum(axis=0)
    rows, columns = np.nonzero(table)
    p = joint[rows, columns]
    ratio = np.log(p) - np.log(by_class[rows]) - np.log(by_cluster[columns])
    return float((p * ratio).sum()), _entropy(by_class), _entropy(by_cluster)


def _entropy(p: npt.NDArray[np.float64]) -> float:
    p = p[p > 0]
    # One group has entropy 0 exactly; its summed share may be off 1 by rounding.
    return 0.0 if len(p) == 1 else float(-(p * np.log(p)).sum())


def _expected_information(table: Table) -> float:
    """Mean over all tables with these margins, in nats."""
    from sklearn.metrics.cluster import expected_mutual_information  # seconds to import

    # Empty classes and clusters add nothing, but scikit-learn takes the logarithm of their size.
    filled = table[table.any(axis=1)][:, table.any(axis=0)]
    return float(expected_mutual_information(filled, _total(table)))


def _average(entropies: list[float], average: Literal["sqrt", "arithmetic", "max"]) -> float:
    if average == "sqrt":
        return sqrt(entropies[0] * entropies[1])
    return max(entropies) if average == "max" else sum(entropies) / 2
