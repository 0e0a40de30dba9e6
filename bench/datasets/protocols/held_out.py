"""Cluster the train images and apply what was learned to the test images, as SCAN does (TSP).

TSP does not say on which images it trains and reports; SCAN and NNM, whose numbers it sets beside
its own, do it like this.
"""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, register_task


def _held_out(name: str, dataset: str, k: int, label: str = "label") -> None:
    train, test = f"{name}/train", f"{name}/held-out"
    for task, split, summary, related in (
        (train, "train", "train images", {}),
        (test, "test", f"test images, by what was trained on {train}", {"trained": train}),
    ):
        part = Part(dataset, split, label=label)
        limits = {"target": 5000}
        register_task(TaskSpec(task, "cluster", summary, part, k, quick=limits, related=related))


_held_out("cifar10", "cifar10", 10)
_held_out("cifar100-20", "cifar100", 20, "coarse")
_held_out("stl10", "stl10", 10)
