"""Weighted votes of nearest neighbours beside scikit-learn's brute force, and faiss where it is.

python -m benchmarks.knn [--json] [--train 50000] [--test 10000] [--dims 128]

The sizes are those of SeLa's evaluation on CIFAR-10: 50 neighbours by cosine, votes exp(cos / 0.1).
scikit-learn and faiss search the same normalised vectors; only the neighbours are asked of them,
and the votes are counted in the same way. Every library uses all cores; ours a block of test images
at a time.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional

from bench.nn.probes import knn_votes
from benchmarks.measure import Target, arguments, peak_bytes, report, seconds

K, SIGMA, CLASSES, BLOCK = 50, 0.1, 10, 1000
Search = Callable[[], tuple[torch.Tensor, torch.Tensor]]


def votes(cosines: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Shares of the classes, (M, CLASSES), from neighbours' cosines and labels, (M, K)."""
    shares = torch.zeros(len(cosines), CLASSES)
    return shares.scatter_add_(1, labels, torch.softmax(cosines / SIGMA, dim=1))


def by_sklearn(train: torch.Tensor, test: torch.Tensor) -> Search:
    """Cosines and indices of the neighbours, as scikit-learn's brute force finds them."""
    model = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine")

    def search() -> tuple[torch.Tensor, torch.Tensor]:
        distances, nearest = model.fit(train.numpy()).kneighbors(test.numpy())
        return 1.0 - torch.from_numpy(distances).float(), torch.from_numpy(nearest)

    return search


def by_faiss(train: torch.Tensor, test: torch.Tensor) -> Search:
    """The same by faiss's exact index of inner products."""
    import faiss

    def search() -> tuple[torch.Tensor, torch.Tensor]:
        index = faiss.IndexFlatIP(train.shape[1])
        index.add(functional.normalize(train).numpy())
        cosines, nearest = index.search(functional.normalize(test).numpy(), K)
        return torch.from_numpy(cosines), torch.from_numpy(nearest)

    return search


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--train", type=int, default=50_000)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(CLASSES, given.dims, generator=generator)
    labels = torch.randint(CLASSES, (given.train,), generator=generator)
    train = centres[labels] + 2.0 * torch.randn(given.train, given.dims, generator=generator)
    test = torch.randn(given.test, given.dims, generator=generator)

    def ours() -> torch.Tensor:
        settings: dict[str, Any] = {"k": K, "sigma": SIGMA, "n_classes": CLASSES, "block": BLOCK}
        return knn_votes(train, labels, test, **settings)

    searches = {"scikit-learn": by_sklearn(train, test)}
    if importlib.util.find_spec("faiss"):
        searches["faiss"] = by_faiss(train, test)

    def counted(search: Search) -> torch.Tensor:
        cosines, nearest = search()
        return votes(cosines, labels[nearest])

    others = [lambda search=search: counted(search) for search in searches.values()]
    taken = seconds(ours, *others, repeats=given.repeats)
    mine = ours().argmax(dim=1)
    memory = peak_bytes(ours)
    rows: list[dict[str, Any]] = [{"by": "ours", "s": taken[0], "against": 1.0, "same": 1.0}]
    for (name, search), s in zip(searches.items(), taken[1:], strict=True):
        same = float(np.mean((counted(search).argmax(dim=1) == mine).numpy()))
        rows.append({"by": name, "s": s, "against": s / taken[0], "same": same})
    # One block of similarities, and both sets once more: they are normalised.
    bound = 4 * (BLOCK * given.train + given.dims * (given.train + BLOCK))
    targets = [
        Target("against scikit-learn", rows[1]["against"], 1.0, at_least=True),
        Target("same predictions", min(r["same"] for r in rows), 0.999, at_least=True),
        Target("memory / one block", memory / bound, 1.3),
    ]
    return report("knn", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
