"""How the digits' labelled classes are made more: the choice, on labelled classes alone.

python -m benchmarks.turned [--json]

The task `digits/transfer-turned` gives source digits in versions that are classes of their own. How
many was chosen here, where no image of the target takes part: of the source classes 0-4 two
neighbours (0 and 1, 1 and 2, … 4 and 0) are left out, the network is pretrained on the three others
as they are, in quarter turns, or in these and their mirror images, with the quick preset's
parameters and as many steps, and K-means groups the two in its features. Beside it the area under
the ROC curve of "the same class" by distance, and both on pixels. Means over the five pairs; the
last line is what the chosen form gains on none. A minute or two.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist
from sklearn.metrics import roc_auc_score

from bench import registry
from bench.datasets.dataset import get
from bench.datasets.turned import turned
from bench.nn import networks
from bench.nn.clustering.kmeans import kmeans
from bench.nn.images.flat import flattened
from bench.nn.networks.features import extract
from bench.score.metrics import clustering_accuracy, contingency
from bench.tasks import ClusterTask, Images, Ints, Labelled, Prediction
from benchmarks.alone import Alone
from benchmarks.measure import Target, arguments, report

SOURCE = 5
FORMS = {"as they are": (1, 24), "quarter turns": (4, 12), "turns, mirror images": (8, 12)}
"""Versions, and epochs on two versions of each image, or twice as many where there is one."""


def digits() -> tuple[Images, Ints]:
    """Images and labels of the source's classes, shuffled once."""
    dataset = get("digits")
    raw = dataset.sources[0].read(dataset, Path())
    rows = np.flatnonzero(raw.columns["label"] < SOURCE)
    rows = np.random.default_rng(0).permutation(rows)
    return raw.images[rows], raw.columns["label"][rows]


def measured(points: npt.NDArray[Any], labels: Ints, seed: int) -> tuple[float, float]:
    """Accuracy of K-means with K = 2, and area under the curve of pairs, in 0..1."""
    found, _ = kmeans(points.astype(np.float64), 2, seed, n_init=20)
    accuracy = clustering_accuracy(contingency(labels, found))
    same = pdist(labels[:, None].astype(float)) == 0
    return accuracy, float(roc_auc_score(same, -pdist(points)))


def fold(images: Images, labels: Ints, first: int) -> dict[str, tuple[float, float]]:
    """Form -> accuracy and area on two classes, the network having seen the three others."""
    out = np.isin(labels, (first, (first + 1) % SOURCE))
    theirs = images[out]
    result = {"pixels": measured(flattened(theirs), labels[out], first)}
    seen, own = np.unique(labels[~out], return_inverse=True)
    for form, (versions, epochs) in FORMS.items():
        shown, classes = turned(images[~out], own.astype(np.int64), seen.size, versions)
        most = 2 * len(own)
        source = Labelled(shown[:most], classes[:most], seen.size * versions)
        task = ClusterTask("digits/held-out", theirs, 2, source=source)
        info = registry.get("pretrain")
        milestones = (epochs * 2 // 3, epochs - 1)
        method = info.build(info.params("quick", {"epochs": epochs, "milestones": milestones}))
        trained: Prediction = method.fit(task, Alone(first, Prediction()))
        network = networks.load(trained.architecture, trained.tensors)
        result[form] = measured(extract(network, theirs).numpy(), labels[out], first)
    return result


def main() -> int:
    """Measure, print, judge."""
    given = arguments(__doc__).parse_args()
    registry.load([])
    images, labels = digits()
    folds = [fold(images, labels, first) for first in range(SOURCE)]
    rows, mean = [], {}
    for form in ("pixels", *FORMS):
        accuracy, area = 100 * np.array([one[form] for one in folds]).T
        mean[form] = float(accuracy.mean())
        each = {f"ACC {c}, {(c + 1) % SOURCE}": float(accuracy[c]) for c in range(SOURCE)}
        rows.append({"source": form, "ACC": mean[form], "area": float(area.mean()), **each})
    *_, chosen = FORMS
    gain = mean[chosen] - mean["as they are"]
    targets = [
        Target("gain of turns and mirror images", gain, 5.0, at_least=True),
        Target("on quarter turns", mean[chosen] - mean["quarter turns"], 0.0, at_least=True),
    ]
    return report("turned", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
