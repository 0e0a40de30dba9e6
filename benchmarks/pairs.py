"""KCL and MCL with their gradients, beside the same losses over enumerated pairs.

python -m benchmarks.pairs [--json] [-n 256] [--clusters 100]

The enumeration is that of the authors' released code: two (n², K) copies of the distributions and
one loss for each of their rows. One thread, float32. The figures are the worse of both losses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bench.nn.losses.pairs import EPS, kcl, mcl
from benchmarks.measure import Target, arguments, difference, peak_bytes, report, seconds

Loss = Callable[[Tensor, Tensor], Tensor]
Step = Callable[[], tuple[Tensor, Tensor]]


def _enumerate(p: Tensor) -> tuple[Tensor, Tensor]:
    """Rows p_i and p_j of all pairs, pair i * n + j."""
    n, clusters = p.shape
    return p.repeat(1, n).view(n * n, clusters), p.repeat(n, 1)


def enumerated_kcl(p: Tensor, similar: Tensor) -> Tensor:
    """KCL with margin 2, a row for each pair."""
    first, second = _enumerate(p)
    target, predicted = first.detach() + EPS, second + EPS
    divergence = (target * (target.log() - predicted.log())).sum(dim=1)
    return functional.hinge_embedding_loss(divergence, 2.0 * similar.flatten() - 1.0, margin=2.0)


def enumerated_mcl(p: Tensor, similar: Tensor) -> Tensor:
    """MCL, a row for each pair."""
    first, second = _enumerate(p)
    together, s = (first * second).sum(dim=1), similar.flatten().to(p)
    return -(s * together + (1.0 - s) * (1.0 - together) + EPS).log().mean()


def step(loss: Loss, logits: Tensor, similar: Tensor) -> tuple[Tensor, Tensor]:
    """The loss and its gradient with respect to the logits."""
    logits = logits.clone().requires_grad_()
    value = loss(logits.softmax(dim=1), similar)
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


def measured(name: str, ours: Step, theirs: Step) -> dict[str, Any]:
    """One row of the table."""
    time_ours, time_theirs = seconds(ours, theirs, repeats=15)
    memory_ours, memory_theirs = peak_bytes(ours), peak_bytes(theirs)
    return {
        "loss": name,
        "ms": 1e3 * time_ours,
        "ms enumerated": 1e3 * time_theirs,
        "speed-up": time_theirs / time_ours,
        "MiB": memory_ours / 2**20,
        "MiB enumerated": memory_theirs / 2**20,
        "memory ratio": memory_ours / memory_theirs,
        "difference": difference(ours(), theirs()),
    }


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("-n", type=int, default=256, help="images of a batch")
    parser.add_argument("--clusters", type=int, default=100)
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(given.n, given.clusters, generator=generator)
    similar = torch.rand(given.n, given.n, generator=generator) < 0.1
    losses: dict[str, tuple[Loss, Loss]] = {
        "KCL": (kcl, enumerated_kcl),
        "MCL": (mcl, enumerated_mcl),
    }
    rows = [
        measured(name, *(partial(step, loss, logits, similar) for loss in pair))
        for name, pair in losses.items()
    ]
    targets = [
        Target("speed-up", min(row["speed-up"] for row in rows), 200.0, at_least=True),
        Target("memory ratio", max(row["memory ratio"] for row in rows), 1 / 50),
        Target("difference", max(row["difference"] for row in rows), 1e-5),
    ]
    return report("pairs", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
