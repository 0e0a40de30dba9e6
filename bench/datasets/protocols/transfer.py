"""Transfer between classes of one data set, as DTC and SUPREME do it.

Some classes are labelled, others are to be clustered; both come from the train split, for training
and for evaluation.
"""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, register_task

LOW, HIGH = tuple(range(5)), tuple(range(5, 10))


def _halves(
    dataset: str, split: str | None, source: int | None = None, target: int | None = None
) -> TaskSpec:
    """Transfer from the classes 0-4 to 5-9; the numbers are the quick preset's limits."""
    limits = {"source": source, "target": target}
    return register_task(
        TaskSpec(
            f"{dataset}/transfer",
            "cluster",
            "classes 0-4 labelled, 5-9 to cluster",
            Part(dataset, split, {"label": HIGH}),
            5,
            source=Part(dataset, split, {"label": LOW}),
            quick={role: limit for role, limit in limits.items() if limit},
            related={"similarity": f"{dataset}/similarity"},
        )
    )


_halves("digits", None)
_halves("mnist", "train", source=5000, target=2000)
_halves("cifar10", "train", source=5000, target=5000)
_halves("svhn", "train", source=5000, target=2000)

register_task(
    TaskSpec(
        "cifar10/transfer-whole-source",
        "cluster",
        "classes 0-4 labelled, all of them in the quick preset too, 5-9 to cluster",
        Part("cifar10", "train", {"label": HIGH}),
        5,
        source=Part("cifar10", "train", {"label": LOW}),
        quick={"target": 5000},
        related={"similarity": "cifar10/similarity"},
    )
)

register_task(
    TaskSpec(
        "digits/transfer-turned",
        "cluster",
        "classes 0-4 labelled, in 8 versions with classes of their own, 5-9 to cluster",
        Part("digits", None, {"label": HIGH}),
        5,
        source=Part("digits", None, {"label": LOW}, versions=8),
        quick={"source": 1800},  # two versions of each image
        related={"similarity": "digits/similarity-turned"},
    )
)
register_task(
    TaskSpec(
        "cifar100/transfer",
        "cluster",
        "classes 0-79 labelled, 90-99 to cluster",
        Part("cifar100", "train", {"label": tuple(range(90, 100))}),
        10,
        source=Part("cifar100", "train", {"label": tuple(range(80))}),
        quick={"source": 8000, "target": 2000},
        related={"similarity": "cifar100/similarity"},
    )
)
