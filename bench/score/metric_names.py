"""The names of metrics in experiment files and records, and what they stand for."""

from __future__ import annotations

from math import inf
from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """What a metric's name in an experiment file stands for."""

    title: str
    higher_is_better: bool | None
    """None: neither direction is better by itself (a count that should be near the truth)."""
    counts: bool = False
    """A number of things, not a fraction in 0..1."""
    low: float = 0.0
    high: float = 1.0
    """Range of its values, both ends included."""
    top: int = 0
    """Guesses of a class that it counts as right; chance is then top / K. 0: chance is 0."""
    of: Literal["clusters", "classes", "pairs", "features", "network"] = "clusters"
    """What it scores; a network's is named by layer or probe: "linear conv5 top-1"."""


FEATURES = "label consistency"
"""The one metric of methods that serve others."""
NEAR = 3
"""So far the number of dominant clusters may be from that of classes, to count as near it."""
WITHIN = f"ADif within {NEAR}"
GAIN = "accuracy gain"
"""These two no cell has: `bench.score.derived` makes them of the cells of several."""
METRICS: dict[str, Metric] = {
    "ACC": Metric(
        "clustering accuracy, best one-to-one match of clusters and classes", True, top=1
    ),
    "NMI": Metric("normalised mutual information, geometric mean of the entropies", True),
    "NMI-arithmetic": Metric("normalised mutual information, arithmetic mean", True),
    "ARI": Metric("adjusted Rand index", True, low=-0.5),
    "AMI": Metric("adjusted mutual information, arithmetic mean of the entropies", True, low=-inf),
    "AMI-max": Metric("adjusted mutual information, larger of the entropies", True, low=-inf),
    "NDC": Metric(
        "number of dominant clusters, those of at least N/K samples", None, True, high=inf
    ),
    "ADif": Metric("difference of that number from the number of classes", False, True, high=inf),
    WITHIN: Metric(f"tasks whose ADif is {NEAR} at most", True, True, high=inf),
    "accuracy": Metric("classification accuracy", True, top=1, of="classes"),
    GAIN: Metric(
        "classification accuracy less that of another method", True, low=-1.0, of="classes"
    ),
    "top-1": Metric("classification accuracy", True, top=1, of="network"),
    "top-5": Metric("accuracy of the five classes ranked highest", True, top=5, of="network"),
    "mAP": Metric("mean over classes of VOC2007's average precision", True, of="network"),
    "mIU": Metric("mean over classes of intersection over union", True, of="network"),
    "similar precision": Metric("precision of the pairs called similar", True, of="pairs"),
    "similar recall": Metric("recall of the pairs of one class", True, of="pairs"),
    "dissimilar precision": Metric("precision of the pairs called dissimilar", True, of="pairs"),
    "dissimilar recall": Metric("recall of the pairs of two classes", True, of="pairs"),
    "N-way accuracy": Metric("share of queries whose exemplar scores highest", True, of="pairs"),
    FEATURES: Metric("nearest neighbours of one class, of features", True, of="features"),
    "similar F1": Metric("harmonic mean of similar precision and recall", True, of="pairs"),
}


SNAPSHOTS = ("ACC", "NMI", "lowest entropy", "mean entropy", "highest entropy")
"""What snapshots of assignments are scored by while a method trains (`bench.score.snapshots`)."""
NATS = frozenset(name for name in SNAPSHOTS if name.endswith("entropy"))
"""Those of them that are no fractions."""

METRICS |= {
    f"{kind} {ratio} {end}": Metric(
        f"{words} end of the 95 % interval of {kind} {ratio}", None, of="pairs"
    )
    for kind in ("similar", "dissimilar")
    for ratio in ("precision", "recall")
    for end, words in (("low", "lower"), ("high", "upper"))
}
"""Of pairs that were drawn apart, similar and dissimilar (`bench.score.strata`)."""


def is_metric(name: str) -> bool:
    """Whether `name` is in `METRICS` or says of what: "linear conv5 top-1", "fc6-8 mAP"."""
    of, _, last = name.rpartition(" ")
    return name in METRICS or (last in ("top-1", "top-5", "mAP") and of.strip() != "")


def metric(name: str) -> Metric | None:
    """What is known of a metric, also of one that says of what; None of a method's own curves."""
    return METRICS.get(name) or (METRICS[name.rpartition(" ")[2]] if is_metric(name) else None)


def in_range(name: str, value: float) -> bool:
    """Whether a metric can have this value; rounding may pass either end by 1e-9."""
    known = metric(name)
    return known is None or known.low - 1e-9 <= value <= known.high + 1e-9


def is_count(name: str) -> bool:
    """Whether a metric counts things; all others are fractions."""
    return name in METRICS and METRICS[name].counts
