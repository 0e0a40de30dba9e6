"""Photographs of unseen classes, clustered by what 882 classes of ImageNet taught.

CCN section 5.1.3 (three subsets of 30 classes), the transfer split of DTC and SUPREME on the same
subsets, and the category discovery of 2016 (section 5.3 and appendix A): train images are
clustered, test images are fed forward.
"""

from bench.datasets.parts import Part
from bench.datasets.protocols.discovery import discover
from bench.datasets.protocols.pair_queries import PAIRS, learn
from bench.datasets.task_specs import TaskSpec, get_task, register_group, register_task

QUICK = 3000
QUICK_882 = 50_000


def _subset(letter: str) -> None:
    """30 classes: to cluster, with the 882 labelled or without, and pairs of them to judge."""
    target = Part("imagenet118", "train", {f"30_{letter}": ("yes",)})
    similarity, source = "imagenet/similarity", get_task("imagenet/similarity").auxiliary
    limits = {"target": QUICK}
    related = {"similarity": similarity}
    name, what = f"imagenet/30-{letter}", f"subset {letter} of 30 held-out classes"
    register_task(
        TaskSpec(name, "cluster", f"{what}, to cluster", target, 30, quick=limits, related=related)
    )
    register_task(
        TaskSpec(
            f"imagenet/transfer-{letter}",
            "cluster",
            f"{what}, to cluster, 882 labelled",
            target,
            30,
            source=source,
            quick={"source": QUICK_882, **limits},
            related=related,
        )
    )
    register_task(
        TaskSpec(
            f"imagenet/pairs-{letter}",
            "similarity",
            f"{what}: random pairs of the similarity of {similarity}",
            target,
            30,
            auxiliary=source,
            quick={"auxiliary": QUICK_882},
            related=related,
            setting=PAIRS,
        )
    )


learn(
    "imagenet/similarity",
    Part("imagenet882", "train"),
    Part("imagenet118", "val"),
    118,
    "a similarity learned on 882 classes, asked about the 118 others",
    quick={"auxiliary": QUICK_882},
)
learn(
    "imagenet10r2/similarity",
    Part("imagenet882-2016", "train"),
    Part("imagenet10r2", "val"),
    10,
    "a similarity learned on 882 classes, asked about ten others (supplement of 2016)",
    quick={"auxiliary": QUICK_882},
)
for _letter in "ABC":
    _subset(_letter)
register_group("imagenet/30", (f"imagenet/30-{letter}" for letter in "ABC"))
register_group("imagenet/pairs", (f"imagenet/pairs-{letter}" for letter in "ABC"))
_ten = {"10R": ("yes",)}
discover(
    "imagenet10r",
    Part("imagenet118", "train", _ten),
    Part("imagenet118", "val", _ten),
    "imagenet/similarity",
    quick=QUICK,
)
discover(
    "imagenet10r2",
    Part("imagenet10r2", "train"),
    Part("imagenet10r2", "val"),
    "imagenet10r2/similarity",
    quick=QUICK,
)
discover("stl10", Part("stl10", "train"), Part("stl10", "test"), "imagenet/similarity", quick=QUICK)
register_task(
    TaskSpec(
        "stl10/cluster",
        "cluster",
        "train and test, 13,000 images",
        Part("stl10"),
        10,
        quick={"target": 5000},
    )
)
