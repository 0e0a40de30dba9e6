"""omniglot: 1,623 handwritten characters of 50 alphabets, each by 20 drawers, 105x105.

Paper is 255 and ink 0, as in the published files; methods that want ink on black invert.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from bench.datasets.dataset import Dataset, Raw, register_dataset
from bench.datasets.fingerprint import pins
from bench.datasets.sources import LABEL, Folder, Npz
from bench.errors import BenchError


def drawer(stem: str) -> int:
    """The drawer, 1..20, of a file name such as 0709_17."""
    number = stem.rpartition("_")[2]
    if not number.isdigit():
        raise BenchError(f"omniglot: file name '{stem}' does not end in its drawer, as 0709_17")
    return int(number)


def add_alphabet(raw: Raw) -> Raw:
    """Number characters in the order of their names, and add the column "alphabet".

    Containers disagree in the order of some names; sorted, the numbers agree.
    """
    if "label" not in raw.names:
        raise BenchError("omniglot: names of characters are missing, as Greek/character01")
    characters = sorted(raw.names["label"])
    number = {name: index for index, name in enumerate(characters)}
    label = np.array([number[name] for name in raw.names["label"]], dtype=np.int64)
    alphabets = sorted({name.partition("/")[0] for name in characters})
    alphabet = np.array([alphabets.index(name.partition("/")[0]) for name in characters])
    labels = label[raw.columns["label"]]
    return dataclasses.replace(
        raw,
        columns={**raw.columns, "label": labels, "alphabet": alphabet[labels]},
        names={**raw.names, "label": tuple(characters), "alphabet": tuple(alphabets)},
    )


def fetch(root: Path) -> None:
    """Download both subsets into `<root>/omniglot-py`."""
    from torchvision.datasets import Omniglot

    for background in (True, False):
        Omniglot(root, background=background, download=True)


stem_columns = {"drawer": drawer}
torchvision = Folder(
    "omniglot-py",
    {"background": "images_background", "evaluation": "images_evaluation"},
    depth=2,
    from_stem=stem_columns,
)

register_dataset(
    Dataset(
        name="omniglot",
        summary="32,460 images of 1,623 handwritten characters of 50 alphabets, 105x105",
        shape=(105, 105, 1),
        counts={"background": 19_280, "evaluation": 13_180},
        labels=(),
        per_class=20,
        licence="MIT",
        citation="Lake, Salakhutdinov & Tenenbaum 2015",
        how_to_get="`python -m bench data fetch omniglot`",
        sources=(
            Npz({**LABEL, "drawer": ("drawers", "")}),
            Folder(depth=2, from_stem=stem_columns),
            torchvision,
        ),
        fetch=fetch,
        complete=add_alphabet,
        split_column="subset",
        pins=pins("omniglot"),
    )
)
