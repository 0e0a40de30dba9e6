"""Made-up characters to cluster and to learn pairs from, for the tests of `methods/ccn.py`."""

from typing import Any

import numpy as np
from fake_run import FakeRun

from bench import registry
from bench.tasks import ClusterTask, Images, Ints, Labelled, Prediction, SimilarityTask

PLAIN: dict[str, Any] = {"widths": (8, 16), "epochs": 12, "milestones": (9,)}
G: dict[str, Any] = {**PLAIN, "classes_per_batch": 8, "images_per_class": 4, "size": 8}
LONG: dict[str, Any] = {"epochs": 40, "milestones": (30,), "batch_size": 15, "learning_rate": 1e-2}


def characters(classes: int, each: int, seed: int) -> tuple[Images, Ints]:
    """Dark strokes on bright paper, 12 by 12, each image a shifted and noisy copy of its class."""
    rng = np.random.default_rng(seed)
    drawn = np.kron(rng.random((classes, 5, 5)) < 0.4, np.ones((2, 2)))
    images = np.full((classes * each, 12, 12, 1), 230.0)
    for row in range(len(images)):
        top, left = rng.integers(0, 3, 2)
        images[row, top : top + 10, left : left + 10, 0] -= 200 * drawn[row // each]
    images += rng.normal(0, 8, images.shape)
    return images.clip(0, 255).astype(np.uint8), np.repeat(np.arange(classes), each)


def similarity_task(classes: int = 40, each: int = 8) -> SimilarityTask:
    images, labels = characters(classes, each, seed=0)
    target, _ = characters(3, 10, seed=1)
    queries = np.array([(0, 1), (1, 0), (0, 25), (7, 7)])
    return SimilarityTask("made/similarity", Labelled(images, labels, classes), target, queries)


def build(name: str, **params: Any) -> Any:
    """A method with all that is its own."""
    return registry.get(name).build(params)


def cluster_task() -> ClusterTask:
    return ClusterTask("made/cluster", characters(3, 10, seed=1)[0], 3)


def cluster(
    name: str, task: ClusterTask, needed: Prediction, run: FakeRun | None = None, **params: Any
) -> Ints:
    run = run or FakeRun()
    run.needs["similarity"] = needed
    found: Ints = build(name, **{**PLAIN, "hidden": 16, **params}).fit(task, run).assignments
    return found
