"""SUPREME's objective beside its double loop, and its input path beside one transform an image.

python -m benchmarks.supreme [--json] [-n 128] [--clusters 10]

The double loop is equations 2 to 5 as they are printed, a pair at a time with a sum over clusters;
the input path is translation by up to 4 pixels with reflection and a flip, of whole batches, beside
the same in torchvision's transforms, image by image in a DataLoader. One thread, float32.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from bench.nn.images.tensors import flip, to_tensor, translate
from bench.nn.losses.supreme import Confidence, clustering_loss, supervision
from bench.nn.training import batches
from benchmarks.measure import Target, arguments, difference, report, seconds


def double_loop(p: Tensor, perturbed: Tensor, q: Tensor, how: Confidence) -> Tensor:
    """Equation 5 with the printed entropy, weights normalised in each row."""
    n, k = q.shape
    highest, rows = 2.0 * math.log(k), []
    for i in range(n):
        scores, priors, found = [], [], []
        for j in range(n):
            joint = q[i] * q[j]
            entropy = -(joint * joint.log()).sum()
            scores.append((highest - entropy) / (highest * how.temperature))
            priors.append(joint.sum())
            found.append((p[i] * perturbed[j]).sum())
        weights = torch.stack(scores).softmax(dim=0) * torch.stack(priors)
        weights = torch.where(torch.arange(n) == i, 1.0, weights)
        rows.append(-(weights * torch.stack(found).log()).sum())
    return torch.stack(rows).sum()


def objective(n: int, k: int) -> dict[str, Any]:
    """One row of the table: loss and gradient of a batch."""
    generator, how = torch.Generator().manual_seed(0), Confidence()
    logits = torch.randn(2, n, k, generator=generator)
    q = torch.randn(n, k, generator=generator).softmax(dim=1)

    def step(*, literally: bool) -> tuple[Tensor, Tensor]:
        x = logits.clone().requires_grad_()
        p, perturbed = x.softmax(dim=2)
        if literally:
            loss = double_loop(p, perturbed, q, how)
        else:
            loss = clustering_loss(p, perturbed, supervision(q, how))
        (gradient,) = torch.autograd.grad(loss, x)
        return loss.detach(), gradient

    ours, theirs = seconds(lambda: step(literally=False), lambda: step(literally=True), repeats=3)
    return {
        "what": f"objective, n = {n}, K = {k}",
        "ms": 1e3 * ours,
        "ms beside": 1e3 * theirs,
        "speed-up": theirs / ours,
        "difference": difference(step(literally=False), step(literally=True)),
    }


class Images(Dataset[Tensor]):
    """Images that go through torchvision's transforms one by one."""

    def __init__(self, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        self.images = images
        self.transform = v2.Compose(
            [
                v2.ToImage(),
                v2.RandomCrop(32, padding=4, padding_mode="reflect"),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        view: Tensor = self.transform(self.images[index])
        return view


def inputs(n: int, batch: int) -> dict[str, Any]:
    """One row of the table: augmented batches of one epoch."""
    images = np.random.default_rng(0).integers(256, size=(n, 32, 32, 3)).astype(np.uint8)

    def ours() -> None:
        order, views = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
        for rows in batches(n, batch, order):
            x = to_tensor(images[rows.numpy()])
            flip(translate(x, 4, views, fill="reflect"), views)

    def theirs() -> None:
        for _ in DataLoader(Images(images), batch, shuffle=True):
            pass

    time_ours, time_theirs = seconds(ours, theirs, repeats=3)
    return {
        "what": f"input, {n} images in batches of {batch}",
        "ms": 1e3 * time_ours,
        "ms beside": 1e3 * time_theirs,
        "speed-up": time_theirs / time_ours,
    }


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("-n", type=int, default=128, help="images of a batch")
    parser.add_argument("--clusters", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [objective(given.n, given.clusters), inputs(2048, given.n)]
    targets = [
        Target("objective's speed-up", rows[0]["speed-up"], 50.0, at_least=True),
        Target("difference", rows[0]["difference"], 1e-5),
        Target("input's speed-up", rows[1]["speed-up"], 5.0, at_least=True),
    ]
    return report("supreme", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
