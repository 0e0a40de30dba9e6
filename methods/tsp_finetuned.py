"""TSP with its feature extractor fine-tuned: what its authors advise against.

Zhou and Zhang, "Deep clustering with features from self-supervised pretraining", 2022, section 4.4:
ACC on CIFAR-10 falls from 92.1 to 65.7 when the extractor learns with the head, since nothing holds
the clusters apart where the white sheep are missing.

    python -m bench run tsp-local --methods tsp,tsp-finetuned

The paper says no more than that. Readings: the loss, the optimiser and the schedule are those of
`methods/tsp.py`, with one learning rate for head and extractor; neighbours, P(j | i) and the first
head are those of the features before, standardised as there, by constants that stay. The quick
preset has 10 epochs in place of 100: a minute for the small networks trained here, hours for ViT-S
on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.nn import networks, training
from bench.nn.clustering.heads import from_centres
from bench.nn.clustering.neighbours import nearest, probabilities
from bench.nn.images.tensors import to_tensor
from bench.nn.losses.agreement import tsp_loss
from bench.nn.networks.features import extract
from bench.nn.networks.sized import has_size, sized
from bench.registry import method
from bench.tasks import ClusterTask, Images, Prediction, Run

from .features import Pretrained, moments

_IMAGES = 250
"""Images at a time, where nothing is learned."""


@method("tsp-finetuned", kinds=("cluster",), quick={"epochs": 10})
@dataclass(frozen=True)
class FineTuned(Pretrained):
    """Neighbours share a cluster, and the features learn to make it so."""

    neighbours: int = 20
    """K of equation 4."""
    entropy_weight: float = 3.0
    """lambda of equation 5."""
    n_init: int = 1
    """Restarts of the K-means that gives the first head."""
    epochs: int = 100
    """Passes over the images."""
    batch_size: int = 256
    """Images in a batch, each with one neighbour."""
    learning_rate: float = 1e-4
    """Learning rate of Adam, for head and extractor."""
    keep: bool = False
    """Give back features before and after training, for figures."""

    def __post_init__(self) -> None:
        if min(self.neighbours, self.epochs, self.batch_size, self.n_init) < 1:
            raise ValueError("neighbours, epochs, batch_size and n_init must be at least 1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Train network and head on the target's images.

        Returns:
            Each image's cluster; with `keep` the features "before" and "after", float32 (N, D).

        Raises:
            ValueError: fewer images than neighbours + 1, or a network without a size.
        """
        needed = run.needed("network")
        network = networks.load(needed.architecture, needed.tensors).to(run.device)
        model = _Model(self, network)
        before = self._features(model, task.target)
        first = model.fix(before) if self.standardise else before
        near = nearest(first, max(self.neighbours, 3))
        below = probabilities(near.distances, self.neighbours).cumsum(dim=1)[:, :-1]
        model.start(first, task.n_clusters, self.n_init, run.seed_for("init"))
        optimiser = torch.optim.Adam(model.parameters(), self.learning_rate)
        order, draws = run.generator("batches"), run.generator("neighbours")
        epochs = training.Epochs(
            run, self.epochs, model=model, optimiser=optimiser, order=order, draws=draws
        )
        model.train()
        for _ in epochs:
            drawn = torch.rand(len(below), 1, generator=draws, dtype=torch.float64)
            chosen = near.indices.gather(1, (below < drawn).sum(dim=1, keepdim=True))[:, 0]
            for rows in training.batches(len(below), self.batch_size, order):
                loss = self._loss(model, task.target, rows, chosen[rows], run)
                epochs.add(training.step(optimiser, loss), len(rows))
        after = self._features(model, task.target)
        logits = model.head(model.scaled(after.to(run.device)))
        tensors = {"before": before, "after": after} if self.keep else {}
        return Prediction(assignments=logits.argmax(dim=1).cpu().numpy(), tensors=tensors)

    def _features(self, model: _Model, images: Images) -> Tensor:
        """Features as the network has them now, float32 (N, D) on the CPU."""
        return extract(model, images, batch=_IMAGES, of=model.raw)

    def _loss(self, model: _Model, images: Images, rows: Tensor, near: Tensor, run: Run) -> Tensor:
        """Equation 5 of a batch, each image with one neighbour."""
        x = to_tensor(images[torch.cat([rows, near]).numpy()], run.device)
        p, q = model.head(model.scaled(model.raw(x))).softmax(dim=1).chunk(2)
        return tsp_loss(p, q, self.entropy_weight)


class _Model(nn.Module):
    """A network up to its features, constants that standardise them, and a linear head."""

    shift: Tensor
    scale: Tensor

    def __init__(self, method: FineTuned, network: nn.Module) -> None:
        super().__init__()
        if not has_size(network):
            raise ValueError(f"network '{method.network}' says nothing of the size of its images")
        self.network, self.invert = network, method.invert
        device = next(network.parameters()).device
        self.register_buffer("shift", torch.zeros(1, device=device))
        self.register_buffer("scale", torch.ones(1, device=device))

    def raw(self, x: Tensor) -> Tensor:
        """Features of float images in 0..1, as the network has them, (n, D)."""
        return self.network.features(sized(x, self.network, invert=self.invert))

    def scaled(self, features: Tensor) -> Tensor:
        """Features by the constants, (n, D)."""
        return (features - self.shift) / self.scale

    def fix(self, features: Tensor) -> Tensor:
        """Take the constants from these features, (N, D) on the CPU; they as they then are."""
        mean, deviation = moments(features)
        device = self.shift.device
        self.shift, self.scale = mean.to(device), deviation.to(device)
        return (features - mean) / deviation

    def start(self, features: Tensor, clusters: int, n_init: int, seed: int) -> None:
        """The head, from K-means of features (N, D) on the CPU."""
        weight = from_centres(features.numpy(), clusters, seed, n_init)
        self.head = nn.Linear(features.shape[1], clusters).to(self.shift.device)
        with torch.no_grad():
            self.head.weight.copy_(weight)
            self.head.bias.zero_()
