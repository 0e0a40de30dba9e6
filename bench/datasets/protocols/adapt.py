"""Adaptation between domains: one labelled, the other to classify into the same classes."""

from bench.datasets.parts import Part
from bench.datasets.protocols.similarity import BACKGROUND
from bench.datasets.tasks import TaskSpec, register_task


def _adapt(source: str, target: str, auxiliary: Part | None = None) -> None:
    """Both domains by their train splits; the target's images are the ones classified."""
    register_task(
        TaskSpec(
            f"{source}-{target}/adapt",
            "adapt",
            f"{source} labelled, {target} to classify",
            Part(target, "train"),
            10,
            source=Part(source, "train"),
            auxiliary=auxiliary,
            quick={"source": 5000, "target": 2000},
        )
    )


_adapt("mnist", "usps")
_adapt("usps", "mnist")
_adapt("svhn", "mnist", BACKGROUND)
