"""Adaptation between the domains of Office-31, similarity of all of ImageNet (CCN section 5.2)."""

from itertools import permutations

from bench.datasets.office31 import DOMAINS
from bench.datasets.parts import Part
from bench.datasets.protocols.pair_queries import PAIRS, learn
from bench.datasets.task_specs import TaskSpec, register_group, register_task

CLASSES = 31
SIMILARITY = "imagenet1000/similarity"
IMAGENET = Part("imagenet", "train")
QUICK = {"auxiliary": 50_000}

learn(
    SIMILARITY,
    IMAGENET,
    Part("office31"),
    CLASSES,
    "a similarity learned on all classes of ImageNet, asked about Office-31",
    quick=QUICK,
)
for _domain in DOMAINS:
    register_task(
        TaskSpec(
            f"office31-{_domain}/pairs",
            "similarity",
            f"random pairs of the similarity of {SIMILARITY}",
            Part("office31", _domain),
            CLASSES,
            auxiliary=IMAGENET,
            quick=QUICK,
            related={"similarity": SIMILARITY},
            setting=PAIRS,
        )
    )
for _source, _target in permutations(DOMAINS, 2):
    register_task(
        TaskSpec(
            f"office31-{_source}-{_target}/adapt",
            "adapt",
            f"{_source} labelled, {_target} to classify",
            Part("office31", _target),
            CLASSES,
            source=Part("office31", _source),
            related={"similarity": SIMILARITY},
        )
    )

# In the order of the paper's columns.
register_group(
    "office31/adapt",
    (
        f"office31-{pair}/adapt"
        for pair in (
            "amazon-webcam",
            "dslr-webcam",
            "webcam-dslr",
            "amazon-dslr",
            "dslr-amazon",
            "webcam-amazon",
        )
    ),
)
