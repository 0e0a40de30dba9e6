"""digits: scikit-learn's bundled handwritten digits, the dataset that needs no files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.dataset import Dataset, Raw, register_dataset
from bench.datasets.fingerprint import pins

NAMES = tuple("0123456789")


class BundledDigits:
    """The images inside scikit-learn."""

    bundled = True

    def splits(self, dataset: Dataset, root: Path) -> set[str]:  # noqa: ARG002
        """Always there."""
        return {"all"}

    def read(self, dataset: Dataset, root: Path) -> Raw:  # noqa: ARG002
        """Grey levels 0..16 are stored times 15, so 0..240 in steps of 15: nothing is rounded."""
        from sklearn.datasets import load_digits

        bundle = load_digits()
        images = (bundle.images * 15).astype(np.uint8)[..., None]
        return Raw(images, {"label": bundle.target.astype(np.int64)}, {"label": NAMES})


register_dataset(
    Dataset(
        name="digits",
        summary="1,797 handwritten digits, 8x8, bundled with scikit-learn",
        shape=(8, 8, 1),
        counts={"all": 1797},
        labels=NAMES,
        licence="BSD-3-Clause (scikit-learn), CC BY 4.0 (UCI)",
        citation="Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
        how_to_get="it comes with scikit-learn",
        sources=(BundledDigits(),),
        pins=pins("digits"),
    )
)
