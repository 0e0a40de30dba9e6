"""Stored tensors as points in the plane, for the figures of `kind = "embedding"`.

Van der Maaten, Hinton, "Visualizing data using t-SNE", JMLR 2008, as scikit-learn computes it, or
McInnes, Healy, Melville, "UMAP", arXiv:1802.03426, as umap-learn does where it is installed. The
coordinates are kept under the digest of the output that they were made from, so that a figure is
drawn again at once and as the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.files import content, replace
from bench.store import outputs
from bench.store.record import Record

Points = npt.NDArray[np.float32]

IMAGES = 1000
"""At most so many, the first in canonical order: a uniform sample, since that order is by hash."""
PERPLEXITY = 30.0
NEIGHBOURS = 15
"""How many UMAP looks at, its `n_neighbors`."""
_FEWEST = 5
_MOST_BYTES = 1 << 20
_FOLDER = ".embeddings"


def coordinates(
    runs: Path, folder: Path, record: Record, tensor: str, *, n: int, by: str
) -> Points:
    """A cell's tensor in the plane, float32, (at most `IMAGES`, 2): kept from before, or now.

    Args:
        runs: The folder of all cells; the coordinates are kept in a hidden folder below it.
        folder: The cell's.
        record: The cell's; the digest of its output names what is kept.
        tensor: Its name.
        n: The number of the task's images.
        by: "t-SNE" or "umap".

    Raises:
        BenchError: the prediction is damaged, or the coordinates cannot be written.
        ValueError: there is no such tensor, it has another length, it cannot be embedded, or
            umap-learn is not installed.
    """
    options: dict[str, Any] = {"output": record.output, "tensor": tensor, "images": IMAGES}
    # t-SNE's name says nothing of the algorithm: such files are kept from before there were two.
    options |= {"perplexity": PERPLEXITY} if by == "t-SNE" else {"by": by, "neighbours": NEIGHBOURS}
    name = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:32]
    path = runs / _FOLDER / f"{name}.npy"
    kept = _kept(path)
    if kept is not None:
        return kept
    tensors = outputs.of_cell(folder, record, tensors=True).tensors
    if tensor not in tensors:
        raise ValueError(f"no tensor '{tensor}' is stored")
    values = tensors[tensor].float().numpy()
    if not values.ndim or len(values) != n:
        raise ValueError(f"'{tensor}' has {len(values) if values.ndim else 0} rows for {n} images")
    found = embed(values, by)
    out = io.BytesIO()
    np.save(out, found)
    replace(path, out.getvalue() + hashlib.sha256(out.getvalue()).digest())
    return found


def _kept(path: Path) -> Points | None:
    """Coordinates from before, with their SHA-256 behind them; None where they are not whole."""
    try:
        data = content(path, _MOST_BYTES)
        if hashlib.sha256(data[:-32]).digest() != data[-32:]:
            return None
        found: Points = np.load(io.BytesIO(data[:-32]), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found


def embed(values: npt.NDArray[np.floating], by: str = "t-SNE") -> Points:
    """The first images in the plane, on one thread, so that every machine's cores do the same.

    Args:
        values: Floats, (N, ...), a row an image.
        by: "t-SNE" or "umap".

    Raises:
        ValueError: fewer than five images or two features, values that are not finite, or
            umap-learn is not installed.
    """
    from threadpoolctl import threadpool_limits

    rows = np.asarray(values)[:IMAGES]
    rows = rows.reshape(len(rows), -1)
    if len(rows) < _FEWEST or rows.shape[1] < 2:
        raise ValueError(f"{len(rows)} images of {rows.shape[1]} features are too few to embed")
    if not np.isfinite(rows).all():
        raise ValueError("the tensor holds NaN or infinite values")
    with threadpool_limits(1):
        plane = (_umap if by == "umap" else _tsne)(rows)
    return np.asarray(plane, np.float32)


def _tsne(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Rows (N, D) in the plane, (N, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    found = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(rows)
    return np.asarray(found)


def _umap(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The same; raises ValueError where umap-learn is not installed."""
    try:
        from umap import UMAP
    except ImportError as error:
        raise ValueError("umap-learn is not installed: pip install -e '.[umap]'") from error
    neighbours = min(NEIGHBOURS, len(rows) - 1)
    found = UMAP(n_neighbors=neighbours, random_state=0, n_jobs=1).fit_transform(rows)
    return np.asarray(found)
