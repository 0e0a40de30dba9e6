"""Small tasks of every kind, cut from scikit-learn's digits: 8x8 pixels, at most 150 images a part.

Use them with the quick preset, which is what limits them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import Dataset, Part, Raw, TaskSpec, register_dataset, register_task
from bench.datasets.parts import SIGNS
from bench.tasks import Kind

CLASSES, SOURCE = (6, 7, 8, 9), (0, 1, 2, 3)
TARGET = Part("digits", where={"label": CLASSES})
LABELLED: dict[str, Any] = {
    "source": Part("digits", where={"label": SOURCE}),
    "auxiliary": Part("glyphs"),
}
FIRST, SECOND = (Part("digits", where={"label": CLASSES}, half=h) for h in (0, 1))
LIMITS = {"target": 150, "source": 150}


class Flat:
    """Sixty images without any contrast, as a source."""

    def splits(self, dataset: Dataset, root: Path) -> set[str]:  # noqa: ARG002
        """All images in one."""
        return {"all"}

    def read(self, dataset: Dataset, root: Path) -> Raw:  # noqa: ARG002
        """Make them."""
        images = np.full((60, 8, 8, 1), 120, np.uint8)
        return Raw(images, {"label": np.arange(60) % 3}, {"label": ("a", "b", "c")})


register_dataset(
    Dataset(
        name="flat",
        summary="sixty constant images",
        shape=(8, 8, 1),
        counts={"all": 60},
        labels=("a", "b", "c"),
        licence="",
        citation="",
        how_to_get="it is made on the spot",
        sources=(Flat(),),
    )
)


class Glyphs:
    """Twenty-four noisy patterns, six times each: enough classes for a batch of any method."""

    def splits(self, dataset: Dataset, root: Path) -> set[str]:  # noqa: ARG002
        """All images in one."""
        return {"all"}

    def read(self, dataset: Dataset, root: Path) -> Raw:  # noqa: ARG002
        """Make them."""
        rng, labels = np.random.default_rng(0), np.repeat(np.arange(24), 6)
        patterns = rng.integers(2, size=(24, 8, 8, 1)) * 180
        images = patterns[labels] + rng.integers(60, size=(144, 8, 8, 1))
        return Raw(images.astype(np.uint8), {"label": labels}, {"label": dataset.labels})


register_dataset(
    Dataset(
        name="glyphs",
        summary="noisy patterns",
        shape=(8, 8, 1),
        counts={"all": 144},
        labels=tuple(f"pattern {i}" for i in range(24)),
        licence="",
        citation="",
        how_to_get="it is made on the spot",
        sources=(Glyphs(),),
    )
)


class Tagged:
    """A hundred noisy images, each with up to three bright corners that are its classes."""

    CORNERS = ("north-west", "north-east", "south")

    def splits(self, dataset: Dataset, root: Path) -> set[str]:  # noqa: ARG002
        """Halves."""
        return {"train", "test"}

    def read(self, dataset: Dataset, root: Path) -> Raw:  # noqa: ARG002
        """Make them."""
        rng = np.random.default_rng(0)
        images = rng.integers(60, size=(200, 8, 8, 1))
        values = rng.choice(3, p=(0.5, 0.05, 0.45), size=(200, 3))  # difficult ones are dim
        places = (slice(4), slice(4)), (slice(4), slice(4, 8)), (slice(4, 8), slice(8))
        for column, place in enumerate(places):
            images[:, *place] += 90 * values[:, column, None, None, None]
        columns = {"split": np.arange(200) // 100}
        columns |= dict(zip(self.CORNERS, values.T, strict=True))
        names = {"split": ("train", "test"), **dict.fromkeys(self.CORNERS, SIGNS)}
        return Raw(images.astype(np.uint8), columns, names)


register_dataset(
    Dataset(
        name="tagged",
        summary="noisy images with bright corners",
        shape=(8, 8, 1),
        counts={"train": 100, "test": 100},
        labels=Tagged.CORNERS,
        licence="",
        citation="",
        how_to_get="it is made on the spot",
        sources=(Tagged(),),
    )
)


def _task(
    name: str,
    kind: Kind,
    target: Part = TARGET,
    k: int = 4,
    *,
    related: Mapping[str, str] | None = None,
    setting: Mapping[str, Any] | None = None,
    **parts: Any,
) -> None:
    """Register one, its parts cut to `LIMITS`."""
    limits = {role: n for role, n in LIMITS.items() if role == "target" or role in parts}
    register_task(
        TaskSpec(
            f"tiny/{name}",
            kind,
            "",
            target,
            k,
            quick=limits,
            related=related or {},
            setting=setting or {},
            **parts,
        )
    )


SIMILARITY = {"similarity": "tiny/similarity"}

_task("cluster", "cluster", **LABELLED, related=SIMILARITY | {"trained": "tiny/cluster"})
_task("flat", "cluster", Part("flat"), 3, **LABELLED, related=SIMILARITY | {"trained": "tiny/flat"})
_task(
    "adapt",
    "adapt",
    SECOND,
    source=FIRST,
    auxiliary=LABELLED["auxiliary"],
    related=SIMILARITY,
)
_task("represent", "represent", FIRST, related={"probe": "tiny/probe"})
_task("probe", "probe", SECOND, train=FIRST)
_task(
    "finetune",
    "finetune",
    Part("tagged", "test", classes=Tagged.CORNERS),
    3,
    train=Part("tagged", "train", classes=Tagged.CORNERS),
)
_task(
    "similarity",
    "similarity",
    auxiliary=LABELLED["auxiliary"],
    related=SIMILARITY,
    setting={"n_pairs": 300},
)
_task(
    "n-way",
    "similarity",
    auxiliary=LABELLED["auxiliary"],
    related=SIMILARITY,
    setting={"n_way": 3, "n_episodes": 40},
)
for _name, _setting in (
    ("strata", {"n_similar": 100, "n_dissimilar": 200}),
    ("batches", {"batch": 10, "n_batches": 3}),
):
    _task(
        _name,
        "similarity",
        auxiliary=LABELLED["auxiliary"],
        related=SIMILARITY,
        setting=_setting,
    )
_task(
    "pairs",
    "pairs",
    setting={"similar_recall": 0.8, "dissimilar_recall": 0.9, "density": 0.5},
)
