"""A similarity learned on labelled classes, asked about pairs of images of others."""

from collections.abc import Mapping

from bench.datasets.parts import Part
from bench.datasets.protocols.transfer import HIGH, LOW
from bench.datasets.task_specs import TaskSpec, get_task, register_task

PAIRS = {"n_pairs": 20_000}
"""Random pairs that a similarity is asked about."""
STRATA = {"n_similar": 20_000, "n_dissimilar": 200_000}
"""Pairs drawn apart and weighted by the share that they are of all: of the 659 characters, 20,000
pairs drawn together hold some 30 similar ones."""
BACKGROUND = Part("omniglot", "background")


def learn(
    name: str,
    auxiliary: Part,
    target: Part,
    classes: int,
    summary: str,
    *,
    quick: Mapping[str, int] | None = None,
) -> None:
    """Learn a similarity of labelled images, and ask about random pairs of others."""
    register_task(
        TaskSpec(
            name,
            "similarity",
            summary,
            target,
            classes,
            auxiliary=auxiliary,
            quick=quick or {},
            setting=PAIRS,
        )
    )


def ask(
    similarity: str,
    name: str,
    target: Part,
    classes: int,
    *,
    summary: str,
    setting: Mapping[str, int],
) -> None:
    """Ask a similarity that was learned for another task, without further training."""
    register_task(
        TaskSpec(
            name,
            "similarity",
            f"{summary} of the similarity of {similarity}",
            target,
            classes,
            auxiliary=get_task(similarity).auxiliary,
            related={"similarity": similarity},
            setting=setting,
        )
    )


def _of(similarity: str, name: str, target: Part, classes: int, n_way: int = 0) -> None:
    """Ask about random pairs, or a query and an exemplar of each of N classes (CCN, table 7)."""
    summary = f"{n_way}-way test" if n_way else "random pairs"
    setting = {"n_way": n_way, "n_episodes": 1000} if n_way else PAIRS
    ask(similarity, name, target, classes, summary=summary, setting=setting)


learn(
    "digits/similarity",
    Part("digits", where={"label": LOW}),
    Part("digits", where={"label": HIGH}),
    5,
    "a similarity learned on digits 0-4, asked about 5-9",
)
_turned = get_task("digits/transfer-turned")
assert _turned.source is not None
learn(
    "digits/similarity-turned",
    _turned.source,
    _turned.target,
    5,
    "a similarity learned on digits 0-4 in 8 versions, asked about 5-9",
    quick={"auxiliary": 900},
)
for _dataset in ("cifar10", "cifar100", "mnist", "svhn"):
    _transfer = get_task(f"{_dataset}/transfer")
    assert _transfer.source is not None
    learn(
        f"{_dataset}/similarity",
        _transfer.source,
        _transfer.target,
        _transfer.n_clusters,
        f"a similarity learned on the labelled classes of {_transfer.name}",
        quick={"auxiliary": _transfer.quick["source"], "target": _transfer.quick["target"]},
    )
_of("digits/similarity", "digits/5-way", Part("digits", where={"label": HIGH}), 5, 5)

learn(
    "omniglot/similarity",
    BACKGROUND,
    Part("omniglot", "evaluation"),
    659,
    "a similarity learned on the background alphabets, asked about the evaluation ones",
)
for _n in (5, 20):
    _of("omniglot/similarity", f"omniglot/{_n}-way", Part("omniglot", "evaluation"), 659, _n)
_of("omniglot/similarity", "omniglot-mnist/pairs", Part("mnist", "test"), 10)
for _name, _target, _classes in (
    ("digits/weighted-pairs", Part("digits", where={"label": HIGH}), 5),
    ("omniglot/weighted-pairs", Part("omniglot", "evaluation"), 659),
    ("omniglot-mnist/weighted-pairs", Part("mnist", "test"), 10),
):
    _learned = "digits/similarity" if _name.startswith("digits") else "omniglot/similarity"
    ask(
        _learned,
        _name,
        _target,
        _classes,
        summary="similar and dissimilar pairs apart",
        setting=STRATA,
    )
_of("omniglot/similarity", "omniglot-mnist/10-way", Part("mnist", "test"), 10, 10)

for _split, _summary in (("train", ""), ("test", ", its test images in place of its train images")):
    learn(
        f"cifar100-{_split}-cifar10/similarity",
        Part("cifar100", _split),
        Part("cifar10", "test"),
        10,
        f"a similarity learned on CIFAR-100{_summary}, asked about CIFAR-10",
    )
