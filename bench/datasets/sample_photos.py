"""sample-photos: grey patches of scikit-learn's two photographs, which need no files.

Images of anything but the target, to learn a representation from: a temple and a flower, cut into
squares of 16, 32 and 64 pixels whose means over equal blocks are the pixels of an image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.datasets.dataset import Dataset, Raw, register_dataset
from bench.tasks import Images

SIDE = 8
"""Width and height of an image, in pixels."""
SQUARES = {16: 16, 32: 16, 64: 32}
"""Side of a square of a photograph -> distance between two of them, in pixels."""
PHOTOGRAPHS = ("china", "flower")
"""As scikit-learn orders them; each is 427 by 640 pixels."""


def patches(photograph: npt.NDArray[np.uint8]) -> Images:
    """The squares of a photograph, (n, 8, 8, 1), in integers throughout, the same everywhere.

    Args:
        photograph: uint8, (height, width, 3), at least 64 pixels a side.
    """
    grey = photograph.astype(np.int64) @ np.array([299, 587, 114])
    found = []
    for side, distance in SQUARES.items():
        windows = np.lib.stride_tricks.sliding_window_view(grey, (side, side))
        squares = windows[::distance, ::distance].reshape(-1, side, side)
        block = side // SIDE
        sums = squares.reshape(-1, SIDE, block, SIDE, block).sum(axis=(2, 4))
        whole = 1000 * block**2
        found.append(((sums + whole // 2) // whole).astype(np.uint8))
    return np.concatenate(found)[..., None]


class BundledPhotos:
    """The photographs inside scikit-learn."""

    bundled = True

    def splits(self, dataset: Dataset, root: Path) -> set[str]:  # noqa: ARG002
        """Always there."""
        return {"all"}

    def read(self, dataset: Dataset, root: Path) -> Raw:  # noqa: ARG002
        """The squares of both; the label is the photograph's number."""
        from sklearn.datasets import load_sample_image

        parts = [patches(load_sample_image(f"{name}.jpg")) for name in PHOTOGRAPHS]
        labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return Raw(np.concatenate(parts), {"label": labels}, {"label": PHOTOGRAPHS})


register_dataset(
    Dataset(
        name="sample-photos",
        summary="grey patches of scikit-learn's two sample photographs, 8x8",
        shape=(SIDE, SIDE, 1),
        counts={"all": 4486},
        labels=PHOTOGRAPHS,
        licence="CC BY 2.0",
        citation="danielbuechele (china) and vultilion (flower), flickr, by way of scikit-learn",
        how_to_get="it comes with scikit-learn",
        sources=(BundledPhotos(),),
        # No pin: decoders of JPEG may differ in the last bit of a pixel.
    )
)
