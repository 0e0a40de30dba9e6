"""The tasks that come with the harness.

Splits follow the papers: transfer between classes takes the train split alone, for training and
for evaluation, as DTC and SUPREME do; plain clustering takes train and test together.
"""

from bench.datasets.parts import Part
from bench.datasets.tasks import TaskSpec, register_task

LOW, HIGH = tuple(range(5)), tuple(range(5, 10))
PAIRS = {"similar_recall": 1.0, "dissimilar_recall": 1.0, "density": 1.0}
SIMILARITY = {"n_pairs": 20_000}
BACKGROUND = Part("omniglot", "background")

# Evaluation alphabet -> its number of characters, the K of its task.
ALPHABETS = {
    "Angelic": 20,
    "Atemayar_Qelisayer": 26,
    "Atlantean": 26,
    "Aurek-Besh": 26,
    "Avesta": 26,
    "Ge_ez": 26,
    "Glagolitic": 45,
    "Gurmukhi": 45,
    "Kannada": 41,
    "Keble": 26,
    "Malayalam": 47,
    "Manipuri": 40,
    "Mongolian": 30,
    "Old_Church_Slavonic_(Cyrillic)": 45,
    "Oriya": 46,
    "Sylheti": 28,
    "Syriac_(Serto)": 23,
    "Tengwar": 25,
    "Tibetan": 42,
    "ULOG": 26,
}


def _cluster(name: str, target: Part, k: int, summary: str, quick: int | None = None) -> None:
    limits = {"target": quick} if quick else {}
    register_task(TaskSpec(name, "cluster", summary, target, k, quick=limits))


def _halves(
    dataset: str, split: str | None, source: int | None = None, target: int | None = None
) -> TaskSpec:
    """Transfer from the classes 0-4 to 5-9; the numbers are the quick preset's limits."""
    limits = {"source": source, "target": target}
    similarity = {"similarity": "digits/similarity"} if dataset == "digits" else {}
    return register_task(
        TaskSpec(
            f"{dataset}/transfer",
            "cluster",
            "classes 0-4 labelled, 5-9 to cluster",
            Part(dataset, split, {"label": HIGH}),
            5,
            source=Part(dataset, split, {"label": LOW}),
            quick={role: limit for role, limit in limits.items() if limit},
            related=similarity,
        )
    )


def _represent(dataset: str, train: Part, test: Part, quick: int | None = None) -> None:
    """A pair of tasks: learn from the train images, probe on the test images."""
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


def _pairs(dataset: str, split: str | None, quick: int | None = None) -> None:
    limits = {"target": quick} if quick else {}
    summary = "cluster from noisy answers about pairs of images"
    target = Part(dataset, split)
    register_task(
        TaskSpec(f"{dataset}/pairs", "pairs", summary, target, 10, quick=limits, setting=PAIRS)
    )


def _similarity(name: str, auxiliary: Part, target: Part, classes: int, summary: str) -> None:
    register_task(
        TaskSpec(
            name, "similarity", summary, target, classes, auxiliary=auxiliary, setting=SIMILARITY
        )
    )


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


_cluster("digits/cluster", Part("digits"), 10, "all 1,797 digits")
_halves("digits", None)
_similarity(
    "digits/similarity",
    Part("digits", where={"label": LOW}),
    Part("digits", where={"label": HIGH}),
    5,
    "a similarity learned on digits 0-4, asked about 5-9",
)
_represent("digits", Part("digits", half=0), Part("digits", half=1))
_pairs("digits", None)

_cluster("mnist/cluster", Part("mnist"), 10, "train and test, 70,000 images")
_cluster("mnist/train", Part("mnist", "train"), 10, "train, 60,000 images", 10_000)
_halves("mnist", "train", source=5000, target=2000)
_represent("mnist", Part("mnist", "train"), Part("mnist", "test"), 10_000)
_pairs("mnist", "train", 2000)

_cluster("usps/cluster", Part("usps"), 10, "train and test, 9,298 images")

for _alphabet, _characters in ALPHABETS.items():
    register_task(
        TaskSpec(
            f"omniglot/{_alphabet}",
            "cluster",
            f"the {_characters} characters of an evaluation alphabet, background auxiliary",
            Part("omniglot", "evaluation", {"alphabet": (_alphabet,)}),
            _characters,
            auxiliary=BACKGROUND,
            related={"similarity": "omniglot/similarity"},
        )
    )
_similarity(
    "omniglot/similarity",
    BACKGROUND,
    Part("omniglot", "evaluation"),
    659,
    "a similarity learned on the background alphabets, asked about the evaluation ones",
)

_cluster("cifar10/cluster", Part("cifar10"), 10, "train and test, 60,000 images", 5000)
_halves("cifar10", "train", source=5000, target=5000)
_represent("cifar10", Part("cifar10", "train"), Part("cifar10", "test"), 5000)

register_task(
    TaskSpec(
        "cifar100/transfer",
        "cluster",
        "classes 0-79 labelled, 90-99 to cluster",
        Part("cifar100", "train", {"label": tuple(range(90, 100))}),
        10,
        source=Part("cifar100", "train", {"label": tuple(range(80))}),
        quick={"source": 8000, "target": 2000},
    )
)
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
_halves("svhn", "train", source=5000, target=2000)

_adapt("mnist", "usps")
_adapt("usps", "mnist")
_adapt("svhn", "mnist", BACKGROUND)
