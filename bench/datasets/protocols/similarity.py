"""A similarity learned on labelled classes, asked about pairs of images of others."""

from bench.datasets.parts import Part
from bench.datasets.protocols.transfer import HIGH, LOW
from bench.datasets.tasks import TaskSpec, register_task

SETTING = {"n_pairs": 20_000}
BACKGROUND = Part("omniglot", "background")


def _similarity(name: str, auxiliary: Part, target: Part, classes: int, summary: str) -> None:
    register_task(
        TaskSpec(name, "similarity", summary, target, classes, auxiliary=auxiliary, setting=SETTING)
    )


_similarity(
    "digits/similarity",
    Part("digits", where={"label": LOW}),
    Part("digits", where={"label": HIGH}),
    5,
    "a similarity learned on digits 0-4, asked about 5-9",
)
_similarity(
    "omniglot/similarity",
    BACKGROUND,
    Part("omniglot", "evaluation"),
    659,
    "a similarity learned on the background alphabets, asked about the evaluation ones",
)
