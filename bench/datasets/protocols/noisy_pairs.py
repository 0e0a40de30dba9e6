"""Clustering from noisy answers about pairs of images (CCN figure 8, discovery figure 6)."""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, register_task

PERFECT = {"similar_recall": 1.0, "dissimilar_recall": 1.0, "density": 1.0}


def _pairs(dataset: str, split: str | None, quick: int | None = None) -> None:
    limits = {"target": quick} if quick else {}
    summary = "cluster from noisy answers about pairs of images"
    target = Part(dataset, split)
    register_task(
        TaskSpec(f"{dataset}/pairs", "pairs", summary, target, 10, quick=limits, setting=PERFECT)
    )


_pairs("digits", None)
_pairs("mnist", "train", 2000)
