"""Adaptation between domains: one labelled, the other to classify into the same classes."""

from bench.datasets.parts import Part
from bench.datasets.protocols.pair_queries import BACKGROUND
from bench.datasets.task_specs import TaskSpec, register_task


def _adapt(name: str, source: Part, target: str, summary: str) -> None:
    """The target's train images are the ones learned from, unlabelled, and the ones classified."""
    register_task(
        TaskSpec(
            f"{name}/adapt",
            "adapt",
            summary,
            Part(target, "train"),
            10,
            source=source,
            auxiliary=BACKGROUND,
            quick={"source": 5000, "target": 2000},
            related={"similarity": "omniglot/similarity"},
        )
    )


def _trains(source: str, target: str) -> None:
    summary = f"{source} labelled, {target} to classify"
    _adapt(f"{source}-{target}", Part(source, "train"), target, summary)


_trains("mnist", "usps")
_trains("usps", "mnist")
_trains("svhn", "mnist")
_adapt(
    "svhn-test-mnist",
    Part("svhn", "test"),
    "mnist",
    "svhn labelled, its test images in place of its train images, mnist to classify",
)
