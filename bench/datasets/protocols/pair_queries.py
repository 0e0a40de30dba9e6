"""A similarity learned on labelled classes, asked about pairs of images of others."""

from collections.abc import Mapping

from bench.datasets.parts import Part
from bench.datasets.protocols.transfer import HIGH, LOW
from bench.datasets.task_specs import TaskSpec, get_task, register_task

SETTING = {"n_pairs": 20_000}
BACKGROUND = Part("omniglot", "background")


def _similarity(
    name: str,
    auxiliary: Part,
    target: Part,
    classes: int,
    summary: str,
    *,
    quick: Mapping[str, int] | None = None,
) -> None:
    register_task(
        TaskSpec(
            name,
            "similarity",
            summary,
            target,
            classes,
            auxiliary=auxiliary,
            quick=quick or {},
            setting=SETTING,
        )
    )


def _of(similarity: str, name: str, target: Part, classes: int, n_way: int = 0) -> None:
    """Ask a similarity that was learned for another task, without further training.

    With `n_way` the pairs are a query and an exemplar of each of so many classes (CCN, table 7).
    """
    summary = f"{n_way}-way test" if n_way else "random pairs"
    register_task(
        TaskSpec(
            name,
            "similarity",
            f"{summary} of the similarity of {similarity}",
            target,
            classes,
            auxiliary=get_task(similarity).auxiliary,
            related={"similarity": similarity},
            setting={"n_way": n_way, "n_episodes": 1000} if n_way else SETTING,
        )
    )


_similarity(
    "digits/similarity",
    Part("digits", where={"label": LOW}),
    Part("digits", where={"label": HIGH}),
    5,
    "a similarity learned on digits 0-4, asked about 5-9",
)
for _dataset in ("cifar10", "cifar100", "mnist", "svhn"):
    _transfer = get_task(f"{_dataset}/transfer")
    assert _transfer.source is not None
    _similarity(
        f"{_dataset}/similarity",
        _transfer.source,
        _transfer.target,
        _transfer.n_clusters,
        f"a similarity learned on the labelled classes of {_transfer.name}",
        quick={"auxiliary": _transfer.quick["source"], "target": _transfer.quick["target"]},
    )
_of("digits/similarity", "digits/5-way", Part("digits", where={"label": HIGH}), 5, 5)

_similarity(
    "omniglot/similarity",
    BACKGROUND,
    Part("omniglot", "evaluation"),
    659,
    "a similarity learned on the background alphabets, asked about the evaluation ones",
)
for _n in (5, 20):
    _of("omniglot/similarity", f"omniglot/{_n}-way", Part("omniglot", "evaluation"), 659, _n)
_of("omniglot/similarity", "omniglot-mnist/pairs", Part("mnist", "test"), 10)
_of("omniglot/similarity", "omniglot-mnist/10-way", Part("mnist", "test"), 10, 10)

for _split, _summary in (("train", ""), ("test", ", its test images in place of its train images")):
    _similarity(
        f"cifar100-{_split}-cifar10/similarity",
        Part("cifar100", _split),
        Part("cifar10", "test"),
        10,
        f"a similarity learned on CIFAR-100{_summary}, asked about CIFAR-10",
    )
