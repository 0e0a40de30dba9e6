"""TEMI: many heads on frozen features, each of which tells a neighbour's cluster from an image's.

Adaloglou, Michels, Kalisch, Kollmann, "Exploring the limits of deep image clustering using
pretrained models", BMVC 2023: a peer of TSP on the same features, in none of the five papers'
tables; ACC 94.5 on CIFAR-10 with DINO's ViT-B/16, where TSP prints 94.0 with it. Students and
their teachers, exponential moving averages of them, learn by a weighted pointwise mutual
information (`bench.nn.losses.mutual_information`), and the head of the lowest loss in the last
epoch gives the clusters, by its teacher: no label takes part in any choice.

    python -m bench run tsp-local --methods tsp,tsp-kmeans,temi

Values are those of the paper's appendix for CIFAR-10, by the table that others quote of it; what it
leaves open follows the released code (HHU-MMBS/TEMI-official-BMVC2023): its head (DINO's with one
hidden layer), neighbours by cosine without the point itself, one drawn for each image and epoch,
the learning rate in proportion to the batch, no decay of biases, the last layer fixed for an epoch,
batches that are whole. Its evaluation also reports the epoch that is best by the labels; here the
last one counts. One batch holds all images where there are fewer than its size.

The quick preset has fewer and smaller heads and some hundred steps in place of 19,400: teachers
follow sooner and the learning rate is higher, chosen on the digits by the loss that training ends
with, their labels out of sight. With the paper's momentum, teachers hardly leave their start there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.nn import training
from bench.nn.clustering.neighbours import nearest
from bench.nn.losses.dino import follow
from bench.nn.losses.mutual_information import followed, temi_loss
from bench.nn.schedules import cosine
from bench.registry import method
from bench.tasks import ClusterTask, Ints, Prediction, Run

from .features import OnFeatures

_SNAPSHOTS = 10
"""Assignments handed over while training, at least, where there are as many epochs."""
_IMAGES = 4096
"""Images at a time, where nothing is learned."""
_DEVIATION = 0.02
"""Of the first weights, as in the released code."""


@method(
    "temi",
    kinds=("cluster",),
    quick={
        "heads": 5,
        "hidden": 64,
        "bottleneck": 32,
        "epochs": 25,
        "batch_size": 256,
        "learning_rate": 1e-2,
        "teacher_momentum": 0.9,
    },
)
@dataclass(frozen=True)
class TEMI(OnFeatures):
    """Neighbours tell of each other which cluster they are in: many heads on frozen features."""

    neighbours: int = 50
    """Nearest others, by cosine, of which one is drawn; 25 for ImageNet."""
    heads: int = 50
    """H; 16 in the released example."""
    hidden: int = 512
    """Units of a head's hidden layer."""
    bottleneck: int = 256
    """Length of the code that gets unit norm."""
    beta: float = 0.6
    """Exponent of the probabilities; 1 is the mutual information."""
    student_temperature: float = 0.1
    """The student's logits are divided by it."""
    teacher_temperature: float = 0.1
    """The teacher's likewise; constant."""
    teacher_momentum: float = 0.996
    """Of the teacher's weights; constant."""
    share_momentum: float = 0.9
    """Of the running mean of the teacher's distributions, the clusters' shares."""
    epochs: int = 200
    """800 for the 5,000 images of STL-10."""
    batch_size: int = 512
    """1,024 for ImageNet."""
    learning_rate: float = 1e-4
    """Learning rate of AdamW for 256 images, in proportion to `batch_size`; constant after
    `warmup`."""
    warmup: float = 0.1
    """Fraction of training in which it rises from 0: 20 epochs of 200."""
    weight_decay: float = 1e-4
    """Of AdamW, for all but biases."""
    freeze_last_layer: float = 0.005
    """Fraction of training in which the last layers stay as drawn: 1 epoch of 200."""

    def __post_init__(self) -> None:
        counts = (self.neighbours, self.heads, self.hidden, self.bottleneck)
        if min(*counts, self.epochs, self.batch_size) < 1:
            raise ValueError(
                "neighbours, heads, hidden, bottleneck, epochs and batch_size must be at least 1"
            )
        if min(self.beta, self.student_temperature, self.teacher_temperature) <= 0:
            raise ValueError("beta, student_temperature and teacher_temperature must be above 0")
        if not (0 <= self.warmup < 1 and 0 <= self.freeze_last_layer <= 1):
            raise ValueError(
                "warmup and freeze_last_layer are fractions of training, warmup below 1"
            )
        if not (0 <= self.teacher_momentum <= 1 and 0 <= self.share_momentum <= 1):
            raise ValueError("teacher_momentum and share_momentum must lie in 0..1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Train all heads.

        Returns:
            Each image's cluster; the chosen teacher's weights as `Heads` has them.

        Raises:
            ValueError: fewer images than neighbours + 1.
        """
        features = self.features(run)
        near = nearest(functional.normalize(features), self.neighbours).indices
        (n, width), clusters = features.shape, task.n_clusters
        student, teacher = (Heads(self, width, clusters, run).to(run.device) for _ in range(2))
        teacher.requires_grad_(False)
        optimiser = torch.optim.AdamW(student.groups(self.weight_decay), fused=True)
        shares = torch.full((self.heads, clusters), 1 / clusters, device=run.device)
        losses = torch.zeros(self.heads, device=run.device)
        order, draws = run.generator("batches"), run.generator("neighbours")
        size = min(self.batch_size, n)
        steps, peak = n // size, self.learning_rate * size / 256
        rates = cosine(peak, peak, self.epochs, steps, warmup=self.warmup * self.epochs)
        frozen = round(self.freeze_last_layer * self.epochs * steps)
        loop = training.Epochs(
            run,
            self.epochs,
            student=student,
            teacher=teacher,
            optimiser=optimiser,
            shares=shares,
            losses=losses,
            order=order,
            draws=draws,
        )
        for epoch in loop:
            chosen = torch.randint(self.neighbours, (n, 1), generator=draws).to(run.device)
            pairs = near.gather(1, chosen)[:, 0]
            losses.zero_()
            for step, rows in enumerate(_whole_batches(n, size, order)):
                at = epoch * steps + step
                training.set_learning_rate(optimiser, rates[at])
                student.freeze_last(at < frozen)
                here = rows.to(run.device)
                x = features[torch.cat([here, pairs[here]])]
                of_heads = self._of_heads(student, teacher, shares, x)
                loop.step(optimiser, of_heads.mean())
                follow(teacher, student, self.teacher_momentum)
                losses += of_heads.detach() / steps
            loop.note(lowest=float(losses.min()))
            if loop.due(_SNAPSHOTS):
                run.snapshot(epoch + 1, _clusters(teacher.head(losses), features))
        best = teacher.head(losses)
        tensors = {name: value.cpu().clone() for name, value in best.items()}
        return Prediction(assignments=_clusters(best, features), tensors=tensors)

    def _of_heads(self, student: Heads, teacher: Heads, shares: Tensor, x: Tensor) -> Tensor:
        """Each head's loss, (heads,), on images and, behind them, their neighbours, (2 n, D).

        The clusters' shares, (heads, K), follow the teacher in place.
        """
        with torch.no_grad():
            q = _log_probabilities(teacher(x), self.teacher_temperature)
            shares.copy_(followed(shares, q, self.share_momentum))
        p = _log_probabilities(student(x), self.student_temperature)
        return temi_loss(p, q, shares, self.beta)


class Heads(nn.Module):
    """Heads of one hidden layer, a code of unit length and a weight-normed layer, side by side."""

    def __init__(self, method: TEMI, width: int, clusters: int, run: Run) -> None:
        """Draw them; two of one seed are alike.

        Args:
            method: Has their number and sizes.
            width: D, of the features.
            clusters: K.
            run: Of the seed.
        """
        super().__init__()
        drawn, heads = run.generator("init"), method.heads
        self.hidden = _drawn(heads, width, method.hidden, drawn)
        self.hidden_bias = nn.Parameter(torch.zeros(heads, 1, method.hidden))
        self.code = _drawn(heads, method.hidden, method.bottleneck, drawn)
        self.code_bias = nn.Parameter(torch.zeros(heads, 1, method.bottleneck))
        bound = method.bottleneck**-0.5  # torch's own, as the released code leaves this layer
        last = torch.empty(heads, method.bottleneck, clusters)
        self.direction = nn.Parameter(nn.init.uniform_(last, -bound, bound, generator=drawn))
        self.length = nn.Parameter(torch.ones(heads, 1, clusters))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, D) to outputs (H, n, K)."""
        return _outputs(dict(self.named_parameters()), features)

    def groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The parameters that decay, and the biases, which do not."""
        named = list(self.named_parameters())
        return [
            {
                "params": [p for name, p in named if "bias" not in name],
                "weight_decay": weight_decay,
            },
            {"params": [p for name, p in named if "bias" in name], "weight_decay": 0.0},
        ]

    def freeze_last(self, frozen: bool) -> None:
        """Whether the last layers stay as they are in the next step."""
        self.direction.requires_grad_(not frozen)
        self.length.requires_grad_(not frozen)

    def head(self, losses: Tensor) -> dict[str, Tensor]:
        """The parameters of the head with the lowest loss, the first of such, by name, (1, ...)."""
        best = int(losses.argmin())
        return {name: p.detach()[best : best + 1] for name, p in self.named_parameters()}


def _outputs(heads: dict[str, Tensor], features: Tensor) -> Tensor:
    """What heads with these parameters give, (H, n, K)."""
    hidden = functional.gelu(features @ heads["hidden"] + heads["hidden_bias"])
    code = functional.normalize(hidden @ heads["code"] + heads["code_bias"], dim=2)
    return code @ (functional.normalize(heads["direction"], dim=1) * heads["length"])


def _clusters(head: dict[str, Tensor], features: Tensor) -> Ints:
    """Each image's largest output of a single head: int64, (N,)."""
    parts = [_outputs(head, x)[0].argmax(dim=1) for x in torch.split(features, _IMAGES)]
    return torch.cat(parts).cpu().numpy()


def _whole_batches(n: int, size: int, order: torch.Generator) -> Iterator[Tensor]:
    """An epoch's batches, random rows, without a last one that is smaller."""
    yield from (rows for rows in training.batches(n, size, order) if len(rows) == size)


def _log_probabilities(outputs: Tensor, temperature: float) -> Tensor:
    """Logarithms of the distributions, of n images and their neighbours apart: (H, 2, n, K)."""
    heads, rows, clusters = outputs.shape
    return (outputs / temperature).log_softmax(dim=2).view(heads, 2, rows // 2, clusters)


def _drawn(heads: int, inputs: int, outputs: int, generator: torch.Generator) -> nn.Parameter:
    """Weights of a layer of each head, as the released code draws them."""
    weights = torch.empty(heads, inputs, outputs)
    return nn.Parameter(nn.init.trunc_normal_(weights, std=_DEVIATION, generator=generator))
