"""What cannot be clustered, refused before it fails with another's words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def refuse_number(n_clusters: int, n: int, of: str, *, least: int = 1) -> None:
    """Raise a ValueError for a number of clusters that so many points cannot have.

    Args:
        n_clusters: K.
        n: Points, or images.
        of: What they are called in the error, such as "points".
        least: Fewest clusters that make sense.
    """
    if not least <= n_clusters <= n:
        raise ValueError(f"n_clusters = {n_clusters} for {n} {of}: must lie in {least}..{n}")


def refuse_unfit(features: npt.NDArray[np.floating], n_clusters: int) -> None:
    """Raise a ValueError for features that are no finite (N, D), or clusters not in 1..N."""
    if features.ndim != 2:
        raise ValueError(f"features have shape {features.shape}, not (N, D)")
    refuse_number(n_clusters, len(features), "points")
    if not np.isfinite(features).all():
        raise ValueError("features hold NaN or infinite values")


def refuse_outputs(outputs: int, n_clusters: int, of: str) -> None:
    """Raise a ValueError for a trained network of more outputs than the task has clusters.

    Args:
        outputs: Of the network.
        n_clusters: K, as the task declares it.
        of: What the network is called in the error, such as "digits/cluster: the head".
    """
    if outputs > n_clusters:
        raise ValueError(
            f"{of} has {outputs} outputs and the task declares {n_clusters} clusters: set "
            "n_clusters of both alike"
        )
