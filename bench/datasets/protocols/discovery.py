"""Category discovery with a similarity of other classes (Hsu, Lv, Kira, 2016, table 2).

A network is trained on the target's train images; its test images are fed forward afterwards.
"""

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, get_task, register_task


def discover(
    name: str,
    train: Part,
    test: Part,
    similarity: str,
    *,
    quick: int,
    said: tuple[str, str] = ("train images of ten classes", "test images"),
    auxiliary: Part | None = None,
) -> None:
    """A pair of tasks: cluster the train images, and feed the test images forward.

    Args:
        name: What both names begin with.
        train: Images of ten classes.
        test: Others of the same classes.
        similarity: The task of which a similarity is learned.
        quick: Train images of the quick preset.
        said: What summaries call the images.
        auxiliary: Labelled images that are handed over with the train images.
    """
    trained = f"{name}/discovery"
    register_task(
        TaskSpec(
            trained,
            "cluster",
            f"{said[0]}, with the similarity of {similarity}",
            train,
            10,
            auxiliary=auxiliary,
            quick={"target": quick},
            related={"similarity": similarity},
        )
    )
    register_task(
        TaskSpec(
            f"{name}/fed-forward",
            "cluster",
            f"{said[1]}, by the network of {trained}",
            test,
            10,
            related={"trained": trained},
        )
    )


for _name, _dataset, _similarity in (
    ("omniglot-mnist", "mnist", "omniglot/similarity"),
    ("cifar100-cifar10", "cifar10", "cifar100-train-cifar10/similarity"),
    ("cifar100-test-cifar10", "cifar10", "cifar100-test-cifar10/similarity"),
):
    discover(
        _name,
        Part(_dataset, "train"),
        Part(_dataset, "test"),
        _similarity,
        quick=10_000,
        said=(f"{_dataset} train", f"{_dataset} test"),
        auxiliary=get_task(_similarity).auxiliary,
    )
