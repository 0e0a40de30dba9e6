"""cub, flo, sun, awa2: the data sets of zero-shot learning with their proposed splits, 256x256.

The splits are those of Xian, Lampert, Schiele, Akata, "Zero-shot learning: a comprehensive
evaluation of the good, the bad and the ugly", as published: `<root>/xlsa17/data/CUB/att_splits.mat`
with `res101.mat` beside it, which names the images and their classes (its features are not used).
The photographs lie under the data root as their own publishers pack them, see `LAYOUTS`.

Splits: "trainval" and "test_seen" are photographs of the seen classes, "test_unseen" all those of
the unseen ones. Attributes of classes are not read: transfer clustering uses labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import photographs
from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.photographs import Named
from bench.datasets.sources import Npz
from bench.errors import BenchError

SPLIT_FILES = "http://datasets.d2.mpi-inf.mpg.de/xian"
SPLITS = ("trainval", "test_seen", "test_unseen")


@dataclass(frozen=True)
class Layout:
    """Where the split file and the photographs of a data set are."""

    code: str
    """Its folder under `<root>/xlsa17/data`."""
    images: str
    """The folder of photographs under the root; its last part also stands in every path of
    res101.mat, whose beginnings are of somebody else's disk."""
    counts: tuple[int, int, int]
    """Images of trainval, test_seen, test_unseen."""
    classes: int
    citation: str
    url: str
    """Of its photographs."""
    archive: str = "xlsa17.zip"
    """What of `SPLIT_FILES` holds its splits."""


LAYOUTS = {
    "cub": Layout(
        "CUB",
        "CUB_200_2011/images",
        (7057, 1764, 2967),
        200,
        "Wah et al. 2011, Caltech-UCSD Birds",
        "https://data.caltech.edu/records/65de6-vp158",
    ),
    "flo": Layout(
        "FLO",
        "flowers/jpg",
        (5631, 1403, 1155),
        102,
        "Nilsback & Zisserman 2008",
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        "cvpr18xian.zip",
    ),
    "sun": Layout(
        "SUN",
        "SUN/images",
        (10_320, 2580, 1440),
        717,
        "Patterson & Hays 2012",
        "https://cs.brown.edu/~gmpatter/sunattributes.html",
    ),
    "awa2": Layout(
        "AWA2",
        "Animals_with_Attributes2/JPEGImages",
        (23_527, 5882, 7913),
        50,
        "Xian, Lampert, Schiele & Akata 2018",
        "https://cvml.ista.ac.at/AwA2/",
    ),
}


def _matrices(root: Path, code: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is used of res101.mat and att_splits.mat."""
    from scipy.io import loadmat

    found = []
    wanted = {"res101": ["image_files", "labels"], "att_splits": [f"{s}_loc" for s in SPLITS]}
    for name, keys in wanted.items():
        path = root / "xlsa17" / "data" / code / f"{name}.mat"
        try:
            content = loadmat(path, variable_names=keys, squeeze_me=True)
        # SciPy signals a damaged file by ValueError, TypeError, zlib.error, MatReadError, …
        except Exception as error:
            raise BenchError(f"{path}: missing, damaged or no MATLAB file ({error})") from error
        if lacking := [key for key in keys if key not in content]:
            raise BenchError(f"{path}: has no variable '{lacking[0]}'")
        found.append(content)
    return found[0], found[1]


def photographs_of(layout: Layout, root: Path, split: str) -> list[Named]:
    """The photographs of a split, each with its class's number in three digits.

    Raises:
        BenchError: the split file is damaged, or refers to an image that it does not list.
    """
    images, splits = _matrices(root, layout.code)
    files, labels = np.atleast_1d(images["image_files"]), np.atleast_1d(images["labels"])
    where = np.atleast_1d(splits[f"{split}_loc"]).astype(np.int64) - 1  # MATLAB counts from 1
    folder = root / layout.images
    if len(files) != len(labels) or where.min() < 0 or where.max() >= len(files):
        raise BenchError(
            f"{root / 'xlsa17' / 'data' / layout.code}: {len(files)} files, {len(labels)} labels "
            f"and {split}_loc in {where.min() + 1}..{where.max() + 1} do not go together"
        )
    marker = f"/{folder.name}/"
    return [
        (folder / str(files[i]).replace("\\", "/").rpartition(marker)[2], f"{labels[i]:03d}")
        for i in where
    ]


def _register(name: str, layout: Layout) -> None:
    register_dataset(
        Dataset(
            name=name,
            summary=f"{sum(layout.counts):,} photographs of {layout.classes} classes, proposed "
            "splits of zero-shot learning, 256x256",
            shape=photographs.SHAPE,
            counts=dict(zip(SPLITS, layout.counts, strict=True)),
            labels=tuple(f"{number:03d}" for number in range(1, layout.classes + 1)),
            licence="research only",
            citation=layout.citation,
            how_to_get=(
                f"put its photographs, {layout.url}, into DATA_ROOT/{layout.images} and the "
                f"proposed splits, folder {layout.code} of {SPLIT_FILES}/{layout.archive}, into "
                f"DATA_ROOT/xlsa17/data/{layout.code}"
            ),
            sources=(
                Npz(),
                photographs.Photographs(
                    lambda root, _: root / "xlsa17" / "data" / layout.code / "att_splits.mat",
                    lambda root, split: photographs_of(layout, root, split),
                    as_published=True,
                    where=f"xlsa17/data/{layout.code}/att_splits.mat with {layout.images}",
                    beside=(f"xlsa17/data/{layout.code}/res101.mat", layout.images),
                ),
            ),
        )
    )


for _name, _layout in LAYOUTS.items():
    _register(_name, _layout)
