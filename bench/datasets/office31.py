"""office31: 4,110 photographs of 31 kinds of office objects in three domains, 256x256.

The usual release; the paper that counts 4,652 images does not say where from.
"""

from __future__ import annotations

from pathlib import Path

from bench.datasets import photographs
from bench.datasets.dataset import Dataset, register_dataset
from bench.datasets.sources import Npz

DOMAINS = {"amazon": 2817, "dslr": 498, "webcam": 795}


def folder(root: Path, domain: str) -> Path:
    """`<root>/office31/<domain>/images`, in which every class has its folder."""
    return root / "office31" / domain / "images"


register_dataset(
    Dataset(
        name="office31",
        summary="4,110 photographs of 31 office objects in three domains, 256x256",
        shape=photographs.SHAPE,
        counts=DOMAINS,
        labels=(),
        licence="none stated",
        citation="Saenko, Kulis, Fritz & Darrell 2010",
        how_to_get="unpack Office-31 into DATA_ROOT/office31/{amazon,dslr,webcam}/images/CLASS",
        sources=(
            Npz(),
            photographs.Photographs(
                folder,
                lambda root, domain: photographs.in_folders(folder(root, domain)),
                as_published=True,
            ),
        ),
        split_column="domain",
    )
)
