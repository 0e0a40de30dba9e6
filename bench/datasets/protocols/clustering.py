"""Plain clustering, without any labels: train and test together unless the name says otherwise."""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, register_task


def _cluster(name: str, target: Part, k: int, summary: str, quick: int | None = None) -> None:
    limits = {"target": quick} if quick else {}
    register_task(TaskSpec(name, "cluster", summary, target, k, quick=limits))


_cluster("digits/cluster", Part("digits"), 10, "all 1,797 digits")
_cluster("mnist/cluster", Part("mnist"), 10, "train and test, 70,000 images")
_cluster("mnist/train", Part("mnist", "train"), 10, "train, 60,000 images", 10_000)
_cluster("usps/cluster", Part("usps"), 10, "train and test, 9,298 images")
_cluster("cifar10/cluster", Part("cifar10"), 10, "train and test, 60,000 images", 5000)
_cluster(
    "cifar100-20/cluster",
    Part("cifar100", label="coarse"),
    20,
    "the 20 groups, train and test, 60,000 images",
    5000,
)
_cluster(
    "cifar100-20/test",
    Part("cifar100", "test", label="coarse"),
    20,
    "the 20 groups, test, 10,000 images",
    5000,
)
_cluster("svhn/test", Part("svhn", "test"), 10, "test, 26,032 images", 5000)
