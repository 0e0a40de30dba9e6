"""Category discovery with a similarity of other classes (Hsu, Lv, Kira, 2016, table 2).

A network is trained on the target's train images; its test images are fed forward afterwards.
"""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, get_task, register_task


def _discovery(name: str, dataset: str, similarity: str) -> None:
    """A pair of tasks: cluster the train images, and feed the test images forward."""
    train, test, trained = f"{name}/discovery", f"{name}/fed-forward", get_task(similarity)
    register_task(
        TaskSpec(
            train,
            "cluster",
            f"{dataset} train, with the similarity of {similarity}",
            Part(dataset, "train"),
            10,
            auxiliary=trained.auxiliary,
            quick={"target": 10_000},
            related={"similarity": similarity},
        )
    )
    register_task(
        TaskSpec(
            test,
            "cluster",
            f"{dataset} test, by the network of {train}",
            Part(dataset, "test"),
            10,
            related={"trained": train},
        )
    )


_discovery("omniglot-mnist", "mnist", "omniglot/similarity")
_discovery("cifar100-cifar10", "cifar10", "cifar100-train-cifar10/similarity")
_discovery("cifar100-test-cifar10", "cifar10", "cifar100-test-cifar10/similarity")
