"""Representation learning: a pair of tasks, one to learn a network, one to probe it.

Data sets that serve others as white sheep (TSP) have no probe: nobody asks for their classes.
"""

from bench.datasets.parts import Part
from bench.datasets.tasks import TaskSpec, register_task


def _represent(dataset: str, train: Part, test: Part, quick: int | None = None) -> None:
    """Learn from the train images, probe on the test images."""
    limits = {"target": quick} if quick else {}
    represent, probe = f"{dataset}/represent", f"{dataset}/probe"
    summary = "learn a network from unlabelled train images"
    register_task(
        TaskSpec(represent, "represent", summary, train, 10, quick=limits, related={"probe": probe})
    )
    summary = "classify test images on top of that network, given the train labels"
    limits = {"train": quick, "target": 2000} if quick else {}
    register_task(
        TaskSpec(
            probe,
            "probe",
            summary,
            test,
            10,
            train=train,
            quick=limits,
            related={"represent": represent},
        )
    )


_represent("digits", Part("digits", half=0), Part("digits", half=1))
_represent("mnist", Part("mnist", "train"), Part("mnist", "test"), 10_000)
_represent("cifar10", Part("cifar10", "train"), Part("cifar10", "test"), 5000)
_represent("usps", Part("usps", "train"), Part("usps", "test"))


def _white_sheep(name: str, target: Part, classes: int, summary: str, quick: int) -> None:
    limits = {"target": quick} if quick else {}
    register_task(
        TaskSpec(f"{name}/represent", "represent", summary, target, classes, quick=limits)
    )


_white_sheep(
    "omniglot-background",
    Part("omniglot", "background"),
    964,
    "learn a network from unlabelled letters of the background alphabets",
    10_000,
)
_white_sheep(
    "sample-photos",
    Part("sample-photos"),
    2,
    "learn a network from patches of scikit-learn's two photographs",
    0,
)
