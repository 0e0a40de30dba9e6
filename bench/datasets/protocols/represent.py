"""Representation learning: a task to learn a network, and one to probe it.

The unbalanced tasks are those of SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020, section 4.5): "light"
lacks half of the last class, CIFAR-10's trucks; "heavy" a tenth of one class, two tenths of the
next, and so on. Ten classes and nine such steps leave one class whole: our reading takes the first,
so that class c lacks c tenths. Their networks are probed on the whole, balanced data set.

Places205 has a probe alone: what networks learned on ImageNet are worth on scenes (SeLa, table 9,
after Zhang, Isola, Efros, "Split-brain autoencoders", CVPR 2017).

VOC2007 has fine-tuning alone: what they are worth for telling which of twenty kinds of objects a
photograph holds, trained on trainval and scored on test (SeLa, table 7, classification).

Data sets that serve others as white sheep (TSP) have no probe: nobody asks for their classes.
"""

from collections.abc import Mapping

from bench.datasets.parts import Part
from bench.datasets.task_specs import TaskSpec, register_task
from bench.datasets.voc07 import CLASSES

LIGHT = {9: 0.5}
HEAVY = {label: (10 - label) / 10 for label in range(1, 10)}


def _represent(
    dataset: str, train: Part, test: Part, n_classes: int = 10, quick: int | None = None
) -> None:
    """Learn from the train images, probe on the test images."""
    _learn(f"{dataset}/represent", train, f"{dataset}/probe", n_classes, quick)
    _probe(f"{dataset}/probe", train, test, n_classes, quick)


def _learn(name: str, train: Part, probe: str, n_classes: int, quick: int | None) -> None:
    limits = {"target": quick} if quick else {}
    summary = "learn a network from unlabelled train images"
    summary += ", classes unbalanced" if train.keep else ""
    register_task(
        TaskSpec(
            name, "represent", summary, train, n_classes, quick=limits, related={"probe": probe}
        )
    )


def _probe(name: str, train: Part, test: Part, n_classes: int, quick: int | None) -> None:
    limits = {"train": quick, "target": 2000} if quick else {}
    summary = "classify test images on top of a network, given the train labels"
    register_task(TaskSpec(name, "probe", summary, test, n_classes, train=train, quick=limits))


def _unbalanced(dataset: str, quick: int) -> None:
    shares: dict[str, Mapping[int, float]] = {"light": LIGHT, "heavy": HEAVY}
    for name, keep in shares.items():
        train = Part(dataset, "train", keep=keep)
        _learn(f"{dataset}/represent-{name}", train, f"{dataset}/probe", 10, quick)


_represent("digits", Part("digits", half=0), Part("digits", half=1))
_represent("mnist", Part("mnist", "train"), Part("mnist", "test"), quick=2500)
_represent("cifar10", Part("cifar10", "train"), Part("cifar10", "test"), quick=5000)
_represent("cifar100", Part("cifar100", "train"), Part("cifar100", "test"), 100, quick=5000)
_represent("svhn", Part("svhn", "train"), Part("svhn", "test"), quick=5000)
_unbalanced("mnist", quick=2500)
_unbalanced("cifar10", quick=5000)
_represent("usps", Part("usps", "train"), Part("usps", "test"))
# Where CIFAR-100's train images are not at hand: one half of its test images against the other.
HALVES = [Part("cifar100", "test", half=half) for half in (0, 1)]
_probe("cifar100-test/probe", HALVES[0], HALVES[1], 100, quick=5000)
# Fewer to learn from than to probe with: the former are gone through far more often.
IMAGENET = Part("imagenet", "train")
_learn("imagenet/represent", IMAGENET, "imagenet/probe", 1000, quick=5000)
_probe("imagenet/probe", IMAGENET, Part("imagenet", "val"), 1000, quick=10_000)
_probe("places205/probe", Part("places205", "train"), Part("places205", "val"), 205, quick=10_000)
register_task(
    TaskSpec(
        "voc07/finetune",
        "finetune",
        "say which objects are in test photographs, by a network fine-tuned on trainval's labels",
        Part("voc07", "test", classes=CLASSES),
        len(CLASSES),
        train=Part("voc07", "trainval", classes=CLASSES),
        quick={"train": 1000, "target": 1000},
    )
)


def _white_sheep(name: str, target: Part, classes: int, summary: str, quick: int) -> None:
    limits = {"target": quick} if quick else {}
    register_task(
        TaskSpec(f"{name}/represent", "represent", summary, target, classes, quick=limits)
    )


_white_sheep(
    "mnist-train",
    Part("mnist", "train"),
    10,
    "learn a network from more unlabelled train images than mnist/represent has",
    10_000,
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
