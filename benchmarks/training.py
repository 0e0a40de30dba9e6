"""Training steps of G and of KCL, beside those of commit 24a9f4d and of the released code's form.

python -m benchmarks.training [--json] [--repeats 5]

The sizes of the Omniglot experiments: 100 images of 105x105 pixels, random crops of 32x32, VGGS of
64-128-256-256 channels; G sees 20 characters with 5 images each, KCL has 20 clusters. A step is
crops, forward, loss, backward and Adam; that of KCL labels pairs by G in training mode.

"Before" is the step as of 24a9f4d, kept here: the pair head by blocks, and pairs labelled anew by
each of the four cells that share them (KCL and MCL, K known and K = 100). The step of KCL is the
mean of those four: one that labels and writes, three that read. "Literal" follows the released
code: torchvision's crop of each image, ReLU before pooling in torch's default layout, n² rows of
concatenated features through linear, batch-norm, ReLU, linear, and one row of the loss for each
pair. Processor seconds on one thread, the medians of steps that take turns, in a process that keeps
freed memory as a cell's worker does.

"Now" is in float32. Where the processor multiplies bfloat16, the targets are of those rows, as
`--dtype bfloat16` is one of the levers that they were set with; the last lines say which.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import v2

from bench.nn import networks, training
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.losses.pairs import kcl
from bench.nn.networks import transferred
from bench.nn.networks.similarity import SimilarityNet
from bench.run.shared import Shared
from bench.store import machine
from benchmarks.measure import Target, arguments, as_worker, processor_seconds, report
from benchmarks.pairs import enumerated_kcl
from benchmarks.similarity import Enumerated
from benchmarks.yardstick import Head

IMAGES, SIZE, CLASSES, CLUSTERS, SHARING = 100, 105, 20, 20, 4
Step = Callable[[], object]


def drawn() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bright paper with a tenth of it inked."""
    ink = np.random.default_rng(0).random((IMAGES, SIZE, SIZE, 1)) < 0.1
    return np.where(ink, 0, 255).astype(np.uint8)


class Crops:
    """A batch of crops, together or image by image."""

    def __init__(self) -> None:
        self.images, self.views = drawn(), Views()
        self.generator = torch.Generator().manual_seed(0)
        single = v2.RandomResizedCrop(32, self.views.crop_scale, antialias=True)
        to_float = v2.ToDtype(torch.float32, scale=True)
        normal = v2.Normalize([self.views.mean], [self.views.std])
        self.transform = v2.Compose([v2.ToImage(), single, to_float, torch.neg, _plus_one, normal])

    def together(self) -> Tensor:
        """(n, 1, 32, 32), as methods take them."""
        return self.views.augmented(to_tensor(self.images, "cpu"), self.generator)

    def singly(self) -> Tensor:
        """The same by torchvision."""
        return torch.stack([self.transform(image) for image in self.images])


def _plus_one(x: Tensor) -> Tensor:
    return x + 1.0


def similarity_step(net: nn.Module, crops: Callable[[], Tensor], dtype: str = "float32") -> Step:
    """A step of G."""
    optimiser = training.optimiser("adam", net, 1e-3, dtype)
    classes = torch.arange(CLASSES).repeat_interleave(IMAGES // CLASSES)
    same = (classes[:, None] == classes).long().flatten()

    def step() -> Tensor:
        x = crops()
        with training.autocast("cpu", dtype):
            logits = net(x)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), same)
        return training.step(optimiser, loss)

    return step


def clustering_step(
    net: nn.Module,
    crops: Callable[[], Tensor],
    label: Callable[[Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    dtype: str = "float32",
) -> Step:
    """A step of KCL."""
    optimiser = training.optimiser("adam", net, 1e-3, dtype)

    def step() -> Tensor:
        x = crops()
        similar = label(x)
        with training.autocast("cpu", dtype):
            logits = net(x)
        return training.step(optimiser, loss(logits.float().softmax(dim=1), similar))

    return step


def shared_by(count: int, crops: Crops, labeller: SimilarityNet, dtype: str = "float32") -> Step:
    """As many steps of KCL as cells share labels: the first computes them, the others read."""
    folder = tempfile.TemporaryDirectory()

    def compute(x: Tensor) -> Tensor:
        with training.autocast("cpu", dtype):
            return transferred.label(labeller, x)

    labels = Shared(compute, IMAGES, Path(folder.name) / "x.bits", "benchmark")
    at = {"step": 0}

    def label(x: Tensor) -> Tensor:
        return labels.of(at["step"], x)

    batch: list[Tensor] = []
    one = clustering_step(clusterer(), lambda: batch[0], label, kcl, dtype)

    def steps() -> None:
        at["step"] += 1
        state = crops.generator.get_state()
        for _ in range(count):
            crops.generator.set_state(state)  # every cell crops by itself, and alike
            batch[:] = [crops.together()]
            one()

    steps.folder = folder  # type: ignore[attr-defined]  # kept as long as the steps
    return steps


def literal_label(net: nn.Module) -> Callable[[Tensor], Tensor]:
    """Pairs held similar by enumeration."""

    @torch.no_grad()
    def label(x: Tensor) -> Tensor:
        logits: Tensor = net(x)
        return logits[..., 1] > logits[..., 0]

    return label


def clusterer() -> nn.Module:
    """The clustering network of KCL with K known."""
    options = {"widths": [64, 128, 256, 256], "size": 32, "hidden": 512}
    text = networks.completed("vggs", channels=1, outputs=CLUSTERS, **options)
    return networks.build(text, 0).train()


class Unpooled(nn.Module):
    """The clustering network in torch's default layout, ReLU before pooling."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width in (64, 128, 256, 256):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        layers += [nn.Flatten(), nn.Linear(1024, 512), nn.BatchNorm1d(512), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(512, CLUSTERS))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (n, K)."""
        logits: Tensor = self.layers(x)
        return logits


def before(net: SimilarityNet) -> SimilarityNet:
    """The network with the pair head as of 24a9f4d."""
    net.head = Head(1024)  # type: ignore[assignment]
    return net


def dtypes() -> list[str]:
    """Those that this processor has instructions for, the quickest last."""
    return ["float32"] if machine.lacks_bfloat16() else ["float32", "bfloat16"]


def by_dtype(step: Callable[[str], Step], count: int = 1) -> list[tuple[str, Step, int]]:
    """The step as it is now, in each of `dtypes`."""
    return [(f"now, {dtype}", step(dtype), count) for dtype in dtypes()]


def measured(name: str, steps: list[tuple[str, Step, int]], repeats: int) -> list[dict[str, Any]]:
    """The rows of one kind of step, each with how often the last goes into it.

    Args:
        name: Of the kind.
        steps: Form, call, and how many steps a call makes.
        repeats: Calls of each.
    """
    times = processor_seconds(*(call for _, call, _ in steps), repeats=repeats)
    each = [taken / count for taken, (_, _, count) in zip(times, steps, strict=True)]
    return [
        {"step": f"{name}, {form}", "ms": 1e3 * taken, "times": taken / each[-1]}
        for (form, _, _), taken in zip(steps, each, strict=True)
    ]


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    crops, labeller = Crops(), SimilarityNet.of_vggs()
    literal = Enumerated(SimilarityNet.of_vggs())
    old = before(SimilarityNet.of_vggs())

    def now(dtype: str) -> Step:
        return similarity_step(SimilarityNet.of_vggs(form="compiled"), crops.together, dtype)

    rows = measured(
        "G",
        [
            ("literal", similarity_step(literal, crops.singly), 1),
            ("before", similarity_step(old, crops.together), 1),
            ("blocked", similarity_step(SimilarityNet.of_vggs(), crops.together), 1),
            *by_dtype(now),
        ],
        given.repeats,
    )

    def label(x: Tensor) -> Tensor:
        return transferred.label(old, x)

    by_row = clustering_step(Unpooled(), crops.singly, literal_label(literal), enumerated_kcl)
    rows += measured(
        "KCL",
        [
            ("literal", by_row, 1),
            ("before", clustering_step(clusterer(), crops.together, label, kcl), 1),
            *by_dtype(lambda dtype: shared_by(SHARING, crops, labeller, dtype), SHARING),
        ],
        given.repeats,
    )
    ratio = {row["step"]: row["times"] for row in rows}
    form = dtypes()[-1]
    targets = [
        Target(f"G in {form} against before", ratio["G, before"], 2.2, at_least=True),
        Target(f"KCL in {form} against before", ratio["KCL, before"], 1.9, at_least=True),
        Target(f"G in {form} against literal", ratio["G, literal"], 22.0, at_least=True),
        Target(f"KCL in {form} against literal", ratio["KCL, literal"], 11.0, at_least=True),
    ]
    return report("training", rows, targets, as_json=given.json)


if __name__ == "__main__":
    as_worker("benchmarks.training")
    sys.exit(main())
